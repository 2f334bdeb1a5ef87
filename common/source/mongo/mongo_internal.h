#pragma once

/*
 * What the files of this folder share, beside their headers: libmongoc's handles. The folder is the door to libmongoc
 * and libbson; nobody outside it includes this header.
 */

#include <mongoc/mongoc.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/source/mongo/mongo_client.h"

struct mongo_client {
        char *uri_text; /* to know its secrets */
        mongoc_uri_t *uri;
        mongoc_client_t *client;
        char *database;
        char *collection;
        char *name;
        char servers[MONGO_SERVERS_BYTES];
        int patience_ms; /* as in struct mongo_options */
        bool is_known;   /* some server has replied */

        atomic_int n_owners;
        pthread_mutex_t lock; /* of who talks, since libmongoc's client is not thread-safe */
};

/* One owner more, each of whom calls mongo_client_destroy(). Returns client. */
struct mongo_client *mongo_client_share(struct mongo_client *client);

/* The client talks for the calling thread alone; waits for another to be done with it. */
void mongo_client_hold(struct mongo_client *client);
void mongo_client_release(struct mongo_client *client);

/* What libmongoc said last in its log at this thread, of errors alone; never to be printed. */
const char *mongo_last_log(void);

static inline void mongo_bson_finish(bson_t *document) {
        bson_destroy(document);
}
