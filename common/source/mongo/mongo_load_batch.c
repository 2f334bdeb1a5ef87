/* Mongo load batch: documents written by libbson, then copied behind the others. */

#include "common/source/mongo/mongo_load_batch.h"

#include <assert.h>
#include <bson/bson.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"
#include "common/source/mongo/mongo_document.h"

static const char ID[] = "_id";

int mongo_load_batch_init(struct mongo_load_batch *batch) {
        *batch = (struct mongo_load_batch){
                .documents = calloc(MONGO_LOAD_BATCH_DOCUMENTS, sizeof(*batch->documents)),
                .sent = calloc(MONGO_LOAD_BATCH_DOCUMENTS, sizeof(*batch->sent)),
        };
        return batch->documents && batch->sent ? 0 : error_origin(-ENOMEM, "making room for documents");
}

void mongo_load_batch_finish(struct mongo_load_batch *batch) {
        buffer_finish(&batch->bytes);
        free(batch->documents);
        free(batch->sent);
        mongo_keys_finish(&batch->places);
        *batch = (struct mongo_load_batch)MONGO_LOAD_BATCH_NULL;
}

void mongo_load_batch_clear(struct mongo_load_batch *batch) {
        buffer_clear(&batch->bytes);
        batch->n_documents = 0;
        batch->n_sent = 0;
        mongo_keys_clear(&batch->places);
}

static int write_document(const struct schema *schema, const struct table *table, size_t at, const struct mongo_id *id,
                          bson_t *document) {
        int r;

        /* a key that is called _id itself stands there once */
        if (schema->key != SCHEMA_NO_VALUE && !strcmp(schema->columns[schema->key].name, ID))
                return error_trace(mongo_document_write(schema, table, at, document));
        r = mongo_id_append(id, ID, document);
        if (!r)
                r = mongo_document_write(schema, table, at, document);
        return error_trace(r);
}

int mongo_load_batch_add(struct mongo_load_batch *batch, const struct schema *schema, const struct table *table,
                         size_t at, const struct mongo_id *id, int64_t row) {
        struct digest_content digest = mongo_id_digest(id);
        bson_t document = BSON_INITIALIZER;
        size_t n_before = batch->bytes.n_bytes;
        int r;

        assert(!mongo_load_batch_is_full(batch));
        assert(!mongo_keys_get(&batch->places, &digest));
        r = write_document(schema, table, at, id, &document);
        if (!r)
                r = buffer_append(&batch->bytes, bson_get_data(&document), document.len);
        if (!r)
                r = mongo_keys_put(&batch->places, &digest, (int64_t)batch->n_documents + 1);
        if (!r)
                batch->documents[batch->n_documents++] = (struct mongo_load_batch_document){ .at = n_before,
                                                                                             .n_bytes = document.len,
                                                                                             .row = row };
        bson_destroy(&document);
        return error_trace(r);
}

size_t mongo_load_batch_find(const struct mongo_load_batch *batch, const struct mongo_id *id) {
        struct digest_content digest = mongo_id_digest(id);
        int64_t place = mongo_keys_get(&batch->places, &digest);

        return place ? (size_t)place - 1 : SIZE_MAX;
}
