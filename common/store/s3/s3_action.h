#pragma once

/*
 * S3 action
 *
 * What a policy of IAM must allow for a request to be answered. Source: Service Authorization Reference, "Actions,
 * resources, and condition keys for Amazon S3"; S3 user guide, "Required permissions for Amazon S3 API operations".
 */

#include "common/store/s3/s3_client.h"

/* room for what s3_action_explain() appends, its end included */
#define S3_ACTION_BYTES (S3_KEY_BYTES + 256)

/* "s3:PutObject" */
const char *s3_action(const struct s3_request *request);

/* "; the keys lack s3:PutObject on arn:aws:s3:::bucket/key". Returns ret_text. */
char *s3_action_explain(const struct s3_request *request, const char *bucket, char ret_text[S3_ACTION_BYTES]);
