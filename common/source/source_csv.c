/* Rows of a CSV file. */

#include "common/source/source_csv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/data/csv/csv.h"
#include "common/source/source_rows.h"

struct source_csv {
        struct source super;
        struct source_rows rows;
        struct csv_reader *reader;
        size_t *names; /* field of each schema column, or SCHEMA_NO_VALUE */
};

static void source_csv_destroy(struct source *super) {
        struct source_csv *source = (struct source_csv *)super;

        csv_reader_destroy(source->reader);
        source_rows_finish(&source->rows);
        free(source->names);
        free(source);
}

static void source_csv_destroy_pointer(struct source_csv **source) {
        if (*source)
                source_csv_destroy(&(*source)->super);
}

/* Names line and position of a field: quoted fields may hold line ends. */
static void place_field(const struct source_csv *source, const struct csv_record *record, const char *at,
                        struct fault *fault) {
        int64_t line = record->line, position = 0;

        if (at >= record->text && at <= record->text + record->n_bytes) {
                position = 1;
                for (const char *byte = record->text; byte < at; byte++) {
                        position = *byte == '\n' ? 1 : position + 1;
                        line += *byte == '\n';
                }
        }
        fault_at(fault, source->rows.path, line, position);
}

static int append_record(struct source_csv *source, const struct csv_record *record, struct fault *fault) {
        const struct schema *schema = source->rows.schema;
        char scratch[VALUE_SCRATCH_BYTES];
        enum anomaly anomaly;
        struct value value;
        int r;

        for (size_t k = 0; k < schema->n_columns; k++) {
                const struct schema_column *column = &schema->columns[k];
                const struct csv_field *field;

                if (source->names[k] == SCHEMA_NO_VALUE) {
                        r = table_builder_add_missing(source->rows.builder, k);
                        if (r)
                                return error_trace(r);
                        continue;
                }
                field = &record->fields[source->names[k]];
                anomaly = value_from_text(column->type, field->text, field->n_bytes, scratch, &value);
                if (anomaly) {
                        place_field(source, record, field->text, fault);
                        return value_fault(anomaly, column->type, column->name, source->rows.n_read, field->text,
                                           field->n_bytes, fault);
                }
                r = value_append(&value, source->rows.builder, k);
                if (r)
                        return error_trace(r);
        }
        source_rows_end(&source->rows, 1);
        return 0;
}

static int source_csv_read(struct source *super, struct table *ret_batch, struct fault *fault) {
        struct source_csv *source = (struct source_csv *)super;
        int64_t n_start = csv_reader_n_bytes(source->reader), n_done = n_start;
        struct csv_record record = CSV_RECORD_NULL;
        int r;

        source_rows_clear(&source->rows);
        while (!source_rows_is_full(&source->rows, n_done - n_start)) {
                r = csv_reader_read(source->reader, &record, fault);
                if (!r && !record.n_fields)
                        break;
                n_done = csv_reader_n_bytes(source->reader);
                if (!r)
                        r = append_record(source, &record, fault);
                else if (r == CSV_E_RECORD)
                        r = FAULT_E_INPUT;
                else
                        return error_trace(r);
                if (r == FAULT_E_INPUT)
                        r = source_rows_reject(&source->rows, fault, record.text, record.n_bytes);
                if (r)
                        return error_trace(r);
        }
        source_rows_estimate(&source->rows, n_done);
        return error_trace(source_rows_hand_out(&source->rows, ret_batch, fault));
}

static const char *field_name(const void *context, size_t i) {
        return csv_reader_name(context, i);
}

int source_csv_open(const struct source_options *options, const char *path, int fd, struct source **ret_source,
                    struct fault *fault) {
        static const struct source_kind kind = { source_csv_read, source_csv_destroy };
        _cleanup_(source_csv_destroy_pointer) struct source_csv *source = calloc(1, sizeof(*source));
        size_t n_fields;
        int r;

        if (!source) {
                close(fd);
                return error_origin(-ENOMEM, "opening %s", path);
        }
        source->super.kind = &kind;
        r = source_rows_init(&source->rows, &source->super, options, path, fd);
        if (!r)
                r = csv_reader_create(fd, path, &source->reader, fault);
        if (r)
                return error_trace(r);
        n_fields = csv_reader_n_columns(source->reader);
        source->names = calloc(options->schema->n_columns + 1, sizeof(*source->names));
        if (!source->names)
                return error_origin(-ENOMEM, "opening %s", path);
        r = source_rows_match(&source->rows, field_name, source->reader, n_fields, source->names, fault);
        if (r)
                return error_trace(r);
        *ret_source = &steal(source)->super;
        return 0;
}
