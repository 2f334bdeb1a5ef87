/* Lineage: the pusher's message written into manifest.json, and the split read out of one. */

#include "proto/lineage.h"

#include "common/base/error.h"
#include "common/base/json.h"

static void put_split(const struct split *split, struct json_builder *json) {
        json_key(json, "split");
        json_begin_object(json);
        json_key_int64(json, "salt", split->salt);
        json_key_int64(json, "test_ten_thousandths", split->test_ten_thousandths);
        json_end_object(json);
}

static void put_datasets(const struct ingestion *ingestion, struct json_builder *json) {
        json_key(json, "datasets");
        json_begin_object(json);
        json_key(json, "train");
        record_put_json(&dataset_record, &ingestion->train, json);
        json_key(json, "test");
        record_put_json(&dataset_record, &ingestion->test, json);
        json_end_object(json);
}

static void put_champion(const struct verdict *verdict, struct json_builder *json) {
        if (!verdict->compared_version)
                return;
        json_key(json, "champion");
        json_begin_object(json);
        json_key_int64(json, "version", verdict->compared_version);
        if (verdict->has_champion) {
                json_key(json, "metrics");
                record_put_json(&scores_record, &verdict->champion, json);
        }
        json_end_object(json);
}

void lineage_put_json(const struct evaluator_to_pusher *message, const char *build, struct json_builder *json) {
        const struct parameters *parameters = &message->order.parameters;

        json_key_text(json, "build_id", build);
        json_key_text(json, "xgboost", message->candidate.xgboost);
        json_key_int64(json, "seed", parameters->train.seed);
        json_key_int64(json, "n_rounds", message->candidate.n_rounds);
        put_split(&parameters->split, json);
        put_datasets(&message->ingestion, json);
        json_key(json, "parameters");
        record_put_json(&parameters_record, parameters, json);
        put_champion(&message->verdict, json);
        json_key(json, "metrics");
        record_put_json(&scores_record, &message->verdict.candidate, json);
}

int lineage_read_split(const void *manifest, size_t n_bytes, struct split *ret_split, struct fault *fault) {
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        const struct json_value *object = NULL;
        struct split split = { 0 };
        int r;

        r = json_parse(manifest, n_bytes, fault, &json);
        if (!r)
                r = json_need_object(json_root(json), "split", fault, &object);
        if (!r)
                r = json_need_int(object, "salt", 0, INT64_MAX, fault, &split.salt);
        if (!r)
                r = json_need_int(object, "test_ten_thousandths", 0, 10000, fault, &split.test_ten_thousandths);
        if (r)
                return error_trace(r);
        *ret_split = split;
        return 0;
}
