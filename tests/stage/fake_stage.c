/*
 * A stage made of the skeleton and next to nothing: a validator whose report and baseline are two small texts made of
 * the train rows' digest. What it shall do is said by the environment, FAKE_WORK:
 *
 *      (unset)   the work
 *      wait      waits for the file `go` in its home, or until it is canceled
 *      deaf      as wait, but is done when it is canceled
 *      pass      passes the point of no return, then waits for `go`
 *      passed    is canceled before it begins, and says that it has passed the point of no return
 *      stuck     waits for `go` whatever happens
 *      fault     finds the rows at fault
 *      bug       fails with an errno that no waiting mends
 *      leak      passes a condition of the store on, as if it were its own
 *      hungry    never has the memory that it needs
 *      broken    gives an output that its own table refuses
 *      move      makes the file `moved`, on which the cache's key depends
 *      end       ends the run
 *
 * and FAKE_DECIDES=1: decides about cancels itself. Each work appends a byte to `works` in the home.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/file.h"
#include "proto/validator_to_transformer.h"
#include "services/stage/stage.h"

static const char *mode(void) {
        const char *value = getenv("FAKE_WORK");

        return value ? value : "";
}

static bool is(const char *name) {
        return !strcmp(mode(), name);
}

static void wait_a_little(void) {
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static int put_text(struct stage_work *work, const char *what, const struct ingestion *ingestion,
                    struct blob *ret_blob) {
        char text[256];

        snprintf(text, sizeof(text), "%s of %s\n", what, ingestion->train.sha256);
        ret_blob->n_bytes = (int64_t)strlen(text);
        return store_put_blob(work->store, text, strlen(text), ret_blob->sha256);
}

static int do_work(struct stage_work *work) {
        const struct ingestor_to_validator *input = work->input;
        struct validator_to_transformer *output = work->output;
        int r;

        stage_progress(work, 1, 2, "rows");
        r = put_text(work, "report", &input->ingestion, &output->validation.report);
        if (!r)
                r = put_text(work, "baseline", &input->ingestion, &output->validation.baseline);
        if (r)
                return error_trace(r);
        stage_progress(work, 2, 2, "rows");
        stage_count(work, "n_rows", input->ingestion.n_rows - 1);
        stage_count(work, "n_rows", input->ingestion.n_rows);
        stage_count(work, "n_things", 7);
        return 0;
}

static void count_work(void) {
        int fd = open("works", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

        if (fd < 0 || write(fd, ".", 1) != 1)
                abort();
        close(fd);
}

static int work(struct stage_work *work) {
        struct validator_to_transformer *output = work->output;
        int r;

        count_work();
        if (is("fault")) {
                fault_at(&work->fault, "/data/rows.csv", 3, 4);
                fault_in(&work->fault, "Age", 2);
                return fault_set(&work->fault, "INT_TYPE_SMALL_INT", "17 is \xff below 18");
        }
        if (is("leak"))
                return STORE_E_MISSING;
        if (is("hungry"))
                return error_origin(-ENOMEM, "there is no memory");
        if (is("bug"))
                return error_origin(-EDOM, "there is a bug");
        if (is("pass"))
                r = stage_pass_return(work, false);
        else if (is("passed"))
                r = stage_is_canceled(work) ? stage_pass_return(work, true) : -EDOM;
        else
                r = 0;
        if (r)
                return r;
        if (is("wait") || is("deaf") || is("pass") || is("stuck"))
                stage_progress(work, 0, -1, "turns");
        while ((is("wait") || is("deaf") || is("pass") || is("stuck")) && !file_exists("go")) {
                if (is("wait") && stage_is_canceled(work))
                        return STAGE_E_CANCELED;
                if ((is("deaf") || is("pass")) && stage_is_canceled(work))
                        break;
                wait_a_little();
        }
        r = do_work(work);
        if (is("broken"))
                output->validation.report.sha256[0] = 'x';
        if (is("move"))
                close(open("moved", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        if (is("end"))
                strcpy(work->ends_run, "INSUFFICIENT_DATA");
        return r;
}

static int cache_key(struct stage_work *work, struct buffer *key) {
        const struct ingestor_to_validator *input = work->input;

        return stage_key_text(key, file_exists("moved") ? "moved" : "train", input->ingestion.train.sha256);
}

int main(int argc, char **argv) {
        const struct option_row rows[] = {
                { "colour", "FAKE_COLOUR", "red", OPTION_CHOICE, 0, 0, "red|green", NULL, "an option of its own" },
        };
        struct stage_service service = {
                .stage = STAGE_VALIDATOR,
                .summary = "Stands in for a stage",
                .sections = "BUGS\n  It is a fake.\n",
                .options = rows,
                .n_options = N_ELEMENTS(rows),
                .work = work,
                .cache_key = cache_key,
        };

        service.decides_cancel = getenv("FAKE_DECIDES") != NULL;
        if (service.decides_cancel)
                service.cache_key = NULL;
        return stage_main(&service, argc, argv);
}
