#pragma once

/*
 * S3 error
 *
 * What S3 says when it refuses: a document <Error> with Code, Message and, where the bucket lies elsewhere, Region and
 * Endpoint; an answer to HEAD has none, so its status is all there is. Source: S3 API reference, "Error responses".
 */

#include <stdbool.h>

#include "common/store/http.h"
#include "common/store/s3/s3_address.h"

#define S3_CODE_BYTES 64
#define S3_MESSAGE_BYTES 256

struct s3_error {
        bool is_document;               /* there was one */
        bool is_malformed;              /* the body is no XML at all */
        char code[S3_CODE_BYTES];       /* "NoSuchKey"; "" where nothing was said */
        char message[S3_MESSAGE_BYTES]; /* its own words */
        char region[S3_REGION_BYTES];   /* where the bucket lies, by x-amz-bucket-region or the document */
        char host[S3_HOST_BYTES];       /* where to ask instead, by Location or the document */
};

/* 0 or -ENOMEM. What is no error document leaves all but region and host "". */
int s3_error_read(const struct http_response *response, struct s3_error *ret_error);

/* What the operator can do about it, as ends of a sentence ("; make it, or …"), or "". */
const char *s3_error_advice(int status, const char *code);
