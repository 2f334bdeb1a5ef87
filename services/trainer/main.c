/*
 * NAME
 *      convoy-trainer - learns a model from the train matrix
 *
 * SUMMARY
 *      Trains gradient-boosted trees with libxgboost on the rows of the train matrix, where they lie; stops when the
 *      slice, the rows kept from learning, no longer gains; and chooses the decision threshold on the slice. The test
 *      rows are not looked at. The only daemon that loads libxgboost.
 *
 * RECEIVES
 *      transformer_to_trainer  the train matrix
 *
 * EMITS
 *      trainer_to_evaluator    the same, and a candidate
 *
 * STORES
 *      blobs   model.ubj, cut to the rounds that count
 *      runs/<run>/trainer.json, cache/<key>.json
 *
 * CONFIG
 *      pipeline.yaml for the store; the parameters of training are ordered with the run. Threads are the CPUs in the
 *      affinity mask (taskset); the model does not depend on their number. OMP_WAIT_POLICY is passive unless it is set:
 *      threads that spin while they wait make everybody slow, libxgboost first.
 *
 * DIAGNOSTICS
 *      One line per message; exit codes 0 stopped, 1 failed, 2 misconfigured. A run FAILED here with PARAMETER_INVALID
 *      names the parameter, with DATA_INVALID the column, that libxgboost does not take.
 *
 * BUGS
 *      A cancel is heard between rounds only, not while the matrix is being quantized.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/data/arrow/arrow.h"
#include "common/model/booster.h"
#include "services/stage/stage.h"
#include "services/trainer/train.h"

#define WAIT_POLICY "OMP_WAIT_POLICY"

/* The train matrix, mapped. */
struct matrix {
        struct arrow_file *file;
        struct table *tables;
};

static void matrix_finish(struct matrix *matrix) {
        free(matrix->tables);
        arrow_file_close(matrix->file);
}

static int matrix_open(struct stage_work *work, const char *sha256, struct matrix *matrix) {
        char path[STORE_PATH_BYTES];
        int r;

        r = stage_fetch_blob(work, sha256, "the train matrix", path);
        if (!r)
                r = arrow_file_open(path, &matrix->file, &work->fault);
        if (!r)
                r = arrow_file_batches(matrix->file, &matrix->tables, &work->fault);
        return error_trace(r);
}

static int on_round(void *context, int64_t n_done, int64_t n_rounds) {
        struct stage_work *work = context;

        stage_progress(work, n_done, n_rounds, "rounds");
        return stage_is_canceled(work);
}

static int learn(struct stage_work *work, struct train_result *ret_result) {
        const struct transformer_to_trainer *message = work->input;
        _cleanup_(matrix_finish) struct matrix matrix = { 0 };
        struct train_input input = { .parameters = &message->order.parameters.train,
                                     .n_train_rows = message->transformation.n_train_rows,
                                     .n_slice_rows = message->transformation.n_slice_rows,
                                     .on_round = on_round,
                                     .context = work };
        int r;

        r = matrix_open(work, message->transformation.matrix.sha256, &matrix);
        if (r)
                return error_trace(r);
        input.tables = matrix.tables;
        input.n_tables = arrow_file_n_batches(matrix.file);
        r = train(&input, ret_result, &work->fault);
        return r == TRAIN_E_CANCELED ? STAGE_E_CANCELED : error_trace(r);
}

static int work(struct stage_work *work) {
        const struct transformer_to_trainer *message = work->input;
        struct candidate *candidate = &((struct trainer_to_evaluator *)work->output)->candidate;
        _cleanup_(train_result_finish) struct train_result result = TRAIN_RESULT_NULL;
        int r;

        r = learn(work, &result);
        if (r)
                return r;
        *candidate = result.candidate;
        candidate->model.n_bytes = (int64_t)result.model.n_bytes;
        r = store_put_blob(work->store, result.model.data, result.model.n_bytes, candidate->model.sha256);
        if (r)
                return error_trace(r);
        work->booster_ms = candidate->booster_ms;
        stage_progress(work, candidate->n_trained, candidate->n_trained, "rounds");
        stage_count(work, "n_rows", message->transformation.n_train_rows);
        stage_count(work, "n_rounds", candidate->n_rounds);
        stage_count(work, "n_trained", candidate->n_trained);
        return 0;
}

/* The matrix holds what schema and transform say of the rows, names included. */
static int cache_key(struct stage_work *work, struct buffer *key) {
        const struct transformer_to_trainer *message = work->input;
        char text[24];
        int r;

        r = stage_key_text(key, "matrix", message->transformation.matrix.sha256);
        snprintf(text, sizeof(text), "%" PRId64, message->transformation.n_train_rows);
        if (!r)
                r = stage_key_text(key, "n_train_rows", text);
        if (!r)
                r = stage_key_record(key, "train", &train_parameters_record, &message->order.parameters.train);
        return error_trace(r);
}

static const struct stage_service SERVICE = {
        .stage = STAGE_TRAINER,
        .summary = "learns a model from the train matrix",
        .work = work,
        .cache_key = cache_key,
        .other_build_file = booster_library,
};

/* libgomp reads its environment when it is loaded, before main(); so this program executes itself once more. The
 * variable, which is set then, ends that. Where it cannot be done, training is slower and no less right. */
static void wait_passively(char **argv) {
        char path[4096];
        ssize_t n;

        if (getenv(WAIT_POLICY))
                return;
        n = readlink("/proc/self/exe", path, sizeof(path) - 1);
        if (n <= 0 || setenv(WAIT_POLICY, "passive", 1))
                return;
        path[n] = 0;
        execv(path, argv);
        log_warn("cannot execute %s with " WAIT_POLICY "=passive (%s), going on without", path, strerror(errno));
}

int main(int argc, char **argv) {
        wait_passively(argv);
        return stage_main(&SERVICE, argc, argv);
}
