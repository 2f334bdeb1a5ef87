#pragma once

/*
 * What the files of this folder share, beside their headers: libmongoc's handles, what its errors mean, and how long to
 * wait after one.
 */

#include <mongoc/mongoc.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/base/fault.h"
#include "common/source/mongo/mongo_client.h"

/* room for words of libmongoc and the server */
#define MONGO_WORDS_BYTES 512

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

/* What an error means. */
struct mongo_verdict {
        int code;                      /* FAULT_E_INPUT, or the negative errno of a failure that may pass */
        bool is_cursor_lost;           /* the server is well, only the cursor is gone: no need to wait */
        char words[MONGO_WORDS_BYTES]; /* of a failure: libmongoc's or the server's, free of secrets */
        struct fault fault;            /* of FAULT_E_INPUT */
};

/* Judges an error of libmongoc; reply (may be NULL or empty) holds the server's, if there is one. */
void mongo_judge(struct mongo_client *client, const bson_error_t *error, const bson_t *reply,
                 struct mongo_verdict *ret_verdict);

/* What libmongoc said last in its log at this thread, of errors alone; never to be printed. */
const char *mongo_last_log(void);

/* The pause before the next try, after n_failed of them (1 or more) in succession. */
int64_t mongo_pause_ms(int64_t n_failed);

/* Writes foreign words without what they repeat of the URI's secrets: all of them, or a note in their place. Returns
 * ret_words. */
char *mongo_words(const char *uri, const char *words, char ret_words[MONGO_WORDS_BYTES]);

static inline void mongo_bson_finish(bson_t *document) {
        bson_destroy(document);
}
