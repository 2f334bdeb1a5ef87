#pragma once

/*
 * S3 list
 */

#include "common/store/s3/s3_client.h"
#include "common/store/store.h"

/* A page of what lies directly below a key that ends in a slash ("": the bucket), as store_list() gives it; names that
 * no store can have are left out. An object of which S3 does not say when it was written has modified_ms INT64_MAX. */
int s3_list(struct s3_client *client, const char *above, const char *after, size_t n_max, struct store_page *ret_page);
