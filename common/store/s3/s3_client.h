#pragma once

/*
 * S3 client
 *
 * One bucket: its address, its region, whose keys sign, and connections that are kept open. s3_call() asks until there
 * is an answer that the caller can use: at most S3_TRIES_MAX times, pausing at random for longer and longer, on a new
 * connection after a failure; what no repetition can mend is said at once. It follows the bucket to its region, signs
 * by S3's clock when ours is off, and takes fresh keys when the old ones have expired.
 *
 * Thread-safe; calls by several threads go over connections of their own.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/store/aws/aws_credentials.h"
#include "common/store/aws/aws_sign.h"
#include "common/store/http.h"
#include "common/store/s3/s3_address.h"
#include "common/store/s3/s3_error.h"

#define S3_TRIES_MAX 10

/* Statuses that are an answer, not a failure, to whoever asks for them. */
enum s3_accept {
        S3_ACCEPT_MISSING = 1,  /* 404 of an object or an upload */
        S3_ACCEPT_CHANGED = 2,  /* 412; and 409 ConditionalRequestConflict when it stays so for some tries */
        S3_ACCEPT_BEYOND = 4,   /* 416 */
        S3_ACCEPT_DOCUMENT = 8, /* 200 carries XML; what is none, and <Error>, is a failure and asked for again */
};

struct s3_client;
struct s3_answer;

/* All borrowed for the call. */
struct s3_request {
        const char *method;
        const char *key; /* the whole key; "": the bucket */
        const struct aws_pair *query;
        size_t n_query;
        const struct aws_pair *headers;
        size_t n_headers;
        const void *body; /* or a range of a file: as in struct http_request */
        const struct http_range *from;
        size_t n_bytes;
        const char *digest;   /* SHA-256 of the body, or AWS_PAYLOAD_UNSIGNED; NULL: there is none */
        const char *checksum; /* x-amz-checksum-crc32c; NULL: that of a PUT is its digest */
        unsigned accept;      /* of enum s3_accept */
        int n_tries_max;      /* 0: S3_TRIES_MAX */
        size_t n_bytes_max;   /* of the answer's body */
        /* A body that is taken as it comes. Called before each try with the answer so far, to say from where on it is
         * wanted now by changing the headers; not 0 ends the call with S3_E_STOPPED. */
        http_on_data *on_data;
        int (*on_try)(void *context, const struct s3_answer *answer);
        const uint64_t *n_received; /* how far it has come; when it has moved on, the tries are counted anew */
        void *context;
};

struct s3_answer {
        struct http_response http;
        struct s3_error error;
        bool is_uncertain; /* an earlier try ended without an answer, so it may have been carried out */
};

#define S3_ANSWER_NULL \
        { 0 }

/* Reads URI and environment, asks nobody. 0, FAULT_E_INPUT (STORE_URI, STORE_ENDPOINT), or a negative errno. */
int s3_client_create(const char *uri, struct s3_client **ret_client, struct fault *fault);
struct s3_client *s3_client_destroy(struct s3_client *client);

const struct s3_address *s3_client_address(const struct s3_client *client);

/* How far S3's clock is ahead of ours, when that is so far that signatures are made by it; else 0. */
int64_t s3_client_clock_offset_ms(struct s3_client *client);

/* As store_set_deadline(). */
void s3_client_set_deadline(struct s3_client *client, int64_t monotonic_ms);

/* an on_data or on_try asked to stop */
enum { S3_E_STOPPED = 1 };

/*
 * 0 with an answer of 2xx or one that the request accepts; S3_E_STOPPED; or, with S3's words in the log:
 *   -EACCES        refused: keys, rights, no such bucket, no S3 server, a certificate that is not trusted
 *   -ECONNREFUSED, -EHOSTUNREACH, -ECONNRESET, -ETIMEDOUT   not reached, or no answer, after all tries
 *   -EREMOTEIO     S3 itself failed at every try
 *   -EIO           bytes arrive otherwise than they were sent
 *   -EFBIG         the answer is longer than the caller takes
 */
int s3_call(struct s3_client *client, const struct s3_request *request, struct s3_answer *answer);
void s3_answer_finish(struct s3_answer *answer);
