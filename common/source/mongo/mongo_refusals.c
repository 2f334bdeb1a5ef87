/* Mongo refusals: the array writeErrors of a reply. */

#include "common/source/mongo/mongo_refusals.h"

enum { CODE_DUPLICATE_KEY = 11000 };

static int64_t read_number(const bson_t *document, const char *name) {
        bson_iter_t iterator;

        return bson_iter_init_find(&iterator, document, name) ? bson_iter_as_int64(&iterator) : 0;
}

static void read_refusal(const bson_t *error, struct mongo_load_batch *batch, struct mongo_refusals *refusals) {
        size_t at = (size_t)read_number(error, "index");
        uint32_t code = (uint32_t)read_number(error, "code");
        const char *words = "";
        bson_iter_t iterator;

        if (bson_iter_init_find(&iterator, error, "errmsg") && BSON_ITER_HOLDS_UTF8(&iterator))
                words = bson_iter_utf8(&iterator, NULL);
        refusals->n_errors++;
        /* it counts those that were sent */
        if (at >= batch->n_sent)
                return;
        batch->documents[batch->sent[at]].is_refused = true;
        if (code == CODE_DUPLICATE_KEY && !refusals->duplicate.code) {
                bson_set_error(&refusals->duplicate, MONGOC_ERROR_SERVER, code, "%s", words);
        } else if (code != CODE_DUPLICATE_KEY && !refusals->other.code) {
                bson_set_error(&refusals->other, MONGOC_ERROR_SERVER, code, "%s", words);
                refusals->other_at = batch->sent[at];
        }
}

void mongo_refusals_read(const bson_t *reply, struct mongo_load_batch *batch, struct mongo_refusals *ret_refusals) {
        const uint8_t *bytes;
        bson_iter_t list, each;
        uint32_t n_bytes;
        bson_t error;

        *ret_refusals = (struct mongo_refusals){ .n_inserted = read_number(reply, "nInserted") };
        for (size_t i = 0; i < batch->n_sent; i++)
                batch->documents[batch->sent[i]].is_refused = false;
        if (!bson_iter_init_find(&list, reply, "writeErrors") || !BSON_ITER_HOLDS_ARRAY(&list) ||
            !bson_iter_recurse(&list, &each))
                return;
        while (bson_iter_next(&each)) {
                if (!BSON_ITER_HOLDS_DOCUMENT(&each))
                        continue;
                bson_iter_document(&each, &n_bytes, &bytes);
                if (bson_init_static(&error, bytes, n_bytes))
                        read_refusal(&error, batch, ret_refusals);
        }
}
