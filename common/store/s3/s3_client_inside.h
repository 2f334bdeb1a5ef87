#pragma once

/*
 * The inside of the S3 client, for the files that make it up.
 */

#include <pthread.h>

#include "common/store/s3/s3_client.h"

/* connections kept for the next call */
#define S3_IDLE_MAX 16

struct s3_client {
        struct s3_address address;
        struct aws_credentials *credentials;
        const char *ca_file; /* of the credentials' */
        _Atomic int64_t deadline_ms;
        pthread_cond_t is_hurried;    /* the deadline was changed */
        pthread_mutex_t mutex;        /* of all below */
        char region[S3_REGION_BYTES]; /* "": not asked for yet */
        struct http *idle[S3_IDLE_MAX];
        size_t n_idle;
};

/* A connection for one call, kept or new. */
int s3_client_take(struct s3_client *client, struct http **ret_http);
void s3_client_give(struct s3_client *client, struct http *http);
