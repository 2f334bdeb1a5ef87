#pragma once

/*
 * S3 address
 *
 * Where a bucket is reached, from s3://BUCKET[/PREFIX][?addressing=STYLE] and the endpoint, if there is one that is not
 * AWS's own.
 *
 * A bucket stands in the path (https://s3.example/bucket/key) or in the host's name (https://bucket.s3.example/key).
 * Left alone ("auto"), it is the path where the host's name could not carry it: hosts given by number or by a name
 * without a dot, and buckets with a dot in their name, which a certificate's * does not cover. STYLE in the URI decides
 * otherwise, else AWS_S3_ADDRESSING_STYLE: "path", "virtual" or "auto".
 */

#include <stdbool.h>

#include "common/base/fault.h"

#define S3_BUCKET_BYTES 64
/* what stands before every name of the store, its last slash and the end included; with STORE_NAME_BYTES it makes a key
 * of S3, which has at most 1024 bytes */
#define S3_PREFIX_BYTES 512
#define S3_KEY_BYTES 1025
#define S3_HOST_BYTES 512
#define S3_REGION_BYTES 64

enum s3_addressing {
        S3_ADDRESSING_AUTO,
        S3_ADDRESSING_PATH,
        S3_ADDRESSING_VIRTUAL,
        S3_ADDRESSING_N,
};

struct s3_address {
        char bucket[S3_BUCKET_BYTES];
        char prefix[S3_PREFIX_BYTES]; /* "", or what ends in a slash */
        enum s3_addressing addressing;
        bool is_plain; /* http:// */
        char host[S3_HOST_BYTES -
                  S3_BUCKET_BYTES]; /* of the endpoint, with its port unless that is the scheme's own; "": AWS's */
        char above[S3_HOST_BYTES];  /* the endpoint's own path, without a slash at its end */
};

/* Reads URI, style (NULL or "": auto) and endpoint (NULL: AWS's). 0, or FAULT_E_INPUT: STORE_URI, STORE_ENDPOINT. */
int s3_address_parse(const char *uri, const char *style, const char *endpoint, struct s3_address *ret_address,
                     struct fault *fault);

/* The host that requests go to. */
void s3_address_host(const struct s3_address *address, const char *region, char ret_host[S3_HOST_BYTES]);

/* The path of a request, not encoded; key "" is the bucket itself. is_virtual: the host's name carries the bucket. */
#define S3_PATH_BYTES (S3_HOST_BYTES + S3_BUCKET_BYTES + S3_KEY_BYTES + 2)
void s3_address_path(const struct s3_address *address, bool is_virtual, const char *key, char ret_path[S3_PATH_BYTES]);

bool s3_address_is_virtual(const struct s3_address *address);

/* Whether nobody between can change what is sent: by TLS, or because it never leaves this machine. */
bool s3_address_is_private(const struct s3_address *address);
