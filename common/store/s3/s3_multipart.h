#pragma once

/*
 * S3 multipart
 *
 * An object sent in parts, several at a time. It appears when the upload is completed, whole or not at all; an upload
 * that fails is aborted. What a process leaves that dies in the middle is invisible, and for the bucket's lifecycle
 * rule (AbortIncompleteMultipartUpload) to remove. Source: S3 user guide, "Uploading and copying objects using
 * multipart upload"; limits: "Amazon S3 multipart upload limits".
 */

#include "common/store/s3/s3_object.h"

/* few, as some servers take long to put many together */
#define S3_PART_BYTES_MIN ((uint64_t)32 << 20)
#define S3_PARTS_MAX 10000

/* an answer was lost, and what is there now is the caller's to compare */
enum { S3_E_MULTIPART_UNCERTAIN = 100 };

/* As s3_object_put(), or S3_E_MULTIPART_UNCERTAIN. */
int s3_multipart_put(struct s3_client *client, const char *key, enum store_condition condition, const char *etag,
                     const struct s3_body *body);
