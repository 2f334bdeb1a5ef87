/* Mongo fetch: find where there is no cursor, getMore where there is. */

#include "common/source/mongo/mongo_fetch.h"

#include <errno.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/source/mongo/mongo_field.h"
#include "common/source/mongo/mongo_resume.h"

enum {
        /* asked for before the documents' size is known */
        BATCH_DOCUMENTS_FIRST = 1000,
        BATCH_DOCUMENTS_MAX = 100000,
};

/* A field of such a name cannot be asked for by itself: a point leads into an object, a dollar to an operator. */
static bool is_projectable(const char *name) {
        return *name && *name != '$' && !strchr(name, '.');
}

void mongo_fetch_init(struct mongo_fetch *fetch, struct mongo_client *client,
                      const struct mongo_cursor_options *options) {
        bool is_projectable_all = options->names;

        *fetch = (struct mongo_fetch){ .client = client, .n_max = options->n_max, .batch_bytes = MONGO_BATCH_BYTES };
        bson_init(&fetch->projection);
        bson_init(&fetch->last);
        for (size_t i = 0; i < options->n_names && is_projectable_all; i++)
                is_projectable_all = is_projectable(options->names[i]);
        if (!is_projectable_all)
                return;
        BSON_APPEND_INT32(&fetch->projection, "_id", 1);
        for (size_t i = 0; i < options->n_names; i++)
                if (strcmp(options->names[i], "_id"))
                        BSON_APPEND_INT32(&fetch->projection, options->names[i], 1);
}

static void append_place(const struct mongo_fetch *fetch, bson_t *options) {
        BSON_APPEND_INT32(options, "serverId", (int32_t)fetch->server);
        if (fetch->session) {
                bson_error_t error;

                (void)mongoc_client_session_append(fetch->session, options, &error);
        }
}

void mongo_fetch_forget(struct mongo_fetch *fetch, bool is_told) {
        _cleanup_(mongo_bson_finish) bson_t command = BSON_INITIALIZER, options = BSON_INITIALIZER, cursors;

        bson_init(&cursors);
        if (fetch->cursor && is_told) {
                BSON_APPEND_INT64(&cursors, "0", fetch->cursor);
                BSON_APPEND_UTF8(&command, "killCursors", fetch->client->collection);
                BSON_APPEND_ARRAY(&command, "cursors", &cursors);
                append_place(fetch, &options);
                (void)mongoc_client_command_with_opts(fetch->client->client, fetch->client->database, &command, NULL,
                                                      &options, NULL, NULL);
        }
        fetch->cursor = 0;
        if (fetch->session)
                mongoc_client_session_destroy(fetch->session);
        fetch->session = NULL;
}

void mongo_fetch_finish(struct mongo_fetch *fetch) {
        mongo_fetch_forget(fetch, true);
        bson_destroy(&fetch->projection);
        bson_destroy(&fetch->last);
}

/* Chooses a server that the URI's read preference allows. A cursor belongs to one session, and servers before 3.6 and
 * some of other make have none. */
static bool choose_server(struct mongo_fetch *fetch, bson_error_t *error) {
        mongoc_client_t *client = fetch->client->client;
        mongoc_server_description_t *server;
        mongoc_session_opt_t *options;
        bson_error_t no_session;

        server = mongoc_client_select_server(client, false, mongoc_client_get_read_prefs(client), error);
        if (!server)
                return false;
        fetch->server = mongoc_server_description_id(server);
        mongoc_server_description_destroy(server);
        options = mongoc_session_opts_new();
        mongoc_session_opts_set_causal_consistency(options, false);
        fetch->session = mongoc_client_start_session(client, options, &no_session);
        mongoc_session_opts_destroy(options);
        return true;
}

static int32_t batch_size(const struct mongo_fetch *fetch) {
        int64_t n = BATCH_DOCUMENTS_FIRST;

        if (fetch->n_documents)
                n = fetch->batch_bytes / (fetch->n_bytes / fetch->n_documents + 1);
        if (n > BATCH_DOCUMENTS_MAX)
                n = BATCH_DOCUMENTS_MAX;
        return n < 1 ? 1 : (int32_t)n;
}

static bool append_filter(const struct mongo_fetch *fetch, bson_t *command) {
        bson_iter_t last;
        bson_t filter;
        bool is_good;

        if (!bson_iter_init_find(&last, &fetch->last, "_id"))
                return true;
        is_good = BSON_APPEND_DOCUMENT_BEGIN(command, "filter", &filter) &&
                  mongo_resume_append(&last, fetch->is_narrow, &filter);
        return bson_append_document_end(command, &filter) && is_good;
}

static bool find(struct mongo_fetch *fetch, bson_t *reply, bson_error_t *error) {
        _cleanup_(mongo_bson_finish) bson_t command = BSON_INITIALIZER, options = BSON_INITIALIZER;
        mongoc_client_t *client = fetch->client->client;
        bson_t sort;

        if (!choose_server(fetch, error))
                return false;
        BSON_APPEND_UTF8(&command, "find", fetch->client->collection);
        if (!append_filter(fetch, &command)) {
                bson_set_error(error, MONGOC_ERROR_BSON, MONGOC_ERROR_BSON_INVALID, "no filter for this _id");
                return false;
        }
        BSON_APPEND_DOCUMENT_BEGIN(&command, "sort", &sort);
        BSON_APPEND_INT32(&sort, "_id", 1);
        bson_append_document_end(&command, &sort);
        if (!bson_empty(&fetch->projection))
                BSON_APPEND_DOCUMENT(&command, "projection", &fetch->projection);
        if (fetch->n_max)
                BSON_APPEND_INT64(&command, "limit", fetch->n_max - fetch->n_documents);
        BSON_APPEND_INT32(&command, "batchSize", batch_size(fetch));
        append_place(fetch, &options);
        bson_destroy(reply);
        return mongoc_client_read_command_with_opts(client, fetch->client->database, &command,
                                                    mongoc_client_get_read_prefs(client), &options, reply, error);
}

static bool get_more(struct mongo_fetch *fetch, bson_t *reply, bson_error_t *error) {
        _cleanup_(mongo_bson_finish) bson_t command = BSON_INITIALIZER, options = BSON_INITIALIZER;
        mongoc_client_t *client = fetch->client->client;

        BSON_APPEND_INT64(&command, "getMore", fetch->cursor);
        BSON_APPEND_UTF8(&command, "collection", fetch->client->collection);
        BSON_APPEND_INT32(&command, "batchSize", batch_size(fetch));
        append_place(fetch, &options);
        bson_destroy(reply);
        /* not as a read command, which would add the URI's read concern: only find takes one */
        return mongoc_client_command_with_opts(client, fetch->client->database, &command,
                                               mongoc_client_get_read_prefs(client), &options, reply, error);
}

/* Counts the documents and remembers the last one's _id. */
static bool look_through(struct mongo_fetch *fetch, struct mongo_batch *batch, bson_error_t *error) {
        struct mongo_field document = { 0 };
        struct mongo_fields documents;
        enum mongo_next next = MONGO_NEXT_BROKEN;
        bson_iter_t id;
        bson_t last;

        if (mongo_fields_begin(batch->array, batch->n_array, &documents))
                while ((next = mongo_fields_next(&documents, &document)) == MONGO_NEXT_FIELD &&
                       document.type == MONGO_TYPE_OBJECT)
                        batch->n_documents++;
        if (next != MONGO_NEXT_END) {
                bson_set_error(error, MONGOC_ERROR_PROTOCOL, MONGOC_ERROR_PROTOCOL_INVALID_REPLY, "broken reply");
                return false;
        }
        if (!batch->n_documents)
                return true;
        if (!bson_init_static(&last, document.value, document.n_value) || !bson_iter_init_find(&id, &last, "_id")) {
                bson_set_error(error, MONGOC_ERROR_BSON, MONGOC_ERROR_BSON_INVALID,
                               "a document has no _id, without which reading cannot go on after a fault");
                return false;
        }
        bson_reinit(&fetch->last);
        bson_append_iter(&fetch->last, "_id", 3, &id);
        fetch->n_documents += batch->n_documents;
        fetch->n_bytes += (int64_t)batch->n_array;
        return true;
}

/* {cursor: {firstBatch or nextBatch: [...], id: …}} */
static bool read_reply(struct mongo_fetch *fetch, struct mongo_batch *batch, bson_error_t *error) {
        const char *name = fetch->cursor ? "nextBatch" : "firstBatch";
        bson_iter_t iter, cursor, id, documents;
        uint32_t n_array = 0;

        if (!bson_iter_init_find(&iter, &batch->reply, "cursor") || !BSON_ITER_HOLDS_DOCUMENT(&iter) ||
            !bson_iter_recurse(&iter, &cursor) || !bson_iter_find_descendant(&cursor, "id", &id) ||
            !BSON_ITER_HOLDS_INT64(&id) || !bson_iter_recurse(&iter, &cursor) ||
            !bson_iter_find_descendant(&cursor, name, &documents) || !BSON_ITER_HOLDS_ARRAY(&documents)) {
                bson_set_error(error, MONGOC_ERROR_PROTOCOL, MONGOC_ERROR_PROTOCOL_INVALID_REPLY, "broken reply");
                return false;
        }
        bson_iter_array(&documents, &n_array, &batch->array);
        batch->n_array = n_array;
        fetch->cursor = bson_iter_int64(&id);
        fetch->is_ended = !fetch->cursor;
        return look_through(fetch, batch, error);
}

static bool try_next(struct mongo_fetch *fetch, struct mongo_batch *batch, bson_error_t *error) {
        bool is_more = fetch->cursor;

        if (!(is_more ? get_more(fetch, &batch->reply, error) : find(fetch, &batch->reply, error)))
                return false;
        fetch->client->is_known = true;
        return read_reply(fetch, batch, error);
}

bool mongo_fetch_next(struct mongo_fetch *fetch, struct mongo_batch *batch, struct mongo_verdict *ret_verdict) {
        bson_error_t error = { 0 };
        bool is_resumed = !fetch->cursor && !bson_empty(&fetch->last);

        bson_reinit(&batch->reply);
        batch->array = NULL;
        batch->n_documents = 0;
        if (try_next(fetch, batch, &error)) {
                if (fetch->n_max && fetch->n_documents >= fetch->n_max)
                        fetch->is_ended = true;
                return true;
        }
        mongo_judge(fetch->client, &error, &batch->reply, ret_verdict);
        /* the first filter of this kind: it may name types that this server does not know */
        if (is_resumed && !fetch->is_narrow && !strcmp(ret_verdict->fault.code, "SOURCE_READ_REFUSED")) {
                fetch->is_narrow = true;
                mongo_fetch_forget(fetch, false);
                return mongo_fetch_next(fetch, batch, ret_verdict);
        }
        fetch->is_ended = false;
        batch->n_documents = 0;
        /* what was too much for the time there is may come in smaller pieces */
        if (ret_verdict->code < 0 && !ret_verdict->is_cursor_lost && fetch->batch_bytes > MONGO_BATCH_BYTES_MIN)
                fetch->batch_bytes /= 2;
        mongo_fetch_forget(fetch, false);
        return false;
}
