/* Booster: libxgboost behind one door. Formats and calls: xgboost/c_api.h of 1.7.4. */

#include "common/model/booster.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <xgboost/c_api.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/parallel.h"

#define MOST_BINS 65535 /* 1.7.4 itself sets no limit; ours keeps a bin number in two bytes */

/* Settings under XGBoost's names that are ours to choose, with why. */
static const struct {
        const char *name;
        const char *only; /* the one value that is accepted; NULL: none */
        const char *why;
} restricted[] = {
        { "booster", "gbtree", "the evaluator reads trees only" },
        { "tree_method", "hist", "the matrix is quantized" },
        { "eval_metric", NULL, "early stopping looks at the objective's own metric" },
        { "disable_default_eval_metric", NULL, "early stopping looks at the objective's own metric" },
        { "nthread", NULL, "it follows from the CPUs that the process may use" },
        { "n_jobs", NULL, "it follows from the CPUs that the process may use" },
        { "gpu_id", NULL, "training runs on CPUs" },
        { "device", NULL, "training runs on CPUs" },
        { "updater", NULL, "it follows from tree_method" },
        { "process_type", NULL, "models are trained from nothing" },
        { "num_feature", NULL, "it follows from the data" },
        { "verbosity", NULL, "it follows from the log's level" },
        { "validate_parameters", NULL, "parameters are always validated" },
};

static const char *const objectives[] = { "binary:logistic", "reg:logistic", "reg:squarederror", "multi:softprob",
                                          "multi:softmax" };

/* What is set unless given. */
static const struct booster_parameter defaults[] = {
        { "objective", "binary:logistic" }, { "tree_method", "hist" }, { "max_depth", "5" }, { "eta", "0.1" },
        { "min_child_weight", "10" },       { "seed", "0" },
};

/* Names that mean the same; libxgboost complains under the first. */
static const struct {
        const char *name;
        const char *other;
} aliases[] = {
        { "learning_rate", "eta" }, { "min_split_loss", "gamma" }, { "reg_lambda", "lambda" },
        { "reg_alpha", "alpha" },   { "seed", "random_state" },
};

/* One matrix in the making: hands libxgboost batch after batch, several times over. */
struct feeder {
        const struct booster_batch *batches;
        size_t n_batches;
        size_t n_features;
        size_t next;
        DMatrixHandle proxy;
        bool has_failed;
};

struct training {
        const struct booster_input *input;
        struct fault *fault;
        size_t n_rounds_max;
        size_t n_stopping; /* rounds without gain; 0: no early stopping */
        size_t n_bins;
        int n_threads;
        DMatrixHandle train;
        DMatrixHandle stop;
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
        matrix_free(&training->stop);
        matrix_free(&training->train);
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

static const char *find_parameter(const struct booster_input *input, const char *name) {
        const char *value = NULL;

        for (size_t i = 0; i < input->n_parameters; i++)
                if (!strcmp(input->parameters[i].name, name))
                        value = input->parameters[i].value;
        return value;
}

/* The other name of the same setting, or the name itself. */
static const char *other_name(const char *name) {
        for (size_t i = 0; i < N_ELEMENTS(aliases); i++) {
                if (!strcmp(name, aliases[i].name))
                        return aliases[i].other;
                if (!strcmp(name, aliases[i].other))
                        return aliases[i].name;
        }
        return name;
}

static int parameter_fault(struct training *training, const char *name, const char *format, ...) _printf_(3, 4);

static int parameter_fault(struct training *training, const char *name, const char *format, ...) {
        char text[768];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        fault_in(training->fault, name, -1);
        return fault_set(training->fault, "PARAMETER_INVALID", "%s", text);
}

static int read_count(struct training *training, const char *name, size_t least, size_t most, size_t *count) {
        const char *text = find_parameter(training->input, name);
        unsigned long long value;
        char *end;

        if (!text)
                return 0;
        errno = 0;
        value = strtoull(text, &end, 10);
        if (*text < '0' || *text > '9' || *end || errno || value < least || value > most)
                return parameter_fault(training, name, "%s is \"%s\", but must be an integer from %zu to %zu", name,
                                       text, least, most);
        *count = (size_t)value;
        return 0;
}

static bool is_ours(const char *name) {
        return !strcmp(name, "num_boost_round") || !strcmp(name, "early_stopping_rounds");
}

/* What can be said of the parameters without libxgboost. */
static int check_parameters(struct training *training) {
        const char *objective = find_parameter(training->input, "objective");
        bool is_known = !objective;
        int r;

        training->n_rounds_max = BOOSTER_ROUNDS_DEFAULT;
        training->n_stopping = BOOSTER_STOPPING_ROUNDS_DEFAULT;
        training->n_bins = 256;
        r = read_count(training, "num_boost_round", 1, BOOSTER_ROUNDS_MAX, &training->n_rounds_max);
        if (r)
                return r;
        r = read_count(training, "early_stopping_rounds", 0, BOOSTER_ROUNDS_MAX, &training->n_stopping);
        if (r)
                return r;
        r = read_count(training, "max_bin", 2, MOST_BINS, &training->n_bins);
        if (r)
                return r;
        for (size_t i = 0; i < N_ELEMENTS(objectives); i++)
                is_known |= objective && !strcmp(objective, objectives[i]);
        if (!is_known)
                return parameter_fault(training, "objective",
                                       "objective is \"%s\", but must be one of binary:logistic, reg:logistic, "
                                       "reg:squarederror, multi:softprob, multi:softmax",
                                       objective);
        for (size_t i = 0; i < N_ELEMENTS(restricted); i++) {
                const char *value = find_parameter(training->input, restricted[i].name);

                if (value && (!restricted[i].only || strcmp(value, restricted[i].only) != 0))
                        return parameter_fault(training, restricted[i].name, "%s cannot be set to \"%s\": %s",
                                               restricted[i].name, value, restricted[i].why);
        }
        return 0;
}

static int set_parameter(BoosterHandle booster, const char *name, const char *value) {
        return XGBoosterSetParam(booster, name, value) ? foreign_error("Cannot set a parameter") : 0;
}

static int set_parameters(struct training *training, BoosterHandle booster) {
        const struct booster_input *input = training->input;
        char number[32];
        int r = 0;

        for (size_t i = 0; !r && i < N_ELEMENTS(defaults); i++)
                if (!find_parameter(input, defaults[i].name) && !find_parameter(input, other_name(defaults[i].name)))
                        r = set_parameter(booster, defaults[i].name, defaults[i].value);
        for (size_t i = 0; !r && i < input->n_parameters; i++)
                if (!is_ours(input->parameters[i].name))
                        r = set_parameter(booster, input->parameters[i].name, input->parameters[i].value);
        snprintf(number, sizeof(number), "%d", training->n_threads);
        if (!r)
                r = set_parameter(booster, "nthread", number);
        if (!r)
                r = set_parameter(booster, "verbosity", "1");
        if (!r)
                r = set_parameter(booster, "validate_parameters", "1");
        snprintf(number, sizeof(number), "%zu", input->n_features);
        if (!r)
                r = set_parameter(booster, "num_feature", number);
        return r;
}

static bool has_word(const char *text, const char *word) {
        size_t n = strlen(word);

        for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
                if ((at == text || strchr(" `'\"", at[-1])) && (!at[n] || strchr(" `'\".,:;=", at[n])))
                        return true;
        return false;
}

/* libxgboost refused the parameters: finds the one that it complains about. */
static int name_parameter(struct training *training) {
        const struct booster_input *input = training->input;
        const char *culprit = NULL;
        char text[768], quoted[256];

        clean_message(XGBGetLastError(), text, sizeof(text));
        for (size_t i = 0; i < input->n_parameters && !culprit; i++) {
                const char *name = input->parameters[i].name;

                if (has_word(text, name) || has_word(text, other_name(name)))
                        culprit = name;
        }
        /* of a choice it names only what was chosen: "Invalid Input: 'up', valid values are …" */
        for (size_t i = 0; i < input->n_parameters && !culprit; i++) {
                snprintf(quoted, sizeof(quoted), "'%s'", input->parameters[i].value);
                if (strstr(text, quoted))
                        culprit = input->parameters[i].name;
        }
        if (!culprit)
                return parameter_fault(training, "", "The parameters are refused: %s", text);
        return parameter_fault(training, culprit, "%s is \"%s\": %s", culprit, find_parameter(input, culprit), text);
}

/* A booster without data is configured first, so that a wrong parameter is found before any row is read. */
static int try_parameters(struct training *training) {
        _cleanup_(booster_free) BoosterHandle booster = NULL;
        const char *configuration;
        bst_ulong n_bytes;
        int r;

        if (XGBoosterCreate(NULL, 0, &booster))
                return foreign_error("Cannot create a booster");
        r = set_parameters(training, booster);
        if (r)
                return error_trace(r);
        *unused_parameter = 0;
        if (XGBoosterSaveJsonConfig(booster, &n_bytes, &configuration))
                return name_parameter(training);
        if (*unused_parameter)
                return parameter_fault(training, unused_parameter,
                                       "%s is not a parameter of XGBoost, or has no effect with the others",
                                       unused_parameter);
        return 0;
}

static void feeder_reset(DataIterHandle handle) {
        struct feeder *feeder = handle;

        feeder->next = 0;
}

/* Places the next batch in the proxy: an array of strides, which libxgboost reads where it lies. */
static int feeder_next(DataIterHandle handle) {
        struct feeder *feeder = handle;
        const struct booster_batch *batch;
        char values[256], labels[256];

        while (feeder->next < feeder->n_batches && !feeder->batches[feeder->next].n_rows)
                feeder->next++;
        if (feeder->has_failed || feeder->next == feeder->n_batches)
                return 0;
        batch = &feeder->batches[feeder->next++];
        snprintf(values, sizeof(values),
                 "{\"data\":[%" PRIuPTR ",true],\"shape\":[%zu,%zu],\"strides\":[%zu,%zu],\"typestr\":\"<f4\","
                 "\"version\":3}",
                 (uintptr_t)batch->values, batch->n_rows, feeder->n_features, sizeof(float), batch->distance_bytes);
        snprintf(labels, sizeof(labels),
                 "{\"data\":[%" PRIuPTR ",true],\"shape\":[%zu],\"typestr\":\"<f4\",\"version\":3}",
                 (uintptr_t)batch->labels, batch->n_rows);
        if (XGProxyDMatrixSetDataDense(feeder->proxy, values) ||
            XGDMatrixSetInfoFromInterface(feeder->proxy, "label", labels))
                feeder->has_failed = true;
        return !feeder->has_failed;
}

/* A quantized matrix; with a reference it takes that one's cuts. */
static int make_matrix(struct training *training, const struct booster_batch *batches, size_t n_batches,
                       DMatrixHandle reference, DMatrixHandle *ret_matrix) {
        _cleanup_(matrix_free) DMatrixHandle proxy = NULL;
        struct feeder feeder = { .batches = batches,
                                 .n_batches = n_batches,
                                 .n_features = training->input->n_features };
        char configuration[128];

        if (XGProxyDMatrixCreate(&proxy))
                return foreign_error("Cannot create a matrix");
        feeder.proxy = proxy;
        snprintf(configuration, sizeof(configuration), "{\"missing\":NaN,\"nthread\":%d,\"max_bin\":%zu}",
                 training->n_threads, training->n_bins);
        if (XGQuantileDMatrixCreateFromCallback(&feeder, proxy, reference, feeder_reset, feeder_next, configuration,
                                                ret_matrix) ||
            feeder.has_failed)
                return data_fault(training, "The rows cannot be quantized");
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
        DMatrixHandle matrices[2];
        int r;

        r = try_parameters(training);
        if (r)
                return error_trace(r);
        if (!count_rows(input->train, input->n_train))
                return fault_set(training->fault, "DATA_INVALID", "There are no rows to train on");
        r = make_matrix(training, input->train, input->n_train, NULL, &training->train);
        if (r)
                return error_trace(r);
        matrices[0] = training->train;
        if (training->n_stopping && count_rows(input->stop, input->n_stop)) {
                r = make_matrix(training, input->stop, input->n_stop, training->train, &training->stop);
                if (r)
                        return error_trace(r);
                matrices[1] = training->stop;
        }
        if (XGBoosterCreate(matrices, training->stop ? 2 : 1, &training->booster))
                return foreign_error("Cannot create a booster");
        return error_trace(set_parameters(training, training->booster));
}

/* The metric over the stop rows, from "[7]\tstop-logloss:0.2718". */
static int evaluate(struct training *training, size_t round, double *ret_metric) {
        const char *name = "stop", *text, *colon;
        char *end;
        double metric;

        if (XGBoosterEvalOneIter(training->booster, (int)round, &training->stop, &name, 1, &text))
                return data_fault(training, "The stopping rows cannot be evaluated");
        colon = strrchr(text, ':');
        metric = colon ? strtod(colon + 1, &end) : NAN;
        if (!colon || end == colon + 1)
                return error_origin(-EIO, "libxgboost's metric is not a number: %s", text);
        *ret_metric = metric;
        return 0;
}

static int run_rounds(struct training *training) {
        const struct booster_input *input = training->input;
        struct booster_result *result = &training->result;
        double metric = NAN;
        int64_t start;
        int r;

        for (size_t round = 0; round < training->n_rounds_max; round++) {
                start = clock_monotonic_ns();
                if (XGBoosterUpdateOneIter(training->booster, (int)round, training->train))
                        return data_fault(training, "The rows cannot be learned from");
                if (training->stop) {
                        r = evaluate(training, round, &metric);
                        if (r)
                                return error_trace(r);
                }
                result->booster_ns += clock_monotonic_ns() - start;
                result->n_trained = round + 1;
                if (!training->stop || !round || metric < result->logloss) {
                        result->n_rounds = round + 1;
                        result->logloss = metric;
                }
                if (input->on_round && input->on_round(input->context, round + 1, training->n_rounds_max, metric))
                        return BOOSTER_E_CANCELED;
                if (training->stop && result->n_trained - result->n_rounds >= training->n_stopping)
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

        r = check_parameters(&training);
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
