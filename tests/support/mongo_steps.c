/*
 * mongo_steps URI DATABASE COLLECTION: reads a collection document by document, each by a find of its own that asks for
 * what comes after the last _id, as if the cursor was lost every time. Prints the estimate of their number, then each
 * _id on a line. Exit 1 and the fault on standard error when it cannot.
 */

#include <stdio.h>
#include <string.h>

#include "common/source/mongo/mongo_document.h"
#include "common/source/mongo/mongo_fetch.h"
#include "common/source/mongo/mongo_field.h"

static void print(const struct mongo_batch *batch) {
        char name[MONGO_DOCUMENT_NAME_BYTES];
        struct mongo_fields documents;
        struct mongo_field document;

        if (!mongo_fields_begin(batch->array, batch->n_array, &documents))
                return;
        while (mongo_fields_next(&documents, &document) == MONGO_NEXT_FIELD)
                puts(mongo_document_name(document.value, document.n_value, name));
}

int main(int argc, char **argv) {
        _cleanup_(mongo_client_destroy_pointer) struct mongo_client *client = NULL;
        struct mongo_cursor_options options = { 0 };
        struct mongo_verdict verdict = { 0 };
        struct fault fault = FAULT_NULL;
        struct mongo_batch batch = { 0 };
        struct mongo_fetch fetch;
        bool is_good;

        if (argc < 4)
                return 2;
        if (mongo_client_create(&(struct mongo_options){ argv[1], argv[2], argv[3] }, &client, &fault)) {
                fprintf(stderr, "%s: %s\n", fault.code, fault.message);
                return 1;
        }
        printf("%lld\n", (long long)mongo_client_estimate(client));
        mongo_fetch_init(&fetch, client, &options);
        bson_init(&batch.reply);
        do {
                fetch.batch_bytes = 1;
                fetch.n_documents = 1;
                is_good = mongo_fetch_next(&fetch, &batch, &verdict);
                if (is_good)
                        print(&batch);
                mongo_fetch_forget(&fetch, true);
        } while (is_good && batch.n_documents);
        if (!is_good)
                fprintf(stderr, "%s %s\n", verdict.fault.message, verdict.words);
        bson_destroy(&batch.reply);
        mongo_fetch_finish(&fetch);
        return !is_good;
}
