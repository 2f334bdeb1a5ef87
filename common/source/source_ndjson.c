/* Rows of a file of JSON objects, one a line. */

#include "common/source/source_ndjson.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/source/source_rows.h"

enum {
        READ_BYTES = 1024 * 1024,
};

/* What the member at this place of the last row was: rows mostly have the same members in the same order. */
struct guess {
        char name[TABLE_NAME_BYTES];
        size_t n_name;
        size_t column;
};

/* The value of a schema column, in the row that had it last. */
struct cell {
        int64_t row; /* 1-based */
        const struct json_value *json;
};

struct source_ndjson {
        struct source super;
        struct source_rows rows;
        int64_t n_done;     /* bytes */
        struct buffer data; /* n_bytes of it read from the file */
        size_t at;          /* of the next line in data */
        bool is_end;
        int64_t line;
        struct buffer memory;  /* for the document of one line */
        struct guess *guesses; /* TABLE_COLUMNS_MAX */
        struct cell *cells;    /* of each schema column */
};

static void source_ndjson_destroy(struct source *super) {
        struct source_ndjson *source = (struct source_ndjson *)super;

        source_rows_finish(&source->rows);
        buffer_finish(&source->data);
        buffer_finish(&source->memory);
        free(source->guesses);
        free(source->cells);
        free(source);
}

static void source_ndjson_destroy_pointer(struct source_ndjson **source) {
        if (*source)
                source_ndjson_destroy(&(*source)->super);
}

static int fill(struct source_ndjson *source) {
        size_t n_kept = source->data.n_bytes - source->at;
        ssize_t n;
        int r;

        if (source->at)
                memmove(source->data.data, source->data.data + source->at, n_kept);
        source->at = 0;
        source->data.n_bytes = n_kept;
        r = buffer_reserve(&source->data, READ_BYTES);
        if (r)
                return error_trace(r);
        do
                n = read(source->rows.fd, source->data.data + n_kept, READ_BYTES);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return error_origin(-errno, "reading %s", source->rows.path);
        source->data.n_bytes += (size_t)n;
        source->is_end = !n;
        return 0;
}

/* The next line without its end; NULL behind the last one. */
static int next_line(struct source_ndjson *source, const char **ret_text, size_t *ret_n_bytes, struct fault *fault) {
        size_t n_left, n_seen = 0;
        const char *feed, *text;
        int r;

        for (;;) {
                n_left = source->data.n_bytes - source->at;
                text = (const char *)source->data.data + source->at;
                feed = n_left > n_seen ? memchr(text + n_seen, '\n', n_left - n_seen) : NULL;
                if (feed || source->is_end)
                        break;
                n_seen = n_left;
                if (n_left > SOURCE_NDJSON_LINE_BYTES) {
                        fault_at(fault, source->rows.path, source->line + 1, 0);
                        fault_in(fault, "", source->rows.n_read);
                        return fault_set(fault, "NDJSON_LINE_TOO_LONG", "the line has more than %d bytes",
                                         SOURCE_NDJSON_LINE_BYTES);
                }
                r = fill(source);
                if (r)
                        return error_trace(r);
        }
        source->line++;
        *ret_n_bytes = feed ? (size_t)(feed - text) : n_left;
        *ret_text = feed || n_left ? text : NULL;
        source->at += *ret_n_bytes + (feed != NULL);
        source->n_done += (int64_t)*ret_n_bytes + (feed != NULL);
        return 0;
}

/* The schema column of the member at place i, or SCHEMA_NO_VALUE. */
static size_t find_column(struct source_ndjson *source, size_t i, const char *name, size_t n_name) {
        struct guess *guess = &source->guesses[i < TABLE_COLUMNS_MAX ? i : TABLE_COLUMNS_MAX - 1];
        const struct schema_column *column;
        size_t place;

        if (guess->n_name == n_name && n_name && !memcmp(guess->name, name, n_name))
                return guess->column;
        column = schema_find(source->rows.schema, name, n_name);
        place = column ? (size_t)(column - source->rows.schema->columns) : SCHEMA_NO_VALUE;
        if (!column)
                source_rows_add_unknown(&source->rows, name, n_name);
        if (n_name < TABLE_NAME_BYTES) {
                memcpy(guess->name, name, n_name);
                guess->n_name = n_name;
                guess->column = place;
        }
        return place;
}

static int collect_members(struct source_ndjson *source, const struct json_value *object, struct fault *fault) {
        struct json_object_iterator members = json_iterate_object(object);
        int64_t row = source->rows.n_read + 1;
        const struct json_value *value;
        const char *name;
        size_t n_name, k;

        for (size_t i = 0; json_next_member(&members, &name, &n_name, &value); i++) {
                k = find_column(source, i, name, n_name);
                if (k == SCHEMA_NO_VALUE)
                        continue;
                if (source->cells[k].row == row) {
                        fault_in(fault, source->rows.schema->columns[k].name, row - 1);
                        return fault_set(fault, "JSON_DUPLICATE_FIELD", "the object has this field twice");
                }
                source->cells[k] = (struct cell){ row, value };
                source_rows_add_known(&source->rows, k);
        }
        return 0;
}

static int refuse_value(const struct source_ndjson *source, const struct schema_column *column, enum anomaly anomaly,
                        const struct json_value *json, struct fault *fault) {
        const char *seen = json_kind_name(json_kind(json)), *text;
        char number[VALUE_SCRATCH_BYTES];
        struct value value = { .kind = VALUE_FLOAT };
        size_t n = strlen(seen);

        if (json_as_text(json, &text, &n))
                seen = text;
        else if (json_as_double(json, &value.number))
                seen = value_format(&value, number, &n);
        return value_fault(anomaly, column->type, column->name, source->rows.n_read, seen, n, fault);
}

static int append_object(struct source_ndjson *source, const struct json_value *object, struct fault *fault) {
        const struct schema *schema = source->rows.schema;
        char scratch[VALUE_SCRATCH_BYTES];
        struct value value;
        int r;

        if (!json_is_object(object)) {
                fault_in(fault, "", source->rows.n_read);
                return fault_set(fault, "NDJSON_NOT_OBJECT", "every line must hold one JSON object, this holds %s",
                                 json_kind_name(json_kind(object)));
        }
        r = collect_members(source, object, fault);
        for (size_t k = 0; k < schema->n_columns && !r; k++) {
                const struct schema_column *column = &schema->columns[k];
                const struct cell *cell = &source->cells[k];
                const struct json_value *json = cell->row == source->rows.n_read + 1 ? cell->json : NULL;
                enum anomaly anomaly = value_from_json(column->type, json, scratch, &value);

                r = anomaly ? refuse_value(source, column, anomaly, json, fault)
                            : value_append(&value, source->rows.builder, k);
        }
        if (r)
                return error_trace(r);
        source_rows_end(&source->rows, 1);
        return 0;
}

static bool is_blank(const char *text, size_t n_bytes) {
        for (size_t i = 0; i < n_bytes; i++)
                if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
                        return false;
        return true;
}

static int append_line(struct source_ndjson *source, const char *text, size_t n_bytes, struct fault *fault) {
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        int r;

        r = buffer_reserve(&source->memory, JSON_MEMORY_BYTES(n_bytes));
        if (r)
                return error_trace(r);
        r = json_parse_in(text, n_bytes, source->memory.data, JSON_MEMORY_BYTES(n_bytes), fault, &json);
        if (r == FAULT_E_INPUT)
                fault_in(fault, "", source->rows.n_read);
        else if (!r)
                r = append_object(source, json_root(json), fault);
        if (r == FAULT_E_INPUT)
                fault_at(fault, source->rows.path, source->line, fault->position);
        return error_trace(r);
}

static int source_ndjson_read(struct source *super, struct table *ret_batch, struct fault *fault) {
        struct source_ndjson *source = (struct source_ndjson *)super;
        int64_t n_start = source->n_done;
        const char *text = NULL;
        size_t n_bytes = 0;
        int r;

        source_rows_clear(&source->rows);
        while (!source_rows_is_full(&source->rows, source->n_done - n_start)) {
                r = next_line(source, &text, &n_bytes, fault);
                if (r)
                        return error_trace(r);
                if (!text)
                        break;
                if (source->line == 1 && n_bytes >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
                        text += 3;
                        n_bytes -= 3;
                }
                if (is_blank(text, n_bytes))
                        continue;
                r = append_line(source, text, n_bytes, fault);
                if (r == FAULT_E_INPUT)
                        r = source_rows_reject(&source->rows, fault, text, n_bytes);
                if (r)
                        return error_trace(r);
        }
        source_rows_estimate(&source->rows, source->n_done);
        return error_trace(source_rows_hand_out(&source->rows, ret_batch, fault));
}

int source_ndjson_open(const struct source_options *options, const char *path, int fd, struct source **ret_source,
                       struct fault *fault) {
        static const struct source_kind kind = { source_ndjson_read, source_ndjson_destroy };
        _cleanup_(source_ndjson_destroy_pointer) struct source_ndjson *source = calloc(1, sizeof(*source));
        size_t n_columns = options->schema->n_columns;
        int r;

        (void)fault;
        if (!source) {
                close(fd);
                return error_origin(-ENOMEM, "opening %s", path);
        }
        source->super.kind = &kind;
        r = source_rows_init(&source->rows, &source->super, options, path, fd);
        if (!r)
                r = buffer_reserve(&source->data, READ_BYTES);
        if (r)
                return error_trace(r);
        source->guesses = calloc(TABLE_COLUMNS_MAX, sizeof(*source->guesses));
        source->cells = calloc(n_columns + 1, sizeof(*source->cells));
        if (!source->guesses || !source->cells)
                return error_origin(-ENOMEM, "opening %s", path);
        *ret_source = &steal(source)->super;
        return 0;
}
