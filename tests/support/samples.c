/* Samples: digests are one digit sixty-four times, so that golden bytes can be read by eye. */

#include "tests/support/samples.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "proto/evaluator_to_pusher.h"
#include "proto/gateway_to_ingestor.h"
#include "proto/gateway_to_stage.h"
#include "proto/heartbeat.h"
#include "proto/progress.h"
#include "proto/pusher_to_gateway.h"
#include "proto/stage_to_gateway.h"

#define RUN "01890a5d-ac96-774b-bcce-b302099a8057"
#define MORNING INT64_C(1767323045678) /* 2026-01-02T03:04:05.678Z */

/* Sixty-four times the digit: no digest of anything, but of the right form. */
static void fill_digest(char digit, char ret_digest[DIGEST_SHA256_BYTES]) {
        memset(ret_digest, digit, DIGEST_SHA256_BYTES - 1);
        ret_digest[DIGEST_SHA256_BYTES - 1] = 0;
}

static struct blob make_blob(char digit, int64_t n_bytes) {
        struct blob blob = { .n_bytes = n_bytes };

        fill_digest(digit, blob.sha256);
        return blob;
}

static struct dataset make_dataset(char digit, int64_t n_rows, int64_t n_bytes) {
        struct dataset dataset = { .n_rows = n_rows, .n_bytes = n_bytes };

        fill_digest(digit, dataset.sha256);
        memset(dataset.content, digit, DIGEST_CONTENT_BYTES - 1);
        return dataset;
}

static struct reason make_reason(const char *code, const char *message) {
        struct reason reason = { 0 };

        snprintf(reason.code, sizeof(reason.code), "%s", code);
        snprintf(reason.message, sizeof(reason.message), "%s", message);
        return reason;
}

/* not the defaults, which may change without the schema */
static struct parameters make_parameters(void) {
        return (struct parameters){
                .name = "flowers",
                .split = { .salt = 5, .test_ten_thousandths = 2500 },
                .max_bad_fraction = 0.001,
                .transform = { .numbers = SCALING_PASSTHROUGH,
                               .n_columns = 1,
                               .columns = { { .name = "Länge", .scaling = SCALING_MIN_MAX } } },
                .train = { .seed = 11,
                           .num_boost_round = 500,
                           .early_stopping_rounds = 20,
                           .stopping_fraction = 0.1,
                           .threshold = NAN,
                           .n_settings = 3,
                           .settings = { { "eta", "0.1" }, { "max_depth", "5" }, { "objective", "binary:logistic" } } },
                .evaluate = { .mode = EVALUATE_MODE_REFRESH,
                              .threshold = 0.02,
                              .margin = 0.005,
                              .min_score = 0.4,
                              .min_test_positives = 300,
                              .bootstrap = 2000,
                              .on_accept = EVALUATE_ON_ACCEPT_CHALLENGER },
        };
}

static struct order make_order(void) {
        struct order order = { .parameters = make_parameters(),
                               .schema = make_blob('5', 4096),
                               .cause = "http",
                               .has_champion = true,
                               .champion = { .version = 2 } };

        fill_digest('c', order.champion.manifest);
        return order;
}

static struct ingestion make_ingestion(void) {
        return (struct ingestion){
                .train = make_dataset('1', 37512, 3001024),
                .test = make_dataset('2', 12486, 999424),
                .n_rows = 50000,
                .n_bad = 2,
                .has_rejected = true,
                .rejected = make_dataset('3', 2, 1200),
                .n_missing_columns = 1,
                .n_missing = 1,
                .missing = { { .name = "Höhe" } },
                .n_new_columns = 40,
                .n_new = 2,
                .new = { { .name = "Hoehe" }, { .name = "shape" } },
        };
}

static struct validation make_validation(void) {
        return (struct validation){ .report = make_blob('6', 20000),
                                    .baseline = make_blob('7', 9000),
                                    .n_warnings = 1 };
}

static struct transformation make_transformation(void) {
        return (struct transformation){ .matrix = make_blob('8', 1650000),
                                        .transform = make_blob('9', 2100),
                                        .n_features = 11,
                                        .n_train_rows = 33761,
                                        .n_slice_rows = 3751 };
}

static struct candidate make_candidate(void) {
        return (struct candidate){
                .model = make_blob('a', 300000),
                .n_rounds = 86,
                .n_trained = 106,
                .logloss = 0.2625,
                .decision = { .method = THRESHOLD_METHOD_EXPECTED_F1, .probability = 0.25, .margin = -1.0986123f },
                .booster_ms = 212,
                .xgboost = "1.7.4",
        };
}

static struct scores make_scores(double f1) {
        return (struct scores){ .n_rows = 12486,
                                .n_positives = 1531,
                                .f1 = f1,
                                .precision = 0.375,
                                .recall = 0.625,
                                .auc = 0.855,
                                .pr_auc = 0.36,
                                .log_loss = 0.2630,
                                .brier = 0.0850,
                                .threshold = 0.25 };
}

static struct verdict make_verdict(void) {
        return (struct verdict){
                .accepted = false,
                .may_promote = false,
                .compared_version = 2,
                .n_reasons = 1,
                .reasons = { make_reason("F1_NOT_IMPROVED", "F1 0.4687 exceeds the champion's 0.4600 by 0.0087, not by "
                                                            "more than 0.0200") },
                .candidate = make_scores(0.46875),
                .has_champion = true,
                .champion = make_scores(0.46),
                .metrics = make_blob('d', 5000),
                .golden = make_blob('e', 6000),
        };
}

static struct pusher_to_gateway make_release(void) {
        struct pusher_to_gateway release = { .model = "flowers",
                                             .accepted = true,
                                             .promoted = true,
                                             .version = 3,
                                             .alias_sequence = 7,
                                             .candidate = make_scores(0.5),
                                             .has_champion = true,
                                             .champion = make_scores(0.46) };

        fill_digest('f', release.manifest);
        return release;
}

static struct stage_to_gateway make_end(void) {
        return (struct stage_to_gateway){
                .stage = STAGE_VALIDATOR,
                .state = RUN_STATE_FAILED,
                .started_at = MORNING,
                .finished_at = MORNING + 41,
                .work_ms = 40,
                .n_counts = 2,
                .counts = { { "n_rows", 49998 }, { "n_anomalies", 1 } },
                .n_drifted = 1,
                .drifted = { { "Länge", 0.25 } },
                .has_error = true,
                .error = { .code = "ENUM_TYPE_UNEXPECTED_STRING_VALUES",
                           .message = "\"blau\" is none of the values of Farbe",
                           .column = "Farbe",
                           .row = 17 },
        };
}

static const struct heartbeat heartbeat = { .stage = STAGE_TRAINER,
                                            .state = HEARTBEAT_IDLE,
                                            .pid = 4711,
                                            .started_at = MORNING - 60000,
                                            .n_handled = 12,
                                            .n_rejected = 1,
                                            .n_dead = 1,
                                            .n_inbox = 3,
                                            .n_outbox = 2,
                                            .waits_for = "No space left on device",
                                            .retry_at = MORNING + 4000 };

void sample_envelope(enum message_type type, struct envelope *ret_envelope) {
        bool has_run = type != MESSAGE_HEARTBEAT;

        envelope_init(ret_envelope, has_run ? RUN : "", has_run ? 2 : 0, 40 + (int64_t)type,
                      has_run ? "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" : "");
        ret_envelope->produced_at = MORNING + 100;
}

#define FILL(type_, ...) \
        *(struct type_ *)(void *)ret_sample->bytes = (struct type_) { \
                __VA_ARGS__ \
        }

void sample_message(enum message_type type, union sample *ret_sample) {
        switch (type) {
        case MESSAGE_GATEWAY_TO_INGESTOR:
                FILL(gateway_to_ingestor, .order = make_order());
                break;
        case MESSAGE_INGESTOR_TO_VALIDATOR:
                FILL(ingestor_to_validator, .order = make_order(), .ingestion = make_ingestion());
                break;
        case MESSAGE_VALIDATOR_TO_TRANSFORMER:
                FILL(validator_to_transformer, .order = make_order(), .ingestion = make_ingestion(),
                     .validation = make_validation());
                break;
        case MESSAGE_TRANSFORMER_TO_TRAINER:
                FILL(transformer_to_trainer, .order = make_order(), .ingestion = make_ingestion(),
                     .validation = make_validation(), .transformation = make_transformation());
                break;
        case MESSAGE_TRAINER_TO_EVALUATOR:
                FILL(trainer_to_evaluator, .order = make_order(), .ingestion = make_ingestion(),
                     .validation = make_validation(), .transformation = make_transformation(),
                     .candidate = make_candidate());
                break;
        case MESSAGE_EVALUATOR_TO_PUSHER:
                FILL(evaluator_to_pusher, .order = make_order(), .ingestion = make_ingestion(),
                     .validation = make_validation(), .transformation = make_transformation(),
                     .candidate = make_candidate(), .verdict = make_verdict());
                break;
        case MESSAGE_PUSHER_TO_GATEWAY:
                *(struct pusher_to_gateway *)(void *)ret_sample->bytes = make_release();
                break;
        case MESSAGE_STAGE_TO_GATEWAY:
                *(struct stage_to_gateway *)(void *)ret_sample->bytes = make_end();
                break;
        case MESSAGE_GATEWAY_TO_STAGE:
                FILL(gateway_to_stage, .command = STAGE_COMMAND_CANCEL);
                break;
        case MESSAGE_PROGRESS:
                FILL(progress, .stage = STAGE_INGESTOR, .done = 20000, .total = 50000, .unit = "rows");
                break;
        case MESSAGE_HEARTBEAT:
                *(struct heartbeat *)(void *)ret_sample->bytes = heartbeat;
                break;
        case MESSAGE_N:
                break;
        }
}

int sample_pack(enum message_type type, struct buffer *frame) {
        struct envelope envelope;
        static union sample sample;

        sample_envelope(type, &envelope);
        sample_message(type, &sample);
        return envelope_pack(&envelope, type, message_record(type), sample.bytes, frame);
}
