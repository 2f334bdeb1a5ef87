/* Rows on their way into a batch. */

#include "common/source/source_rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/nearest.h"
#include "common/base/utf8.h"
#include "common/data/csv/csv.h"

/* more lines would not help */
enum { UNKNOWN_LOGGED = 64 };

int source_rows_init(struct source_rows *rows, struct source *super, const struct source_options *options,
                     const char *path, int fd) {
        struct stat status;
        int r;

        *rows = (struct source_rows){
                .super = super,
                .schema = options->schema,
                .on_reject = options->on_reject,
                .on_reject_context = options->on_reject_context,
                .path = strdup(path),
                .fd = fd,
                .has = calloc(options->schema->n_columns, sizeof(*rows->has)),
                .unknown = calloc(SOURCE_UNKNOWN_MAX, sizeof(*rows->unknown)),
        };
        if (!rows->path || !rows->has || !rows->unknown)
                return error_origin(-ENOMEM, "opening %s", path);
        if (fd >= 0 && fstat(fd, &status))
                return error_origin(-errno, "asking for the size of %s", path);
        rows->n_file = fd >= 0 ? status.st_size : 0;
        super->n_rows = -1;
        super->has = rows->has;
        super->unknown = (const char(*)[TABLE_NAME_BYTES])rows->unknown;
        r = table_builder_create(&rows->builder);
        for (size_t i = 0; i < rows->schema->n_columns && !r; i++)
                r = table_builder_add_column(rows->builder, rows->schema->columns[i].name,
                                             value_column_type(rows->schema->columns[i].type));
        return error_trace(r);
}

void source_rows_finish(struct source_rows *rows) {
        close_descriptor(&rows->fd);
        free(rows->path);
        free(rows->has);
        free(rows->unknown);
        table_builder_destroy(rows->builder);
        *rows = (struct source_rows){ .fd = -1 };
}

void source_rows_clear(struct source_rows *rows) {
        table_builder_clear(rows->builder);
        rows->n_batch = 0;
}

/* How much of a name is remembered: what is UTF-8 without NUL, and fits. */
static size_t fit_name(const char *name, size_t n_name) {
        size_t n_kept = 0, n;

        while (n_kept < n_name && name[n_kept]) {
                n = utf8_character_bytes(name + n_kept, n_name - n_kept);
                if (!n || n_kept + n >= TABLE_NAME_BYTES)
                        break;
                n_kept += n;
        }
        return n_kept;
}

void source_rows_add_unknown(struct source_rows *rows, const char *name, size_t n_name) {
        struct source *super = rows->super;

        n_name = fit_name(name, n_name);
        for (size_t i = 0; i < super->n_unknown; i++)
                if (strlen(rows->unknown[i]) == n_name && !memcmp(rows->unknown[i], name, n_name))
                        return;
        if (super->n_unknown == SOURCE_UNKNOWN_MAX)
                return;
        memcpy(rows->unknown[super->n_unknown++], name, n_name);
        if (super->n_unknown <= UNKNOWN_LOGGED)
                log_warn("file=%s column=%.*s is not in the schema, ignoring it", rows->path, (int)n_name, name);
}

/* No column is known: says what the header may have meant. */
static int refuse_names(const struct source_rows *rows, const char *(*name)(const void *context, size_t i),
                        const void *context, size_t n_names, struct fault *fault) {
        const char *known[SCHEMA_COLUMNS_MAX], *nearest = NULL;
        size_t i;

        fault_at(fault, rows->path, 0, 0);
        if (n_names == 1 && strpbrk(name(context, 0), CSV_OTHER_SEPARATORS))
                return fault_set(fault, "SOURCE_NO_KNOWN_COLUMN",
                                 "its only column, \"%.64s\", is not in the schema; is %s the separator? Convoy reads "
                                 "commas",
                                 name(context, 0),
                                 csv_separator_name(*strpbrk(name(context, 0), CSV_OTHER_SEPARATORS)));
        for (i = 0; i < rows->schema->n_columns; i++)
                known[i] = rows->schema->columns[i].name;
        for (i = 0; i < n_names && !nearest; i++)
                nearest = nearest_find(name(context, i), known, rows->schema->n_columns);
        return fault_set(
                fault, "SOURCE_NO_KNOWN_COLUMN",
                "none of its %zu columns is in the schema (first \"%s\"); columns are taken by name%s%.128s%s%s%s",
                n_names, n_names ? name(context, 0) : "", nearest ? ", and case matters: is \"" : "",
                nearest ? name(context, i - 1) : "", nearest ? "\" meant as " : "", nearest ? nearest : "",
                nearest ? "?" : "");
}

int source_rows_match(struct source_rows *rows, const char *(*name)(const void *context, size_t i), const void *context,
                      size_t n_names, size_t *ret_names, struct fault *fault) {
        const struct schema_column *column;
        bool is_any = false;
        size_t k;

        for (k = 0; k < rows->schema->n_columns; k++)
                ret_names[k] = SCHEMA_NO_VALUE;
        for (size_t i = 0; i < n_names; i++) {
                const char *text = name(context, i);

                column = schema_find(rows->schema, text, strlen(text));
                if (!column) {
                        source_rows_add_unknown(rows, text, strlen(text));
                        continue;
                }
                k = (size_t)(column - rows->schema->columns);
                if (ret_names[k] != SCHEMA_NO_VALUE) {
                        fault_at(fault, rows->path, 0, 0);
                        fault_in(fault, text, -1);
                        return fault_set(fault, "SOURCE_DUPLICATE_COLUMN", "column \"%s\" stands there twice", text);
                }
                ret_names[k] = i;
                source_rows_add_known(rows, k);
                is_any = true;
        }
        if (is_any)
                return 0;
        return refuse_names(rows, name, context, n_names, fault);
}

void source_rows_end(struct source_rows *rows, size_t n_rows) {
        rows->n_batch += n_rows;
        rows->n_read += (int64_t)n_rows;
}

int source_rows_reject(struct source_rows *rows, struct fault *fault, const char *text, size_t n_bytes) {
        int r;

        table_builder_truncate(rows->builder, rows->n_batch);
        rows->n_read++;
        if (!rows->on_reject)
                return FAULT_E_INPUT;
        if (n_bytes > SOURCE_REJECT_BYTES)
                n_bytes = SOURCE_REJECT_BYTES;
        r = rows->on_reject(rows->on_reject_context, fault, text, n_bytes);
        if (!r)
                *fault = (struct fault)FAULT_NULL;
        return error_trace(r);
}

void source_rows_estimate(struct source_rows *rows, int64_t n_done) {
        if (n_done)
                rows->super->n_rows = (int64_t)((double)rows->n_file / (double)n_done * (double)rows->n_read + 0.5);
}

bool source_rows_is_full(const struct source_rows *rows, int64_t n_bytes) {
        return rows->n_batch == TABLE_BATCH_ROWS || (rows->n_batch && n_bytes > SOURCE_BATCH_BYTES);
}

int source_rows_hand_out(struct source_rows *rows, struct table *ret_batch, struct fault *fault) {
        if (!rows->n_read) {
                fault_at(fault, rows->path, 0, 0);
                return fault_set(fault, "EMPTY_SOURCE", "there are no rows");
        }
        *ret_batch = table_builder_view(rows->builder);
        return 0;
}
