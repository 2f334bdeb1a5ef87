#pragma once

/* What the pusher's tests share: a store with a run's blobs, and the verdict that names them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "common/model/golden.h"
#include "services/pusher/push.h"
#include "tests/support/scratch.h"
#include "tests/support/store_place.h"
#include "tests/support/world.h"

#define RUN "01890a5d-ac96-774b-bcce-b302099a8057"
#define OTHER_RUN "01890a5d-ac96-774b-bcce-b302099a8058"

struct pushing {
        struct scratch *scratch;
        struct store *store;
        struct registry registry;
        struct evaluator_to_pusher message;
};

static inline struct blob put_blob(struct store *store, const struct buffer *bytes) {
        struct blob blob = { .n_bytes = (int64_t)bytes->n_bytes };

        assert_int_equal(store_put_blob(store, bytes->data, bytes->n_bytes, blob.sha256), 0);
        return blob;
}

static inline struct blob put_text(struct store *store, const char *text) {
        struct buffer bytes = { (uint8_t *)(uintptr_t)text, strlen(text), 0 };

        return put_blob(store, &bytes);
}

static inline struct blob put_golden(struct store *store, const struct bundle *bundle, const struct table *table) {
        _cleanup_(store_writer_destroy_pointer) struct store_writer *writer = NULL;
        struct arrow_summary summary;
        struct fault fault = FAULT_NULL;
        struct blob blob;

        assert_int_equal(store_writer_create(store, &writer), 0);
        assert_int_equal(golden_write(bundle, table, 1, store_writer_fd(writer), &summary, &fault), 0);
        assert_int_equal(store_writer_publish(writer, summary.sha256, blob.sha256), 0);
        blob.n_bytes = summary.n_bytes;
        return blob;
}

static inline void fill_scores(struct scores *scores, double f1) {
        *scores = (struct scores){ .n_rows = 1000,
                                   .n_positives = 300,
                                   .f1 = f1,
                                   .precision = 0.5,
                                   .recall = 0.5,
                                   .auc = 0.8,
                                   .pr_auc = 0.6,
                                   .log_loss = 0.4,
                                   .brier = 0.1,
                                   .threshold = 0.38 };
}

static inline void fill_message(struct pushing *pushing, const struct world_model *model, const struct bundle *bundle,
                                const struct table *table) {
        struct evaluator_to_pusher *message = &pushing->message;

        *message = (struct evaluator_to_pusher)EVALUATOR_TO_PUSHER_NULL;
        parameters_init(&message->order.parameters, "toys");
        message->order.schema = put_blob(pushing->store, &model->schema);
        snprintf(message->order.cause, sizeof(message->order.cause), "http");
        memset(message->ingestion.train.sha256, 'a', 64);
        memset(message->ingestion.train.content, 'b', 32);
        message->ingestion.train.n_rows = 3000;
        memset(message->ingestion.test.sha256, 'c', 64);
        memset(message->ingestion.test.content, 'd', 32);
        message->ingestion.test.n_rows = 1000;
        message->validation.report = put_text(pushing->store, "{\"report\":1}");
        message->validation.baseline = put_text(pushing->store, "{\"baseline\":1}");
        message->transformation.transform = put_blob(pushing->store, &model->transform);
        message->candidate.model = put_blob(pushing->store, &model->model);
        message->candidate.n_rounds = 20;
        message->candidate.decision = (struct decision){ .method = bundle->threshold.method,
                                                         .probability = bundle->threshold.probability,
                                                         .margin = bundle->threshold.margin };
        snprintf(message->candidate.xgboost, sizeof(message->candidate.xgboost), "1.7.4");
        message->verdict.accepted = message->verdict.may_promote = true;
        fill_scores(&message->verdict.candidate, 0.5);
        message->verdict.metrics = put_text(pushing->store, "{\"metrics\":1}");
        message->verdict.golden = put_golden(pushing->store, bundle, table);
}

static inline int pushing_setup(void **state) {
        static const char *const pairs[] = { "num_boost_round", "5", "max_depth", "3", NULL };
        struct pushing *pushing = calloc(1, sizeof(*pushing));
        struct schema *schema = world_schema(world_schema_text);
        struct table_builder *rows = world_rows(schema, 0, 1000);
        struct table table = table_builder_view(rows);
        struct fault fault = FAULT_NULL;
        struct world_model model;
        struct bundle bundle;

        assert_int_equal(scratch_setup((void **)&pushing->scratch), 0);
        assert_int_equal(store_open(store_place(pushing->scratch->folder), &pushing->store, &fault), 0);
        assert_int_equal(registry_init(&pushing->registry, pushing->store, "toys"), 0);
        world_train(world_schema_text, NULL, 0, &table, pairs, -0.5F, &model);
        world_bundle(&model, &bundle);
        fill_message(pushing, &model, &bundle, &table);
        bundle_finish(&bundle);
        world_model_finish(&model);
        table_builder_destroy(rows);
        schema_destroy(schema);
        *state = pushing;
        return 0;
}

static inline int pushing_teardown(void **state) {
        struct pushing *pushing = *state;
        int r;

        store_close(pushing->store);
        r = scratch_teardown((void **)&pushing->scratch);
        free(pushing);
        return r;
}

static inline int push_as(struct pushing *pushing, const char *run, const char *build, int64_t now_ms,
                          struct registry *registry, struct pusher_to_gateway *ret_release, struct fault *fault) {
        struct push_input input = { .message = &pushing->message,
                                    .run = run,
                                    .build = build,
                                    .now_ms = now_ms,
                                    .store = registry->store,
                                    .registry = registry };

        *fault = (struct fault)FAULT_NULL;
        return push(&input, ret_release, fault);
}

static inline int64_t count_versions(struct registry *registry) {
        _cleanup_(registry_versions_finish) struct registry_versions versions = REGISTRY_VERSIONS_NULL;
        int64_t n = 0;

        assert_int_equal(registry_versions_init(registry, &versions), 0);
        for (;; n++) {
                _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
                int r = registry_versions_next(&versions, &manifest);

                if (r == REGISTRY_E_MISSING)
                        return n;
                assert_int_equal(r, 0);
        }
}
