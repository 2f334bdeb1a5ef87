/* Blobs and datasets: the tables of what names bytes in the store, part of nearly every message. */

#include "proto/blob.h"

static const struct record_field blob_fields[] = {
        RECORD_TEXT(blob, sha256, SHA256),
        RECORD_INT(blob, n_bytes, 0, INT64_MAX),
};

static const struct record_field dataset_fields[] = {
        RECORD_TEXT(dataset, sha256, SHA256),
        RECORD_TEXT(dataset, content, CONTENT),
        RECORD_INT(dataset, n_rows, 0, INT64_MAX),
        RECORD_INT(dataset, n_bytes, 0, INT64_MAX),
};

const struct record blob_record = RECORD(blob, blob_fields);
const struct record dataset_record = RECORD(dataset, dataset_fields);
