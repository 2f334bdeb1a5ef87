#pragma once

/*
 * S3 region
 *
 * In which region a bucket lies, and so where it is asked for and what its requests are signed with: what the settings
 * say (aws_credentials_region()), until S3 redirects us to another region, which is followed here.
 */

#include "common/store/s3/s3_judge.h"

/* The region that the bucket is believed to lie in. 0 or a negative errno. */
int s3_region_get(struct s3_client *client, char ret_region[S3_REGION_BYTES]);

/* Looks whether an answer that is none of 2xx sends us elsewhere: it does with a status of 301, 307, 308, or 400 and
 * 403 (AuthorizationHeaderMalformed and the like) that name the bucket's region. True when the next try goes there:
 * this client's next calls begin in a region that was named; another host is only for the tries of this call. False
 * when nothing new was said, or after a few moves within one call. */
bool s3_region_follow(struct s3_client *client, int status, const struct s3_error *error, struct s3_tries *tries);
