/* Rows: one of three writers behind a descriptor. */

#include "cli/rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/place.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/json_builder.h"
#include "common/data/arrow/arrow.h"
#include "common/data/csv/csv.h"

enum { LINKS_MAX = 40 };

struct rows {
        const char *path;
        char target[PLACE_BYTES]; /* path, or what it links to in the end; need not exist */
        enum rows_format format;
        const struct schema *schema;
        char temporary[PLACE_BYTES]; /* "" for standard output */
        int fd;
        bool is_begun;
        struct arrow_writer *arrow;
        struct buffer text;
};

int rows_format_parse(const char *word, const char *path, enum rows_format *ret_format, struct fault *fault) {
        static const struct {
                const char *word;
                enum rows_format format;
        } words[] = {
                { "csv", ROWS_CSV },     { "ndjson", ROWS_NDJSON }, { "jsonl", ROWS_NDJSON },
                { "arrow", ROWS_ARROW }, { "feather", ROWS_ARROW }, { "ipc", ROWS_ARROW },
        };
        const char *dot = strrchr(path, '.');

        if (!word)
                word = dot ? dot + 1 : "";
        for (size_t i = 0; i < N_ELEMENTS(words); i++)
                if (!strcasecmp(word, words[i].word)) {
                        *ret_format = words[i].format;
                        return 0;
                }
        fault_at(fault, path, 0, 0);
        return fault_set(fault, "FORMAT_UNKNOWN",
                         "the name does not say what to write; let it end in .csv, .ndjson or .arrow, or give "
                         "--format");
}

static int refuse(const char *path, int error, struct fault *fault) {
        fault_at(fault, path, 0, 0);
        return fault_set(fault, "FILE_NOT_WRITABLE", "cannot be written: %s", strerror(-error));
}

/* Follows links, so that the file they lead to is replaced and not the link. A device or pipe would be replaced just as
 * well, and nobody means that. */
static int find_target(const char *path, char ret_target[PLACE_BYTES], struct fault *fault) {
        char target[PLACE_BYTES], link[PLACE_BYTES];
        struct stat status;
        size_t n_folder;
        ssize_t n;

        if ((size_t)snprintf(target, sizeof(target), "%s", path) >= sizeof(target))
                return refuse(path, -ENAMETOOLONG, fault);
        for (int i = 0; !lstat(target, &status) && S_ISLNK(status.st_mode); i++) {
                n = i < LINKS_MAX ? readlink(target, link, sizeof(link) - 1) : -1;
                if (n < 0)
                        return refuse(path, i < LINKS_MAX ? -errno : -ELOOP, fault);
                link[n] = 0;
                n_folder = *link != '/' && strrchr(target, '/') ? (size_t)(strrchr(target, '/') - target) + 1 : 0;
                if (n_folder + (size_t)n >= sizeof(target))
                        return refuse(path, -ENAMETOOLONG, fault);
                memcpy(target + n_folder, link, (size_t)n + 1);
        }
        if (!lstat(target, &status) && !S_ISREG(status.st_mode)) {
                fault_at(fault, path, 0, 0);
                return fault_set(fault, "FILE_NOT_WRITABLE", "is no regular file; name one, or - for standard output");
        }
        memcpy(ret_target, target, sizeof(target));
        return 0;
}

int rows_create(const char *path, enum rows_format format, const struct schema *schema, struct rows **ret_rows,
                struct fault *fault) {
        _cleanup_(rows_destroy_pointer) struct rows *rows = calloc(1, sizeof(*rows));
        int r;

        if (!rows)
                return error_origin(-ENOMEM, "writing rows");
        rows->path = path;
        rows->format = format;
        rows->schema = schema;
        rows->fd = STDOUT_FILENO;
        if (!strcmp(path, "-") && format == ROWS_ARROW)
                return refuse(path, -ESPIPE, fault);
        if (strcmp(path, "-")) {
                rows->fd = -1;
                r = find_target(path, rows->target, fault);
                if (r)
                        return r;
                r = file_open_temporary(rows->target, rows->temporary, sizeof(rows->temporary), &rows->fd);
                if (r)
                        return refuse(path, r, fault);
        }
        *ret_rows = steal(rows);
        return 0;
}

/* A category of int is text in a table, and a number everywhere else. */
static bool is_number(const struct rows *rows, const struct column *column) {
        const struct schema_column *known = rows->schema ? schema_find(rows->schema, column->name, strlen(column->name))
                                                         : NULL;

        return known && known->type == VALUE_TYPE_CATEGORY_INT;
}

static void put_cell(const struct rows *rows, const struct column *column, size_t row, struct json_builder *json) {
        const char *text;
        size_t n;

        if (!column_is_present(column, row)) {
                json_put_null(json);
        } else if (column->type == COLUMN_INT64) {
                json_put_int64(json, column->int64[row]);
        } else if (column->type == COLUMN_FLOAT64) {
                json_put_double(json, column->float64[row]);
        } else if (column->type == COLUMN_FLOAT32) {
                json_put_float(json, column->float32[row]);
        } else {
                text = column_text(column, row, &n);
                if (is_number(rows, column))
                        json_put_raw(json, text, n);
                else
                        json_put_text_n(json, text, n);
        }
}

static int put_ndjson(const struct rows *rows, const struct table *batch, struct buffer *text) {
        int r = 0;

        for (size_t i = 0; i < batch->n_rows && !r; i++) {
                struct json_builder json = json_begin(text, JSON_COMPACT);

                json_begin_object(&json);
                for (size_t k = 0; k < batch->n_columns; k++) {
                        json_key(&json, batch->columns[k].name);
                        put_cell(rows, &batch->columns[k], i, &json);
                }
                json_end_object(&json);
                r = json_end(&json);
                if (!r)
                        r = buffer_append(text, "\n", 1);
        }
        return error_trace(r);
}

static int add_text(struct rows *rows, const struct table *batch, struct fault *fault) {
        int r = 0;

        buffer_clear(&rows->text);
        if (rows->format == ROWS_NDJSON) {
                r = put_ndjson(rows, batch, &rows->text);
        } else {
                if (!rows->is_begun)
                        r = csv_append_header(batch, &rows->text);
                if (!r)
                        r = csv_append_rows(batch, &rows->text);
        }
        if (r)
                return error_trace(r);
        r = file_write_all(rows->fd, rows->text.data, rows->text.n_bytes);
        return r ? refuse(rows->path, r, fault) : 0;
}

int rows_add(struct rows *rows, const struct table *batch, struct fault *fault) {
        int r;

        /* the last batch of a source has no rows, and no columns either */
        if (rows->is_begun && !batch->n_rows)
                return 0;
        if (rows->format == ROWS_ARROW) {
                r = rows->arrow ? 0 : arrow_writer_create(rows->fd, batch, NULL, 0, &rows->arrow);
                if (!r)
                        r = arrow_writer_add(rows->arrow, batch);
                r = r ? refuse(rows->path, r, fault) : 0;
        } else {
                r = add_text(rows, batch, fault);
        }
        rows->is_begun = true;
        return r;
}

int rows_finish(struct rows *rows, struct fault *fault) {
        struct arrow_summary summary;
        int r = 0;

        if (rows->arrow)
                r = arrow_writer_finish(rows->arrow, &summary);
        /* for others to read, as the file that an editor saves would be */
        if (!r && *rows->temporary && fchmod(rows->fd, 0644))
                r = -errno;
        if (!r && *rows->temporary) {
                r = file_publish(rows->fd, rows->temporary, rows->target);
                rows->temporary[0] = 0;
        }
        return r ? refuse(rows->path, r, fault) : 0;
}

struct rows *rows_destroy(struct rows *rows) {
        if (!rows)
                return NULL;
        arrow_writer_destroy(rows->arrow);
        if (*rows->temporary)
                unlink(rows->temporary);
        if (rows->fd > STDOUT_FILENO)
                close(rows->fd);
        buffer_finish(&rows->text);
        free(rows);
        return NULL;
}

void rows_destroy_pointer(struct rows **rows) {
        *rows = rows_destroy(*rows);
}
