#pragma once

/*
 * S3 judge
 *
 * What an answer means for the request that it answers: done, again, or never.
 */

#include "common/store/s3/s3_client.h"

#define S3_SENTENCE_BYTES 1024

enum s3_verdict {
        S3_VERDICT_DONE,
        S3_VERDICT_AT_ONCE, /* something was mended; there are bounds to how often */
        S3_VERDICT_LATER,   /* after a pause */
        S3_VERDICT_REFUSED,
};

/* The tries of one call. */
struct s3_tries {
        int n_failed; /* in a row */
        bool is_fresh;
        uint64_t n_received;          /* when the tries were counted anew */
        struct aws_keys keys;         /* of the last try */
        char region[S3_REGION_BYTES]; /* "": to be asked for */
        char host[S3_HOST_BYTES];     /* of a redirect; "": the bucket's own */
        int n_moves, n_skews, n_garbled, n_conflicts;
        bool has_renewed_keys;
        int error; /* of the last try, should there be no other */
        char sentence[S3_SENTENCE_BYTES];
};

/* condition: what http_call() returned. 0, or -ENOMEM and the like. */
int s3_judge(struct s3_client *client, const struct s3_request *request, int condition, struct s3_tries *tries,
             struct s3_answer *answer, enum s3_verdict *ret_verdict);
