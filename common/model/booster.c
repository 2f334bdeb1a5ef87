/* Booster: libxgboost behind one door. Formats and calls: xgboost/c_api.h of 1.7.4. */

#include "common/model/booster.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <link.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <xgboost/c_api.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/parallel.h"
#include "common/model/booster_settings.h"

/* One matrix in the making: hands libxgboost batch after batch, several times over. */
struct feeder {
        const struct booster_batch *batches;
        size_t n_batches;
        size_t n_features;
        size_t next;
        DMatrixHandle proxy;
        bool has_failed;
        size_t n_checked; /* batches that have been looked through for infinities */
        size_t infinite;  /* the first feature with one; n_features: none */
};

/* A batch as libxgboost is given it: arrays with strides, which it reads where they lie. */
struct description {
        char values[256];
        char labels[256];
};

struct training {
        const struct booster_input *input;
        struct fault *fault;
        struct booster_settings settings;
        int n_threads;
        DMatrixHandle *matrices; /* the train matrix and then one for each batch of stop rows */
        const char **names;      /* of the matrices */
        size_t n_matrices;
        BoosterHandle booster;
        struct booster_result result;
};

/* What libxgboost's log said of unused parameters on this thread, in the call that is under way. */
static _Thread_local char unused_parameter[128];

static void matrix_free(DMatrixHandle *matrix) {
        if (*matrix)
                XGDMatrixFree(*matrix);
        *matrix = NULL;
}

static void booster_free(BoosterHandle *booster) {
        if (*booster)
                XGBoosterFree(*booster);
        *booster = NULL;
}

static void training_finish(struct training *training) {
        booster_free(&training->booster);
        for (size_t i = 0; i < training->n_matrices; i++)
                XGDMatrixFree(training->matrices[i]);
        free(training->matrices);
        free(training->names);
        booster_result_finish(&training->result);
}

void booster_result_finish(struct booster_result *result) {
        if (result)
                buffer_finish(&result->model);
}

void booster_version(char ret_text[32]) {
        int major, minor, patch;

        XGBoostVersion(&major, &minor, &patch);
        snprintf(ret_text, 32, "%d.%d.%d", major, minor, patch);
}

int booster_library(char *ret_path, size_t n_bytes) {
        void (*function)(int *, int *, int *) = XGBoostVersion;
        struct link_map *map = NULL;
        void *address;
        Dl_info info;

        memcpy(&address, &function, sizeof(address));
        if (!dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP) || !map || !*map->l_name)
                return -ENOENT;
        if (strlen(map->l_name) >= n_bytes)
                return error_origin(-ENAMETOOLONG, "naming the file of libxgboost");
        strcpy(ret_path, map->l_name);
        return 0;
}

/* The sentence in a message of libxgboost: without "[time] file:line: " and without the stack trace. */
static void clean_message(const char *message, char *ret_text, size_t n_bytes) {
        const char *start = message, *colon;
        size_t n;

        if (*start == '[' && strstr(start, "] "))
                start = strstr(start, "] ") + 2;
        n = strcspn(start, " ");
        colon = memchr(start, ':', n);
        if (n && colon && start[n - 1] == ':' && memchr(start, '.', n))
                start += n;
        start += strspn(start, " \n");
        n = strcspn(start, "\n");
        snprintf(ret_text, n_bytes, "%.*s", (int)(n < n_bytes ? n : n_bytes - 1), start);
}

static void on_log(const char *message) {
        static const char before[] = "Parameters: { \"";
        const char *name = strstr(message, before);
        char text[1024];

        if (name && strstr(name, "} are not used")) {
                name += sizeof(before) - 1;
                snprintf(unused_parameter, sizeof(unused_parameter), "%.*s", (int)strcspn(name, "\""), name);
                return;
        }
        clean_message(message, text, sizeof(text));
        log_warn("libxgboost: %s", text);
}

/* A call into libxgboost failed: memory, or something that it would not say of sound input. */
static int foreign_error(const char *what) {
        const char *message = XGBGetLastError();
        char text[1024];

        if (strstr(message, "bad_alloc"))
                return error_origin(-ENOMEM, "%s: libxgboost: %s", what, message);
        clean_message(message, text, sizeof(text));
        return error_origin(-EIO, "%s: libxgboost: %s", what, text);
}

/* The same where only the rows can be at fault. */
static int data_fault(struct training *training, const char *what) {
        char text[768];

        if (strstr(XGBGetLastError(), "bad_alloc"))
                return foreign_error(what);
        clean_message(XGBGetLastError(), text, sizeof(text));
        return fault_set(training->fault, "DATA_INVALID", "%s: %s", what, text);
}

static int set_parameter(void *context, const char *name, const char *value) {
        return XGBoosterSetParam(context, name, value) ? foreign_error("Cannot set a parameter") : 0;
}

static int set_parameters(struct training *training, BoosterHandle booster) {
        char n_threads[16], n_features[32];
        int r;

        snprintf(n_threads, sizeof(n_threads), "%d", training->n_threads);
        snprintf(n_features, sizeof(n_features), "%zu", training->input->n_features);
        r = booster_settings_apply(&training->settings, set_parameter, booster);
        if (!r)
                r = set_parameter(booster, "nthread", n_threads);
        if (!r)
                r = set_parameter(booster, "num_feature", n_features);
        if (!r)
                r = set_parameter(booster, "verbosity", "1");
        if (!r)
                r = set_parameter(booster, "validate_parameters", "1");
        return error_trace(r);
}

/* A booster without data is configured first, so that a wrong parameter is found before any row is read. */
static int try_parameters(struct training *training) {
        _cleanup_(booster_free) BoosterHandle booster = NULL;
        const char *configuration;
        bst_ulong n_bytes;
        char text[768];
        int r;

        if (XGBoosterCreate(NULL, 0, &booster))
                return foreign_error("Cannot create a booster");
        r = set_parameters(training, booster);
        if (r)
                return error_trace(r);
        *unused_parameter = 0;
        if (XGBoosterSaveJsonConfig(booster, &n_bytes, &configuration)) {
                clean_message(XGBGetLastError(), text, sizeof(text));
                return booster_settings_blame(&training->settings, text, training->fault);
        }
        return *unused_parameter ? booster_settings_blame_unused(unused_parameter, training->fault) : 0;
}

static void feeder_reset(DataIterHandle handle) {
        struct feeder *feeder = handle;

        feeder->next = 0;
}

static void describe(const struct booster_batch *batch, size_t n_features, struct description *ret_description) {
        snprintf(ret_description->values, sizeof(ret_description->values),
                 "{\"data\":[%" PRIuPTR ",true],\"shape\":[%zu,%zu],\"strides\":[%zu,%zu],\"typestr\":\"<f4\","
                 "\"version\":3}",
                 (uintptr_t)batch->values, batch->n_rows, n_features, sizeof(float), batch->distance_bytes);
        snprintf(ret_description->labels, sizeof(ret_description->labels),
                 "{\"data\":[%" PRIuPTR ",true],\"shape\":[%zu],\"typestr\":\"<f4\",\"version\":3}",
                 (uintptr_t)batch->labels, batch->n_rows);
}

static bool is_infinite_in(const float *values, size_t n) {
        uint32_t bits;

        for (size_t i = 0; i < n; i++) {
                memcpy(&bits, &values[i], sizeof(bits));
                if ((bits & INT32_MAX) == 0x7f800000)
                        return true;
        }
        return false;
}

/* libxgboost 1.7.4 refuses infinities in plain matrices and lets them into quantized ones; here neither has any. */
static void check_batch(struct feeder *feeder, const struct booster_batch *batch) {
        const uint8_t *values = (const uint8_t *)batch->values;

        for (size_t f = 0; f < feeder->n_features && feeder->infinite == feeder->n_features; f++)
                if (is_infinite_in((const void *)(values + f * batch->distance_bytes), batch->n_rows))
                        feeder->infinite = f;
}

/* Hands over the next batch. Looks it through the first time, which costs least now that its reader comes next. */
static int feeder_next(DataIterHandle handle) {
        struct feeder *feeder = handle;
        struct description description;
        const struct booster_batch *batch;

        while (feeder->next < feeder->n_batches && !feeder->batches[feeder->next].n_rows)
                feeder->next++;
        if (feeder->next == feeder->n_batches)
                return 0;
        batch = &feeder->batches[feeder->next++];
        if (feeder->n_checked < feeder->next) {
                check_batch(feeder, batch);
                feeder->n_checked = feeder->next;
        }
        if (feeder->has_failed || feeder->infinite < feeder->n_features)
                return 0;
        describe(batch, feeder->n_features, &description);
        if (XGProxyDMatrixSetDataDense(feeder->proxy, description.values) ||
            XGDMatrixSetInfoFromInterface(feeder->proxy, "label", description.labels))
                feeder->has_failed = true;
        return !feeder->has_failed;
}

static int infinity_fault(struct training *training, size_t feature) {
        const char *name = training->input->feature_names[feature];

        fault_in(training->fault, name, -1);
        return fault_set(training->fault, "DATA_INVALID", "%s holds an infinite value, which cannot be learned from",
                         name);
}

static void keep_matrix(struct training *training, DMatrixHandle matrix, const char *name) {
        training->names[training->n_matrices] = name;
        training->matrices[training->n_matrices++] = matrix;
}

/* The train rows, quantized; they are read in several passes. */
static int make_train_matrix(struct training *training) {
        const struct booster_input *input = training->input;
        _cleanup_(matrix_free) DMatrixHandle proxy = NULL;
        DMatrixHandle matrix = NULL;
        struct feeder feeder = { .batches = input->train,
                                 .n_batches = input->n_train,
                                 .n_features = input->n_features,
                                 .infinite = input->n_features };
        char configuration[128];
        int r;

        if (XGProxyDMatrixCreate(&proxy))
                return foreign_error("Cannot create a matrix");
        feeder.proxy = proxy;
        snprintf(configuration, sizeof(configuration), "{\"missing\":NaN,\"nthread\":%d,\"max_bin\":%zu}",
                 training->n_threads, training->settings.n_bins);
        r = XGQuantileDMatrixCreateFromCallback(&feeder, proxy, NULL, feeder_reset, feeder_next, configuration,
                                                &matrix);
        if (!r)
                keep_matrix(training, matrix, "train");
        if (feeder.infinite < input->n_features)
                return infinity_fault(training, feeder.infinite);
        return r || feeder.has_failed ? data_fault(training, "The rows cannot be quantized") : 0;
}

/* One batch of stop rows. Not quantized: 1.7.4 evaluates a quantized matrix at a fifth of this one's speed. */
static int make_stop_matrix(struct training *training, const struct booster_batch *batch) {
        struct description description;
        DMatrixHandle matrix = NULL;
        char configuration[64];

        if (!batch->n_rows)
                return 0;
        describe(batch, training->input->n_features, &description);
        snprintf(configuration, sizeof(configuration), "{\"missing\":NaN,\"nthread\":%d}", training->n_threads);
        if (XGDMatrixCreateFromDense(description.values, configuration, &matrix))
                return data_fault(training, "The stopping rows cannot be read");
        keep_matrix(training, matrix, "stop");
        if (XGDMatrixSetInfoFromInterface(matrix, "label", description.labels))
                return data_fault(training, "The stopping rows' labels cannot be read");
        return 0;
}

static size_t count_rows(const struct booster_batch *batches, size_t n_batches) {
        size_t n = 0;

        for (size_t i = 0; i < n_batches; i++)
                n += batches[i].n_rows;
        return n;
}

static int prepare(struct training *training) {
        const struct booster_input *input = training->input;
        int r;

        r = try_parameters(training);
        if (r)
                return error_trace(r);
        if (!count_rows(input->train, input->n_train))
                return fault_set(training->fault, "DATA_INVALID", "There are no rows to train on");
        training->matrices = calloc(1 + input->n_stop, sizeof(*training->matrices));
        training->names = calloc(1 + input->n_stop, sizeof(*training->names));
        if (!training->matrices || !training->names)
                return error_origin(-ENOMEM, "Cannot train");
        r = make_train_matrix(training);
        for (size_t i = 0; !r && training->settings.n_stopping && i < input->n_stop; i++)
                r = make_stop_matrix(training, &input->stop[i]);
        if (r)
                return error_trace(r);
        if (XGBoosterCreate(training->matrices, training->n_matrices, &training->booster))
                return foreign_error("Cannot create a booster");
        return error_trace(set_parameters(training, training->booster));
}

/* The metric over all stop rows, from "[7]\tstop-logloss:0.2718\tstop-logloss:0.2712", one for each batch. */
static int evaluate(struct training *training, size_t round, double *ret_metric) {
        const struct booster_input *input = training->input;
        bool is_root;
        const char *text, *at;
        double sum = 0, n_rows = 0, metric;
        char *end;

        if (XGBoosterEvalOneIter(training->booster, (int)round, training->matrices + 1, training->names + 1,
                                 training->n_matrices - 1, &text))
                return data_fault(training, "The stopping rows cannot be evaluated");
        is_root = strstr(text, "-rmse:"); /* every other metric is a mean */
        at = text;
        for (size_t i = 0; i < input->n_stop; i++) {
                if (!input->stop[i].n_rows)
                        continue;
                at = strchr(at, ':');
                metric = at ? strtod(at + 1, &end) : NAN;
                if (!at || end == at + 1)
                        return error_origin(-EIO, "libxgboost's metric is not a number: %s", text);
                at = end;
                sum += (double)input->stop[i].n_rows * (is_root ? metric * metric : metric);
                n_rows += (double)input->stop[i].n_rows;
        }
        *ret_metric = is_root ? sqrt(sum / n_rows) : sum / n_rows;
        return 0;
}

static int run_rounds(struct training *training) {
        const struct booster_input *input = training->input;
        struct booster_result *result = &training->result;
        bool is_watched = training->n_matrices > 1;
        double metric = NAN;
        int64_t start;
        int r;

        for (size_t round = 0; round < training->settings.n_rounds_max; round++) {
                start = clock_monotonic_ns();
                if (XGBoosterUpdateOneIter(training->booster, (int)round, training->matrices[0]))
                        return data_fault(training, "The rows cannot be learned from");
                if (is_watched) {
                        r = evaluate(training, round, &metric);
                        if (r)
                                return error_trace(r);
                }
                result->booster_ns += clock_monotonic_ns() - start;
                result->n_trained = round + 1;
                if (!is_watched || !round || metric < result->logloss) {
                        result->n_rounds = round + 1;
                        result->logloss = metric;
                }
                if (input->on_round &&
                    input->on_round(input->context, round + 1, training->settings.n_rounds_max, metric))
                        return BOOSTER_E_CANCELED;
                if (is_watched && result->n_trained - result->n_rounds >= training->settings.n_stopping)
                        break;
        }
        return 0;
}

/* The rounds that count, with the features' names, as UBJSON. */
static int save(struct training *training) {
        const struct booster_input *input = training->input;
        _cleanup_(booster_free) BoosterHandle sliced = NULL;
        const char *bytes;
        bst_ulong n_bytes;

        if (XGBoosterSlice(training->booster, 0, (int)training->result.n_rounds, 1, &sliced))
                return foreign_error("Cannot cut the model");
        if (XGBoosterSetStrFeatureInfo(sliced, "feature_name", (const char **)input->feature_names, input->n_features))
                return foreign_error("Cannot name the features");
        if (XGBoosterSaveModelToBuffer(sliced, "{\"format\":\"ubj\"}", &n_bytes, &bytes))
                return foreign_error("Cannot save the model");
        return error_trace(buffer_append(&training->result.model, bytes, n_bytes));
}

int booster_train(const struct booster_input *input, struct booster_result *ret_result, struct fault *fault) {
        _cleanup_(training_finish) struct training training = { .input = input, .fault = fault };
        int64_t start;
        int r;

        r = booster_settings_read(input->parameters, input->n_parameters, &training.settings, fault);
        if (r)
                return r;
        if (XGBRegisterLogCallback(on_log))
                return foreign_error("Cannot hear libxgboost's log");
        training.n_threads = input->n_threads ? input->n_threads : parallel_n_threads();
        training.result.logloss = NAN;
        start = clock_monotonic_ns();
        r = prepare(&training);
        if (r)
                return error_trace(r);
        training.result.booster_ns = clock_monotonic_ns() - start;
        r = run_rounds(&training);
        if (r)
                return error_trace(r);
        start = clock_monotonic_ns();
        r = save(&training);
        if (r)
                return error_trace(r);
        training.result.booster_ns += clock_monotonic_ns() - start;
        *ret_result = training.result;
        training.result = (struct booster_result)BOOSTER_RESULT_NULL;
        return 0;
}
