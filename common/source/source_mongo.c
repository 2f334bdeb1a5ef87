/* A collection of MongoDB as a source. */

#include "common/source/source_mongo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/source/mongo/mongo_client.h"
#include "common/source/mongo/mongo_cursor.h"
#include "common/source/mongo/mongo_document.h"
#include "common/source/mongo/mongo_field.h"
#include "common/source/source_rows.h"

struct source_mongo {
        struct source super;
        struct source_rows rows;
        struct mongo_client *client;
        struct mongo_cursor *cursor;
        struct mongo_document_reader *reader;
};

static void source_mongo_destroy(struct source *super) {
        struct source_mongo *source = (struct source_mongo *)super;

        mongo_cursor_destroy(source->cursor);
        mongo_client_destroy(source->client);
        mongo_document_reader_destroy(source->reader);
        source_rows_finish(&source->rows);
        free(source);
}

static void source_mongo_destroy_pointer(struct source_mongo **source) {
        if (*source)
                source_mongo_destroy(&(*source)->super);
}

/* Rows of all the documents; those that cannot be read are set aside. */
static int append_run(struct source_mongo *source, const struct mongo_span *documents, size_t n_documents,
                      struct fault *fault) {
        struct source_rows *rows = &source->rows;
        char text[SOURCE_REJECT_BYTES];
        size_t n_done = 0, n_text;
        int r;

        for (size_t i = 0; i < n_documents; i += n_done) {
                r = mongo_document_append_run(source->reader, documents + i, n_documents - i, rows->n_read,
                                              rows->builder, &n_done, fault);
                if (r && r != FAULT_E_INPUT)
                        return error_trace(r);
                source_rows_end(rows, n_done);
                if (!r)
                        continue;
                fault_at(fault, rows->path, 0, 0);
                n_text = mongo_document_show(documents[i + n_done].bytes, documents[i + n_done].n_bytes, text,
                                             sizeof(text));
                r = source_rows_reject(rows, fault, text, n_text);
                if (r)
                        return error_trace(r);
                n_done++;
        }
        return 0;
}

static int source_mongo_read(struct source *super, struct table *ret_batch, struct fault *fault) {
        struct source_mongo *source = (struct source_mongo *)super;
        const struct mongo_span *documents = NULL;
        int64_t n_bytes = 0;
        size_t n = 0;
        int r;

        source_rows_clear(&source->rows);
        while (!source_rows_is_full(&source->rows, n_bytes)) {
                r = mongo_cursor_next_run(source->cursor, TABLE_BATCH_ROWS - source->rows.n_batch, &documents, &n,
                                          fault);
                if (!r)
                        r = append_run(source, documents, n, fault);
                if (r)
                        return error_trace(r);
                if (!n)
                        break;
                for (size_t i = 0; i < n; i++)
                        n_bytes += (int64_t)documents[i].n_bytes;
        }
        return error_trace(source_rows_hand_out(&source->rows, ret_batch, fault));
}

static void look_at(struct source_mongo *source, const uint8_t *document, size_t n_bytes) {
        const struct schema *schema = source->rows.schema;
        const struct schema_column *column;
        struct mongo_fields fields;
        struct mongo_field field;

        if (!mongo_fields_begin(document, n_bytes, &fields))
                return;
        while (mongo_fields_next(&fields, &field) == MONGO_NEXT_FIELD) {
                column = schema_find(schema, field.name, field.n_name);
                if (column)
                        source_rows_add_known(&source->rows, (size_t)(column - schema->columns));
                else if (strcmp(field.name, "_id"))
                        source_rows_add_unknown(&source->rows, field.name, field.n_name);
        }
}

/* The first documents with all their fields, whether there are any, and how many. */
static int look(struct source_mongo *source, const struct source_options *options, struct fault *fault) {
        _cleanup_(mongo_cursor_destroy_pointer) struct mongo_cursor *cursor = NULL;
        const struct mongo_cursor_options whole = { .n_max = SOURCE_MONGO_LOOK,
                                                    .is_look = true,
                                                    .is_canceled = options->is_canceled,
                                                    .context = options->is_canceled_context };
        const uint8_t *document = NULL;
        size_t n_bytes = 0;
        int r;

        r = mongo_cursor_create(source->client, &whole, &cursor);
        while (!r) {
                r = mongo_cursor_next(cursor, &document, &n_bytes, fault);
                if (r || !document)
                        break;
                look_at(source, document, n_bytes);
        }
        if (!r)
                source->super.n_rows = mongo_cursor_estimate(cursor);
        return error_trace(r);
}

static int start(struct source_mongo *source, const struct source_options *options) {
        const struct schema *schema = options->schema;
        _cleanup_(free_pointer) const char **names = calloc(schema->n_columns + 1, sizeof(*names));
        struct mongo_cursor_options some = { .names = names,
                                             .n_names = schema->n_columns,
                                             .n_max = options->n_look,
                                             .is_canceled = options->is_canceled,
                                             .context = options->is_canceled_context };

        if (!names)
                return error_origin(-ENOMEM, "opening MongoDB");
        for (size_t k = 0; k < schema->n_columns; k++)
                names[k] = schema->columns[k].name;
        return error_trace(mongo_cursor_create(source->client, &some, &source->cursor));
}

int source_mongo_open(const struct source_options *options, struct source **ret_source, struct fault *fault) {
        static const struct source_kind kind = { source_mongo_read, source_mongo_destroy };
        _cleanup_(source_mongo_destroy_pointer) struct source_mongo *source = calloc(1, sizeof(*source));
        const struct mongo_options place = { options->uri, options->database, options->collection,
                                             options->n_look ? SOURCE_LOOK_MS : 0 };
        int r;

        if (!source)
                return error_origin(-ENOMEM, "opening MongoDB");
        source->super.kind = &kind;
        source->rows.fd = -1;
        r = mongo_client_create(&place, &source->client, fault);
        if (!r)
                r = source_rows_init(&source->rows, &source->super, options, mongo_client_name(source->client), -1);
        if (!r)
                r = mongo_document_reader_create(options->schema, source->rows.has, &source->reader);
        if (!r)
                r = look(source, options, fault);
        if (!r)
                r = start(source, options);
        if (r)
                return error_trace(r);
        *ret_source = &steal(source)->super;
        return 0;
}

int source_mongo_check(const char *uri, struct fault *fault) {
        return error_trace(mongo_client_check(uri, fault));
}

void source_mongo_place(const struct source_options *options, char ret_text[SOURCE_PLACE_BYTES]) {
        char database[MONGO_DATABASE_BYTES], servers[MONGO_SERVERS_BYTES];
        const char *collection = options->collection;

        mongo_place(options->uri, database, servers);
        snprintf(ret_text, SOURCE_PLACE_BYTES, "%s.%s of MongoDB at %s",
                 options->database && *options->database ? options->database : database,
                 collection && *collection ? collection : "?", *servers ? servers : "an address that cannot be read");
}
