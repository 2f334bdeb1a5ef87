/* convoy export: what a run read, or learned from, as CSV. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/command.h"
#include "cli/place.h"
#include "cli/progress.h"
#include "cli/rows.h"
#include "cli/run_id.h"
#include "common/base/error.h"
#include "common/data/arrow/arrow.h"
#include "proto/ingestor_to_validator.h"
#include "proto/stage_manifest.h"
#include "proto/transformer_to_trainer.h"

static const struct option_row OPTIONS[] = {
        COMMAND_OPTION_HOME,
        COMMAND_OPTION_PIPELINE,
        { "out", NULL, ".", OPTION_TEXT, 0, 0, NULL, "DIR", "folder to write to" },
        { "features", NULL, NULL, OPTION_FLAG, 0, 0, NULL, NULL,
          "write features.csv, the matrix that was trained on, instead of the rows" },
};

static const struct option_table TABLE = {
        .program = "convoy export",
        .summary =
                "Writes the rows of a run as train.csv, test.csv and, where rows were set aside, rejected.csv with the "
                "reasons; or its train matrix as features.csv",
        .operands = "RUN",
        .n_operands_min = 1,
        .n_operands_max = 1,
        .rows = OPTIONS,
        .n_rows = N_ELEMENTS(OPTIONS),
        .sections = RUN_ID_HELP,
};

/* What the two stages gave; large. */
struct given {
        struct stage_manifest manifest;
        struct ingestor_to_validator rows;
        struct transformer_to_trainer matrix;
};

/* Whether anything of the run stands in the store. */
static bool is_known(struct store *store, const char *run) {
        _cleanup_(store_page_finish) struct store_page page = STORE_PAGE_NULL;
        char folder[STORE_NAME_BYTES];

        snprintf(folder, sizeof(folder), "runs/%s", run);
        return store_list(store, folder, NULL, 1, &page) || page.n_entries;
}

static int read_manifest(struct store *store, const char *run, enum stage stage, struct stage_manifest *manifest,
                         void *output, struct fault *fault) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        char name[MANIFEST_NAME_BYTES];
        bool has_output = false;
        int r;

        stage_manifest_name(run, stage, name);
        if (!is_known(store, run))
                return fault_set(fault, "RUN_UNKNOWN",
                                 "there is no run %s here, or none of its stages has ended; `convoy runs` lists the "
                                 "runs, and --home says where to look",
                                 run);
        r = store_get(store, name, &text, NULL);
        if (r == STORE_E_MISSING)
                return fault_set(fault, "STAGE_UNKNOWN",
                                 "the %s of run %s has not ended here; `convoy runs %s` says how far it is, and --home "
                                 "where to look",
                                 stage_name(stage), run, run);
        if (r)
                return store_fault(r, name, fault);
        r = stage_manifest_read(text.data, text.n_bytes, stage, manifest, output, &has_output, fault);
        if (!r && !has_output)
                r = fault_set(fault, "STAGE_NO_OUTPUT", "the %s of this run gave nothing on: it ended %s",
                              stage_name(stage), run_state_name(manifest->end.state));
        if (r == FAULT_E_INPUT)
                fault_at(fault, name, 0, 0);
        return r;
}

static int copy(const struct arrow_file *file, struct rows *rows, struct fault *fault) {
        struct table table = arrow_file_shape(file);
        int r;

        r = rows_add(rows, &table, fault);
        for (size_t i = 0; i < arrow_file_n_batches(file) && !r; i++) {
                r = arrow_file_batch(file, i, &table, fault);
                if (!r)
                        r = rows_add(rows, &table, fault);
                arrow_file_forget_before(file, i);
        }
        return r ? r : rows_finish(rows, fault);
}

static int export_blob(struct store *store, const char *digest, const char *folder, const char *name,
                       struct fault *fault) {
        _cleanup_(arrow_file_close_pointer) struct arrow_file *file = NULL;
        _cleanup_(rows_destroy_pointer) struct rows *rows = NULL;
        _cleanup_(buffer_finish) struct buffer number = BUFFER_NULL;
        char from[STORE_PATH_BYTES], to[PLACE_BYTES];
        int r;

        if ((size_t)snprintf(to, sizeof(to), "%s/%s", folder, name) >= sizeof(to))
                return error_origin(-ENAMETOOLONG, "writing %s", name);
        r = store_fetch_blob(store, digest, from);
        if (r > 0)
                return fault_set(fault, "BLOB_UNREADABLE", "the store does not hold the bytes of %s any more (%.12s…)",
                                 name, digest);
        if (!r)
                r = arrow_file_open(from, &file, fault);
        if (!r)
                r = rows_create(to, ROWS_CSV, NULL, &rows, fault);
        if (!r)
                r = copy(file, rows, fault);
        if (!r)
                r = progress_put_number(arrow_file_n_rows(file), &number);
        if (!r)
                printf("%s: %s row%s\n", to, buffer_text(&number), arrow_file_n_rows(file) == 1 ? "" : "s");
        return r;
}

/* Only once there is something to put into it. */
static int make_folder(const char *folder, struct fault *fault) {
        if (!mkdir(folder, 0755) || errno == EEXIST)
                return 0;
        fault_at(fault, folder, 0, 0);
        return fault_set(fault, "FOLDER_NOT_WRITABLE", "cannot be made: %s", strerror(errno));
}

static int export(const struct options *options, const char *text, struct fault *fault) {
        _cleanup_(free_pointer) struct pipeline *pipeline = NULL;
        _cleanup_(free_pointer) struct given *given = calloc(1, sizeof(*given));
        _cleanup_(store_close_pointer) struct store *store = NULL;
        const char *folder = options_text(options, "out");
        char run[UUID_TEXT_BYTES];
        int r;

        if (!given)
                return error_origin(-ENOMEM, "exporting");
        r = place_load_pipeline(options, &pipeline, fault);
        if (!r)
                r = place_open_store(options_text(options, "home"), pipeline, pipeline->store_uri, &store, fault);
        if (!r)
                r = run_id_find_in_store(store, text, run, fault);
        if (r)
                return r;
        if (options_flag(options, "features")) {
                r = read_manifest(store, run, STAGE_TRANSFORMER, &given->manifest, &given->matrix, fault);
                if (!r)
                        r = make_folder(folder, fault);
                return r ? r
                         : export_blob(store, given->matrix.transformation.matrix.sha256, folder, "features.csv",
                                       fault);
        }
        r = read_manifest(store, run, STAGE_INGESTOR, &given->manifest, &given->rows, fault);
        if (!r)
                r = make_folder(folder, fault);
        if (!r)
                r = export_blob(store, given->rows.ingestion.train.sha256, folder, "train.csv", fault);
        if (!r)
                r = export_blob(store, given->rows.ingestion.test.sha256, folder, "test.csv", fault);
        if (!r && given->rows.ingestion.has_rejected)
                r = export_blob(store, given->rows.ingestion.rejected.sha256, folder, "rejected.csv", fault);
        return r;
}

int cmd_export(int argc, char **argv) {
        _cleanup_(options_destroy_pointer) struct options *options = NULL;
        struct fault fault = FAULT_NULL;
        int exit_code;

        if (!command_options(&TABLE, argc, argv, &options, &exit_code))
                return exit_code;
        if (!run_id_is_possible(options_operand(options, 0))) {
                command_fail("%.64s is no run's id, nor the first %d characters of one; `convoy runs` lists them",
                             options_operand(options, 0), RUN_ID_PREFIX_LEAST);
                return COMMAND_MISCONFIGURED;
        }
        return command_end(export(options, options_operand(options, 0), &fault), &fault, COMMAND_FAILED);
}
