#pragma once

/*
 * Blobs and datasets
 *
 * How messages name what lies in the store: by the SHA-256 of its bytes, never by path or address.
 */

#include <stdint.h>

#include "common/base/digest.h"
#include "proto/record.h"

struct blob {
        char sha256[DIGEST_SHA256_BYTES];
        int64_t n_bytes;
};

/* Rows in an Arrow IPC file. The content digest does not depend on their order (common/data/table.h). */
struct dataset {
        char sha256[DIGEST_SHA256_BYTES];
        char content[DIGEST_CONTENT_BYTES];
        int64_t n_rows;
        int64_t n_bytes;
};

#define DATASET_NULL \
        { 0 }

extern const struct record blob_record;
extern const struct record dataset_record;
