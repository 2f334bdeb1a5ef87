#pragma once

/*
 * Store in S3
 *
 * The kind behind s3://BUCKET/PREFIX: an object's key is the prefix and its name. What is written is in S3, whole, when
 * the call returns; what is read goes through local copies (blob_cache.h) when its digest is known. Keys, region and
 * endpoint come from where every AWS tool looks for them (aws_credentials.h, s3_address.h). The etag is S3's own.
 *
 * Blobs are sent with If-None-Match: *, and one that is there already is left alone as long as its length, and its
 * SHA-256 where S3 keeps it, are right and it is younger than STORE_RENEWAL_MS; else it is sent again.
 */

#include "common/store/store.h"

/* As store_open(). */
int store_s3_open(const struct store_options *options, struct store **ret_store, struct fault *fault);
