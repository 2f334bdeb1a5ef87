/* Mongo insert: look, send, and look again where that failed. */

#include "common/source/mongo/mongo_insert.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/source/mongo/mongo_compare.h"
#include "common/source/mongo/mongo_document.h"
#include "common/source/mongo/mongo_refusals.h"
#include "common/source/mongo/mongo_retry.h"

/* of MongoDB's error codes */
enum {
        CODE_NAMESPACE_NOT_FOUND = 26,
};

struct mongo_insert {
        struct mongo_insert_options options;
        mongoc_collection_t *collection;
        struct mongo_compare *compare;
        bool is_empty; /* the collection was, so that nothing can be there but by a try of ours */
        int64_t n_failed;
        struct mongo_verdict *verdict; /* of the call in hand */
};

static void bulk_finish(mongoc_bulk_operation_t **bulk) {
        if (*bulk)
                mongoc_bulk_operation_destroy(*bulk);
}

static void cursor_finish(mongoc_cursor_t **cursor) {
        if (*cursor)
                mongoc_cursor_destroy(*cursor);
}

static void preferences_finish(mongoc_read_prefs_t **preferences) {
        if (*preferences)
                mongoc_read_prefs_destroy(*preferences);
}

int mongo_insert_create(const struct mongo_insert_options *options, struct mongo_insert **ret_insert) {
        _cleanup_(mongo_insert_destroy_pointer) struct mongo_insert *insert = calloc(1, sizeof(*insert));
        struct mongo_client *client = options->client;
        int r;

        if (!insert)
                return error_origin(-ENOMEM, "writing to MongoDB");
        insert->options = *options;
        insert->collection = mongoc_client_get_collection(client->client, client->database, client->collection);
        r = mongo_compare_create(options->schema, client->name, &insert->compare);
        if (r)
                return error_trace(r);
        *ret_insert = steal(insert);
        return 0;
}

struct mongo_insert *mongo_insert_destroy(struct mongo_insert *insert) {
        if (!insert)
                return NULL;
        mongo_compare_destroy(insert->compare);
        if (insert->collection)
                mongoc_collection_destroy(insert->collection);
        free(insert);
        return NULL;
}

void mongo_insert_destroy_pointer(struct mongo_insert **insert) {
        *insert = mongo_insert_destroy(*insert);
}

/* After an exchange that failed: 0 when it shall be tried again. */
static int fail(struct mongo_insert *insert, const bson_error_t *error, const bson_t *reply) {
        struct mongo_verdict *verdict = insert->verdict;

        mongo_judge(insert->options.client, error, reply, verdict);
        if (verdict->code == FAULT_E_INPUT || ++insert->n_failed >= MONGO_TRIES)
                return verdict->code;
        return insert->options.pause(insert->options.context, verdict->words, mongo_retry_pause_ms(insert->n_failed))
                       ? 0
                       : -ECANCELED;
}

/* The judge knows what a reader must be told. */
static int refuse_write(struct mongo_insert *insert, int code) {
        struct mongo_verdict *verdict = insert->verdict;

        if (code != FAULT_E_INPUT)
                return code;
        if (!strcmp(verdict->fault.code, "SOURCE_NOT_AUTHORIZED"))
                return fault_set(&verdict->fault, "SOURCE_NOT_AUTHORIZED",
                                 "MongoDB does not let the URI's user write to this collection; give it the role "
                                 "readWrite of the database (%.400s)",
                                 verdict->words);
        if (!strcmp(verdict->fault.code, "SOURCE_READ_REFUSED"))
                return fault_set(&verdict->fault, "SOURCE_WRITE_REFUSED", "MongoDB refuses to write (%.400s)",
                                 verdict->words);
        return code;
}

static void advance(struct mongo_insert *insert) {
        insert->n_failed = 0;
        insert->options.client->is_known = true;
}

int mongo_insert_drop(struct mongo_insert *insert, int64_t *ret_n_dropped, struct mongo_verdict *ret_verdict) {
        bson_error_t error = { 0 };
        int64_t n_documents;
        int r;

        insert->verdict = ret_verdict;
        for (;;) {
                n_documents = mongoc_collection_estimated_document_count(insert->collection, NULL, NULL, NULL, &error);
                if (n_documents >= 0 && mongoc_collection_drop(insert->collection, &error))
                        break;
                /* smaller implementations give no code */
                if (n_documents >= 0 &&
                    (error.code == CODE_NAMESPACE_NOT_FOUND || strstr(error.message, "ns not found"))) {
                        n_documents = -1;
                        break;
                }
                r = refuse_write(insert, fail(insert, &error, NULL));
                if (r)
                        return r;
        }
        advance(insert);
        *ret_n_dropped = n_documents;
        return 0;
}

/* Hands each document that the filter finds to the function; a try that is cut begins anew. */
static int find(struct mongo_insert *insert, const bson_t *filter, const bson_t *options,
                int (*each)(struct mongo_insert *insert, const bson_t *document, void *context), void *context) {
        for (;;) {
                /* a secondary may not have yet what the primary refuses to take again */
                _cleanup_(preferences_finish) mongoc_read_prefs_t *primary = mongoc_read_prefs_new(MONGOC_READ_PRIMARY);
                _cleanup_(cursor_finish) mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(
                        insert->collection, filter, options, primary);
                const bson_t *document, *reply = NULL;
                bson_error_t error = { 0 };
                int r = 0;

                while (!r && mongoc_cursor_next(cursor, &document))
                        r = each(insert, document, context);
                if (r || !mongoc_cursor_error_document(cursor, &error, &reply))
                        return r;
                r = fail(insert, &error, reply);
                if (r)
                        return r;
        }
}

static int note_any(struct mongo_insert *insert, const bson_t *document, void *context) {
        (void)insert;
        (void)document;
        *(bool *)context = false;
        return 0;
}

int mongo_insert_look(struct mongo_insert *insert, bool *ret_is_empty, struct mongo_verdict *ret_verdict) {
        bson_t filter = BSON_INITIALIZER, options = BSON_INITIALIZER;
        bool is_empty = true;
        int r;

        insert->verdict = ret_verdict;
        BSON_APPEND_INT64(&options, "limit", 1);
        BSON_APPEND_BOOL(&options, "singleBatch", true);
        r = find(insert, &filter, &options, note_any, &is_empty);
        bson_destroy(&options);
        bson_destroy(&filter);
        if (r)
                return r;
        advance(insert);
        insert->is_empty = is_empty;
        *ret_is_empty = is_empty;
        return 0;
}

/* What is there of the batch, so far as it was not known. */
struct look {
        struct mongo_load_batch *batch;
        int64_t n_found;
};

static int note_there(struct mongo_insert *insert, const bson_t *document, void *context) {
        struct look *look = context;
        const uint8_t *bytes = bson_get_data(document);
        struct mongo_field field;
        struct mongo_id id;
        size_t at = SIZE_MAX;
        int r;

        if (mongo_field_find(bytes, document->len, "_id", &field) && mongo_id_of_field(&field, &id))
                at = mongo_load_batch_find(look->batch, &id);
        if (at == SIZE_MAX || look->batch->documents[at].is_there)
                return 0;
        r = mongo_compare_documents(insert->compare, bytes, document->len, mongo_load_batch_document(look->batch, at),
                                    look->batch->documents[at].n_bytes, look->batch->documents[at].row,
                                    &insert->verdict->fault);
        if (r)
                return r;
        look->batch->documents[at].is_there = true;
        look->n_found++;
        return 0;
}

/* A range of this many ids for each document is looked through rather than so many ids named. */
enum { RANGE_FACTOR = 2 };

/* {_id: {$gte: first, $lte: last}} where the ids missing are ints that lie close together; false: they do not. */
static bool build_range(const struct mongo_load_batch *batch, bson_t *filter) {
        int64_t first = INT64_MAX, last = INT64_MIN, n = 0;
        bson_t condition;

        for (size_t i = 0; i < batch->n_documents; i++) {
                struct mongo_field field;
                struct mongo_id id;

                if (batch->documents[i].is_there)
                        continue;
                if (!mongo_field_find(mongo_load_batch_document(batch, i), batch->documents[i].n_bytes, "_id",
                                      &field) ||
                    !mongo_id_of_field(&field, &id) || id.is_text)
                        return false;
                first = id.integer < first ? id.integer : first;
                last = id.integer > last ? id.integer : last;
                n++;
        }
        /* ints lie within 2^53 */
        return last - first < RANGE_FACTOR * n && BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &condition) &&
               BSON_APPEND_INT64(&condition, "$gte", first) && BSON_APPEND_INT64(&condition, "$lte", last) &&
               bson_append_document_end(filter, &condition);
}

/* {_id: {$in: […]}} of the documents that are not known to be there. */
static bool build_list(const struct mongo_load_batch *batch, bson_t *filter) {
        bson_t condition, array;
        bool is_done;
        char name[16];
        uint32_t n = 0;

        is_done = BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &condition) &&
                  BSON_APPEND_ARRAY_BEGIN(&condition, "$in", &array);
        for (size_t i = 0; i < batch->n_documents && is_done; i++) {
                bson_iter_t iterator;
                bson_t document;
                const char *key;

                if (batch->documents[i].is_there)
                        continue;
                bson_uint32_to_string(n++, &key, name, sizeof(name));
                is_done = bson_init_static(&document, mongo_load_batch_document(batch, i),
                                           batch->documents[i].n_bytes) &&
                          bson_iter_init_find(&iterator, &document, "_id") &&
                          bson_append_value(&array, key, -1, bson_iter_value(&iterator));
        }
        return is_done && bson_append_array_end(&condition, &array) && bson_append_document_end(filter, &condition);
}

static int look_at(struct mongo_insert *insert, struct mongo_load_batch *batch, int64_t *ret_n_found) {
        struct look look = { .batch = batch };
        bson_t filter = BSON_INITIALIZER;
        int r;

        if (build_range(batch, &filter) || build_list(batch, &filter))
                r = find(insert, &filter, NULL, note_there, &look);
        else
                r = error_origin(-ENOMEM, "looking for documents");
        bson_destroy(&filter);
        *ret_n_found = look.n_found;
        return r;
}

/* Sends what is not known to be there. False: error and reply, which is always initialized, say why. */
static bool send_batch(struct mongo_insert *insert, struct mongo_load_batch *batch, bson_t *ret_reply,
                       bson_error_t *ret_error) {
        bson_t options = BSON_INITIALIZER, unchecked = BSON_INITIALIZER, document;
        _cleanup_(bulk_finish) mongoc_bulk_operation_t *bulk = NULL;
        bool is_done = true;

        BSON_APPEND_BOOL(&options, "ordered", false);
        /* they were written here, and the server looks at them anyway */
        BSON_APPEND_BOOL(&unchecked, "validate", false);
        bulk = mongoc_collection_create_bulk_operation_with_opts(insert->collection, &options);
        batch->n_sent = 0;
        for (size_t i = 0; i < batch->n_documents && is_done; i++) {
                if (batch->documents[i].is_there)
                        continue;
                is_done = bson_init_static(&document, mongo_load_batch_document(batch, i),
                                           batch->documents[i].n_bytes) &&
                          mongoc_bulk_operation_insert_with_opts(bulk, &document, &unchecked, ret_error);
                batch->sent[batch->n_sent++] = i;
        }
        if (is_done)
                is_done = mongoc_bulk_operation_execute(bulk, ret_reply, ret_error);
        else
                bson_init(ret_reply);
        bson_destroy(&unchecked);
        bson_destroy(&options);
        return is_done;
}

static int refuse_document(struct mongo_insert *insert, const struct mongo_load_batch *batch, size_t at,
                           const bson_error_t *error) {
        char name[MONGO_DOCUMENT_NAME_BYTES], words[MONGO_WORDS_BYTES];
        struct fault *fault = &insert->verdict->fault;

        fault_at(fault, insert->options.client->name, 0, 0);
        fault_in(fault, "", batch->documents[at].row);
        mongo_words(insert->options.client->uri_text, error->message, words);
        mongo_document_name(mongo_load_batch_document(batch, at), batch->documents[at].n_bytes, name);
        insert->verdict->code = fault_set(fault, "SOURCE_WRITE_REFUSED",
                                          "MongoDB refuses document %s of row %" PRId64 " (%.400s)", name,
                                          batch->documents[at].row + 1, words);
        return FAULT_E_INPUT;
}

/* Whether the reply tells of each document that was sent what became of it; then the ones taken are marked. A sending
 * of several messages that broke in the middle leaves some untold. */
static bool is_told_of_all(struct mongo_load_batch *batch, const struct mongo_refusals *refusals) {
        if (!refusals->n_errors || refusals->n_inserted + refusals->n_errors != (int64_t)batch->n_sent)
                return false;
        for (size_t i = 0; i < batch->n_sent; i++)
                batch->documents[batch->sent[i]].is_there = !batch->documents[batch->sent[i]].is_refused;
        return true;
}

/* After a failed sending: 0 when a look and another try shall follow. *ret_duplicate is set when all that was not
 * inserted is said to be there. */
static int weigh(struct mongo_insert *insert, struct mongo_load_batch *batch, const bson_t *reply,
                 const bson_error_t *error, int64_t *n_inserted, bson_error_t *ret_duplicate) {
        struct mongo_refusals refusals;
        bool is_all;
        int r;

        mongo_refusals_read(reply, batch, &refusals);
        is_all = is_told_of_all(batch, &refusals);
        if (refusals.other.code) {
                r = fail(insert, &refusals.other, NULL);
                /* the look that follows counts those that are not marked */
                if (is_all || r)
                        *n_inserted += refusals.n_inserted;
                if (r == FAULT_E_INPUT && !strcmp(insert->verdict->fault.code, "SOURCE_READ_REFUSED"))
                        return refuse_document(insert, batch, refusals.other_at, &refusals.other);
                return refuse_write(insert, r);
        }
        if (!refusals.duplicate.code || !is_all)
                return refuse_write(insert, fail(insert, error, reply));
        *n_inserted += refusals.n_inserted;
        *ret_duplicate = refusals.duplicate;
        return 0;
}

static size_t first_missing(const struct mongo_load_batch *batch) {
        size_t at = 0;

        while (at < batch->n_documents && batch->documents[at].is_there)
                at++;
        return at;
}

/* One sending of what is missing, and, where it failed, a look at what came of it. */
static int try_batch(struct mongo_insert *insert, struct mongo_load_batch *batch, bool *is_again, int64_t *n_inserted,
                     int64_t *n_present) {
        bson_error_t error = { 0 }, duplicate = { 0 };
        int64_t n_found = 0;
        bson_t reply;
        size_t at;
        int r = 0;

        if (send_batch(insert, batch, &reply, &error)) {
                for (size_t i = 0; i < batch->n_sent; i++)
                        batch->documents[batch->sent[i]].is_there = true;
                *n_inserted += (int64_t)batch->n_sent;
        } else {
                r = weigh(insert, batch, &reply, &error, n_inserted, &duplicate);
        }
        bson_destroy(&reply);
        if (r || first_missing(batch) == batch->n_documents)
                return r;
        *is_again |= !duplicate.code;
        r = look_at(insert, batch, &n_found);
        *(*is_again ? n_inserted : n_present) += n_found;
        at = first_missing(batch);
        if (!r && duplicate.code && at < batch->n_documents)
                /* its _id is free: another index of the collection is unique */
                return refuse_document(insert, batch, at, &duplicate);
        if (n_found)
                advance(insert);
        return r;
}

int mongo_insert_batch(struct mongo_insert *insert, struct mongo_load_batch *batch, int64_t *n_inserted,
                       int64_t *n_present, struct mongo_verdict *ret_verdict) {
        bool is_again = false;
        int64_t n_found = 0;
        int r = 0;

        insert->verdict = ret_verdict;
        if (!insert->is_empty) {
                r = look_at(insert, batch, &n_found);
                *n_present += n_found;
        }
        while (!r && first_missing(batch) < batch->n_documents)
                r = try_batch(insert, batch, &is_again, n_inserted, n_present);
        if (!r)
                advance(insert);
        return r;
}
