#pragma once

/*
 * Mongo judge: what an error of libmongoc means, whether it may pass, and in which words it is told.
 */

#include <stdbool.h>

#include <mongoc/mongoc.h>

#include "common/base/fault.h"
#include "common/source/mongo/mongo_client.h"
#include "common/source/mongo/mongo_words.h"

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
