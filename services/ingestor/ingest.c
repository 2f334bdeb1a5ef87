/* Ingest: the caller's thread reads and deals, a thread for each dataset digests and writes. */

#include "services/ingestor/ingest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/data/csv/csv.h"
#include "common/data/split.h"
#include "common/data/validate/validate.h"
#include "common/source/source.h"
#include "services/ingestor/dataset_writer.h"
#include "services/ingestor/rejects.h"

enum { N_SIDES = SPLIT_TEST + 1 };

/* One ingestion as it is being made. */
struct ingest {
        const struct ingest_input *input;
        const char *key;         /* the key's column; NULL: none */
        struct rejects *rejects; /* NULL: the first bad row ends the run */
        struct source *source;
        struct dataset_writer *writers[N_SIDES];
        uint8_t *sides; /* of the batch in hand */
        uint32_t *rows[N_SIDES];
        int64_t n_good;
};

static void ingest_finish(struct ingest *ingest) {
        source_close(ingest->source);
        rejects_destroy(ingest->rejects);
        for (size_t i = 0; i < N_SIDES; i++) {
                dataset_writer_destroy(ingest->writers[i]);
                free(ingest->rows[i]);
        }
        free(ingest->sides);
}

/* Names the source as the place of a fault: a file by its path; of an address, which may hold a password, the scheme.
 */
static void place_at_source(const struct ingest *ingest, struct fault *fault) {
        static const char file[] = "file://";
        const char *uri = ingest->input->source_uri, *end = strstr(uri, "://");
        char scheme[32];

        if (!strncmp(uri, file, sizeof(file) - 1)) {
                uri += sizeof(file) - 1;
        } else if (end) {
                snprintf(scheme, sizeof(scheme), "%.*s", (int)(end - uri), uri);
                uri = scheme;
        }
        fault_at(fault, uri, 0, 0);
}

static int on_reject(void *context, const struct fault *fault, const char *text, size_t n_bytes) {
        return error_trace(rejects_add(context, fault, text, n_bytes));
}

static int open_source(struct ingest *ingest, struct fault *fault) {
        const struct ingest_input *input = ingest->input;
        struct source_options options = {
                .uri = input->source_uri,
                .database = input->database,
                .collection = input->collection,
                .is_canceled = input->is_canceled,
                .is_canceled_context = input->context,
                .pipeline_path = input->pipeline_folder,
                .schema = input->schema,
        };
        int r = 0;

        if (input->parameters->max_bad_fraction > 0.0) {
                r = rejects_create(input->store, &ingest->rejects);
                options.on_reject = on_reject;
                options.on_reject_context = ingest->rejects;
        }
        if (!r)
                r = source_open(&options, &ingest->source, fault);
        return error_trace(r);
}

/* Notes in the files, for whoever finds one without its run. */
static int create_writers(struct ingest *ingest) {
        static const char *const parts[N_SIDES] = { [SPLIT_TRAIN] = "train", [SPLIT_TEST] = "test" };
        const struct schema *schema = ingest->input->schema;
        const struct split *split = &ingest->input->parameters->split;
        _cleanup_(free_pointer) struct column *columns = calloc(schema->n_columns, sizeof(*columns));
        struct table shape = { 0, schema->n_columns, columns };
        char salt[24], share[24];
        int r;

        if (!columns)
                return error_origin(-ENOMEM, "ingesting");
        for (size_t k = 0; k < schema->n_columns; k++) {
                columns[k].name = schema->columns[k].name;
                columns[k].type = value_column_type(schema->columns[k].type);
        }
        snprintf(salt, sizeof(salt), "%" PRId64, split->salt);
        snprintf(share, sizeof(share), "%" PRId64, split->test_ten_thousandths);
        for (size_t i = 0; i < N_SIDES; i++) {
                const struct arrow_note notes[] = {
                        { "convoy.part", parts[i] },
                        { "convoy.split.salt", salt },
                        { "convoy.split.test_ten_thousandths", share },
                        { "convoy.schema", schema->digest },
                };

                r = dataset_writer_create(ingest->input->store, &shape, notes, N_ELEMENTS(notes), &ingest->writers[i]);
                if (r)
                        return error_trace(r);
        }
        return 0;
}

static int ingest_init(struct ingest *ingest, const struct ingest_input *input, struct fault *fault) {
        const struct schema *schema = input->schema;
        int r;

        ingest->input = input;
        if (schema->key != SCHEMA_NO_VALUE)
                ingest->key = schema->columns[schema->key].name;
        ingest->sides = calloc(TABLE_BATCH_ROWS, sizeof(*ingest->sides));
        if (!ingest->sides)
                return error_origin(-ENOMEM, "ingesting");
        for (size_t i = 0; i < N_SIDES; i++) {
                ingest->rows[i] = calloc(TABLE_BATCH_ROWS, sizeof(*ingest->rows[i]));
                if (!ingest->rows[i])
                        return error_origin(-ENOMEM, "ingesting");
        }
        r = open_source(ingest, fault);
        if (!r)
                r = create_writers(ingest);
        return error_trace(r);
}

/* The row as CSV has it. */
static int show_row(const struct table *batch, uint32_t row, struct buffer *text) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
        struct table shown;
        int r;

        r = table_builder_create(&builder);
        for (size_t k = 0; k < batch->n_columns && !r; k++)
                r = table_builder_add_column(builder, batch->columns[k].name, batch->columns[k].type);
        if (!r)
                r = table_builder_add_rows(builder, batch, &row, 1);
        if (r)
                return error_trace(r);
        shown = table_builder_view(builder);
        return error_trace(csv_append_rows(&shown, text));
}

/* Says of a row without a key that none has one. FAULT_E_INPUT or -ENOMEM. */
static int refuse_keyless_source(const struct ingest *ingest, struct fault *fault) {
        size_t n_names = source_n_unknown(ingest->source);
        _cleanup_(free_pointer) const char **names = calloc(n_names + 1, sizeof(*names));
        char sentence[512];

        if (!names)
                return error_origin(-ENOMEM, "ingesting");
        for (size_t i = 0; i < n_names; i++)
                names[i] = source_unknown(ingest->source, i);
        validate_describe_missing(ingest->key, ingest->input->schema->environments[SCHEMA_TRAINING], names, n_names,
                                  sentence, sizeof(sentence));
        return fault_set(fault, anomaly_name(ANOMALY_SCHEMA_MISSING_COLUMN), "%s", sentence);
}

/* Refuses a row for want of a key, or sets it aside. number is that of the row in the source. */
static int refuse_keyless(struct ingest *ingest, const struct table *batch, uint32_t row, int64_t number,
                          struct fault *fault) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct fault found = FAULT_NULL;
        int r;

        place_at_source(ingest, &found);
        fault_in(&found, ingest->key, number);
        (void)fault_set(&found, "KEY_MISSING",
                        "row %" PRId64 " has no value for the key \"%s\", which decides whether a row trains or tests",
                        number + 1, ingest->key);
        if (!source_has_column(ingest->source, ingest->input->schema->key)) {
                r = refuse_keyless_source(ingest, &found);
                if (r != FAULT_E_INPUT)
                        return error_trace(r);
        }
        if (!ingest->rejects) {
                *fault = found;
                return FAULT_E_INPUT;
        }
        r = show_row(batch, row, &text);
        if (!r)
                r = rejects_add(ingest->rejects, &found, buffer_text(&text), text.n_bytes ? text.n_bytes - 1 : 0);
        return error_trace(r);
}

/* Rows that the source has set aside stand between those of the batch. */
static int refuse_all_keyless(struct ingest *ingest, const struct table *batch, int64_t n_before, struct fault *fault) {
        _cleanup_(free_pointer) int64_t *aside = NULL;
        size_t n_aside = 0, at = 0;
        int64_t number = n_before;
        int r;

        if (ingest->rejects) {
                const int64_t *rows = rejects_rows(ingest->rejects, &n_aside);

                aside = malloc((n_aside + 1) * sizeof(*aside));
                if (!aside)
                        return error_origin(-ENOMEM, "ingesting");
                if (n_aside)
                        memcpy(aside, rows, n_aside * sizeof(*aside));
        }
        for (uint32_t i = 0; i < batch->n_rows; i++, number++) {
                for (; at < n_aside && aside[at] == number; at++)
                        number++;
                if (ingest->sides[i] != SPLIT_NO_KEY)
                        continue;
                r = refuse_keyless(ingest, batch, i, number, fault);
                if (r)
                        return error_trace(r);
        }
        return 0;
}

/* Splits the rows of a batch among the datasets. n_before rows of the source came before it and before what was set
 * aside on the way. */
static int split_batch(struct ingest *ingest, const struct table *batch, int64_t n_before, struct fault *fault) {
        const struct split *split = &ingest->input->parameters->split;
        size_t n_rows[N_SIDES] = { 0 };
        int r;

        r = split_table(batch, ingest->key, (uint64_t)split->salt, split->test_ten_thousandths, ingest->sides);
        if (r)
                return error_trace(r);
        for (uint32_t i = 0; i < batch->n_rows; i++) {
                uint8_t side = ingest->sides[i];

                if (side != SPLIT_NO_KEY)
                        ingest->rows[side][n_rows[side]++] = i;
        }
        if (n_rows[SPLIT_TRAIN] + n_rows[SPLIT_TEST] < batch->n_rows) {
                r = refuse_all_keyless(ingest, batch, n_before, fault);
                if (r)
                        return error_trace(r);
        }
        for (size_t i = 0; i < N_SIDES; i++) {
                r = dataset_writer_add(ingest->writers[i], batch, ingest->rows[i], n_rows[i]);
                if (r)
                        return error_trace(r);
                ingest->n_good += (int64_t)n_rows[i];
        }
        return 0;
}

static int64_t count_bad(const struct ingest *ingest) {
        return ingest->rejects ? rejects_n_rows(ingest->rejects) : 0;
}

static int read_all(struct ingest *ingest, struct fault *fault) {
        const struct ingest_input *input = ingest->input;

        for (;;) {
                int64_t n_before = ingest->n_good + count_bad(ingest), n_done, n_total;
                struct table batch;
                int r;

                if (input->is_canceled && input->is_canceled(input->context))
                        return INGEST_E_CANCELED;
                if (ingest->rejects)
                        rejects_forget_rows(ingest->rejects);
                r = source_read(ingest->source, &batch, fault);
                if (!r && batch.n_rows)
                        r = split_batch(ingest, &batch, n_before, fault);
                if (r)
                        return error_trace(r);
                if (!batch.n_rows)
                        return 0;
                n_done = ingest->n_good + count_bad(ingest);
                n_total = source_n_rows(ingest->source);
                if (input->on_progress)
                        input->on_progress(input->context, n_done, n_total >= 0 && n_total < n_done ? n_done : n_total);
        }
}

/* Whether more rows were set aside than may be. The quotient is the double next to the share, as max_bad_fraction is
 * that of the number written, so that a share of exactly that much passes. */
static int check_bad_share(const struct ingest *ingest, struct fault *fault) {
        int64_t n_bad = count_bad(ingest), n_rows = ingest->n_good + n_bad;
        double most = ingest->input->parameters->max_bad_fraction;
        char message[sizeof(fault->message)];

        if (!n_rows) {
                *fault = (struct fault)FAULT_NULL;
                place_at_source(ingest, fault);
                return fault_set(fault, "EMPTY_SOURCE", "there are no rows");
        }
        if (n_bad && (double)n_bad / (double)n_rows > most) {
                *fault = *rejects_first(ingest->rejects);
                snprintf(message, sizeof(message), "%s", fault->message);
                return fault_set(fault, "BAD_ROWS_TOO_MANY",
                                 "%" PRId64 " of %" PRId64 " rows cannot be read, and max_bad_fraction allows a share "
                                 "of %g; the first, in row %" PRId64 ": %.640s",
                                 n_bad, n_rows, most, fault->row + 1, message);
        }
        if (!ingest->n_good) {
                *fault = *rejects_first(ingest->rejects);
                snprintf(message, sizeof(message), "%s", fault->message);
                return fault_set(fault, "EMPTY_SOURCE", "none of the %" PRId64 " rows can be read; the first: %.640s",
                                 n_rows, message);
        }
        return 0;
}

/* The datasets have the schema's columns; what the source had instead is for the validator to judge. */
static void note_columns(const struct ingest *ingest, struct ingestion *ingestion) {
        const struct schema *schema = ingest->input->schema;
        size_t n_unknown = source_n_unknown(ingest->source);

        for (size_t k = 0; k < schema->n_columns; k++) {
                if (source_has_column(ingest->source, k))
                        continue;
                if (ingestion->n_missing < INGESTION_COLUMNS_MAX)
                        snprintf(ingestion->missing[ingestion->n_missing++].name, TABLE_NAME_BYTES, "%s",
                                 schema->columns[k].name);
                ingestion->n_missing_columns++;
        }
        ingestion->n_new_columns = (int64_t)n_unknown;
        for (; ingestion->n_new < n_unknown && ingestion->n_new < INGESTION_COLUMNS_MAX; ingestion->n_new++)
                snprintf(ingestion->new[ingestion->n_new].name, TABLE_NAME_BYTES, "%s",
                         source_unknown(ingest->source, ingestion->n_new));
}

static int finish_all(struct ingest *ingest, struct ingestion *ret_ingestion) {
        struct ingestion ingestion = { .n_rows = ingest->n_good + count_bad(ingest), .n_bad = count_bad(ingest) };
        int r = 0;

        note_columns(ingest, &ingestion);
        for (size_t i = 0; i < N_SIDES; i++)
                dataset_writer_end(ingest->writers[i]);
        if (ingestion.n_bad) {
                ingestion.has_rejected = true;
                r = rejects_finish(ingest->rejects, &ingestion.rejected);
        }
        if (!r)
                r = dataset_writer_finish(ingest->writers[SPLIT_TRAIN], &ingestion.train);
        if (!r)
                r = dataset_writer_finish(ingest->writers[SPLIT_TEST], &ingestion.test);
        if (r)
                return error_trace(r);
        *ret_ingestion = ingestion;
        return 0;
}

int ingest(const struct ingest_input *input, struct ingestion *ret_ingestion, struct fault *fault) {
        _cleanup_(ingest_finish) struct ingest ingest = { 0 };
        int r;

        r = ingest_init(&ingest, input, fault);
        if (!r)
                r = read_all(&ingest, fault);
        if (r == -ECANCELED)
                return INGEST_E_CANCELED;
        if (!r)
                r = check_bad_share(&ingest, fault);
        if (r)
                return error_trace(r);
        if (count_bad(&ingest))
                log_warn("n_bad=%" PRId64 " rows cannot be read, the first in row %" PRId64 ": %s", count_bad(&ingest),
                         rejects_first(ingest.rejects)->row + 1, rejects_first(ingest.rejects)->message);
        return error_trace(finish_all(&ingest, ret_ingestion));
}
