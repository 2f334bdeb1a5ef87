/*
 * rows SCHEMA URI [--reject]: prints the rows of a source as ndjson, for tests that compare them with what others read.
 * With --reject a row that cannot be parsed becomes a line {"code","line","row","column","text"} on standard error.
 * rows --arrow SCHEMA URI FILE writes them as an Arrow file of ours instead, and prints its digest.
 * Exit 1 and the fault on standard error when the source refuses.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/json_builder.h"
#include "common/data/arrow/arrow.h"
#include "common/data/schema/schema.h"
#include "common/source/source.h"

static void put_cell(struct json_builder *json, const struct column *column, size_t row) {
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
                json_put_text_n(json, text, n);
        }
}

static int print_batch(const struct table *batch) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;

        for (size_t i = 0; i < batch->n_rows; i++) {
                struct json_builder json = json_begin(&text, JSON_COMPACT);

                json_begin_object(&json);
                for (size_t k = 0; k < batch->n_columns; k++) {
                        json_key(&json, batch->columns[k].name);
                        put_cell(&json, &batch->columns[k], i);
                }
                json_end_object(&json);
                if (json_end(&json) || buffer_append_text(&text, "\n"))
                        return -1;
        }
        return fwrite(buffer_text(&text), 1, text.n_bytes, stdout) == text.n_bytes ? 0 : -1;
}

static int on_reject(void *context, const struct fault *fault, const char *text, size_t n_bytes) {
        _cleanup_(buffer_finish) struct buffer line = BUFFER_NULL;
        struct json_builder json = json_begin(&line, JSON_COMPACT);

        (void)context;
        json_begin_object(&json);
        json_key_text(&json, "code", fault->code);
        json_key_int64(&json, "line", fault->line);
        json_key_int64(&json, "row", fault->row);
        json_key_text(&json, "column", fault->column);
        json_key(&json, "text");
        json_put_text_n(&json, text, n_bytes);
        json_end_object(&json);
        if (json_end(&json))
                return -1;
        fprintf(stderr, "%s\n", buffer_text(&line));
        return 0;
}

static int write_batch(struct arrow_writer **writer, int fd, const struct table *batch) {
        const struct arrow_note note = { "written_by", "tests/support/rows" };
        int r = 0;

        if (!*writer)
                r = arrow_writer_create(fd, batch, &note, 1, writer);
        return r ? r : arrow_writer_add(*writer, batch);
}

static int run(const struct source_options *options, const char *path, struct fault *fault) {
        _cleanup_(source_close_pointer) struct source *source = NULL;
        _cleanup_(arrow_writer_destroy_pointer) struct arrow_writer *writer = NULL;
        _cleanup_(close_descriptor) int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
        struct arrow_summary summary;
        struct table batch;
        int r;

        r = source_open(options, &source, fault);
        while (!r) {
                r = source_read(source, &batch, fault);
                if (r || !batch.n_rows)
                        break;
                r = path ? write_batch(&writer, fd, &batch) : print_batch(&batch);
        }
        if (!r && writer) {
                r = arrow_writer_finish(writer, &summary);
                if (!r)
                        printf("%s\n", summary.sha256);
        }
        return r;
}

int main(int argc, char **argv) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = NULL;
        bool is_arrow = argc == 5 && !strcmp(argv[1], "--arrow");
        bool is_rejecting = argc == 4 && !strcmp(argv[3], "--reject");
        struct fault fault = FAULT_NULL;
        struct source_options options;
        char text[FAULT_TEXT_BYTES];
        int r;

        if (!is_arrow && !is_rejecting && argc != 3) {
                fprintf(stderr, "usage: rows SCHEMA URI [--reject] | rows --arrow SCHEMA URI FILE\n");
                return 2;
        }
        r = schema_load(argv[1 + is_arrow], &fault, &schema);
        if (!r) {
                options = (struct source_options){ .uri = argv[2 + is_arrow], .pipeline_path = ".", .schema = schema };
                options.on_reject = is_rejecting ? on_reject : NULL;
                r = run(&options, is_arrow ? argv[4] : NULL, &fault);
        }
        if (r == FAULT_E_INPUT)
                fprintf(stderr, "%s: %s\n", fault.code, fault_format(&fault, text, sizeof(text)));
        return r != 0;
}
