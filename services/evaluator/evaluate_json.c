/* metrics.json: figures in a fixed order and as their shortest digits, so that equal evaluations give equal bytes. */

#include "services/evaluator/evaluate_json.h"

#include "common/base/error.h"
#include "common/base/json_builder.h"

#define METRICS_VERSION 1

static void put_threshold(struct json_builder *json, const struct threshold *threshold) {
        json_key(json, "threshold");
        json_begin_object(json);
        json_key_double(json, "margin", (double)threshold->margin);
        json_key_double(json, "probability", threshold_shown(threshold));
        json_end_object(json);
}

static void put_difference(struct json_builder *json, const struct evaluate_input *input,
                           const struct evaluation *evaluation) {
        const struct bootstrap_interval *interval = &evaluation->gate.interval;

        json_key(json, "f1_difference");
        json_begin_object(json);
        json_key_double(json, "value", evaluation->rival.f1 - evaluation->champion.f1);
        json_key_double(json, "low", interval->low);
        json_key_double(json, "median", interval->median);
        json_key_double(json, "high", interval->high);
        json_key_double(json, "quantile", GATE_QUANTILE);
        json_key_int64(json, "draws", input->parameters->evaluate.bootstrap);
        json_end_object(json);
}

static void put_comparison(struct json_builder *json, const struct evaluate_input *input,
                           const struct evaluation *evaluation) {
        json_key(json, "comparison");
        json_begin_object(json);
        json_key_int64(json, "version", input->champion->version);
        put_threshold(json, &input->champion->bundle->threshold);
        json_key(json, "candidate");
        metrics_put_json(json, &evaluation->rival);
        json_key(json, "champion");
        metrics_put_json(json, &evaluation->champion);
        json_key(json, "cells");
        json_begin_array(json);
        for (int i = 0; i < BOOTSTRAP_CELLS; i++)
                json_put_int64(json, evaluation->cells[i]);
        json_end_array(json);
        put_difference(json, input, evaluation);
        json_end_object(json);
}

static void put_gate(struct json_builder *json, const struct evaluate_parameters *parameters,
                     const struct gate_result *gate) {
        static const char *const modes[EVALUATE_MODE_N] = {
                [EVALUATE_MODE_IMPROVE] = "improve", [EVALUATE_MODE_REFRESH] = "refresh"
        };

        json_key(json, "gate");
        json_begin_object(json);
        json_key_text(json, "mode", modes[parameters->mode]);
        if (parameters->mode == EVALUATE_MODE_IMPROVE)
                json_key_double(json, "threshold", parameters->threshold);
        else
                json_key_double(json, "margin", parameters->margin);
        json_key_double(json, "min_score", parameters->min_score);
        json_key_int64(json, "min_test_positives", parameters->min_test_positives);
        json_key_bool(json, "accepted", gate->accepted);
        json_key_bool(json, "may_promote", gate->may_promote);
        json_key(json, "reasons");
        json_begin_array(json);
        for (size_t i = 0; i < gate->n_reasons; i++) {
                json_begin_object(json);
                json_key_text(json, "code", gate->reasons[i].code);
                json_key_text(json, "message", gate->reasons[i].message);
                json_end_object(json);
        }
        json_end_array(json);
        json_end_object(json);
}

int evaluate_format(const struct evaluate_input *input, const struct evaluation *evaluation, struct buffer *text) {
        struct json_builder json = json_begin(text, JSON_PRETTY);

        json_begin_object(&json);
        json_key_int64(&json, "metrics", METRICS_VERSION);
        put_threshold(&json, &input->candidate->threshold);
        json_key(&json, "candidate");
        metrics_put_json(&json, &evaluation->candidate);
        if (evaluation->is_compared)
                put_comparison(&json, input, evaluation);
        put_gate(&json, &input->parameters->evaluate, &evaluation->gate);
        json_end_object(&json);
        return error_trace(json_end(&json));
}
