#pragma once

/*
 * Order
 *
 * What a run was ordered to do. The gateway writes it once; every stage carries it on unchanged, so that all of them
 * work by the same parameters, schema and champion, whatever files lie beside them.
 */

#include <stdbool.h>
#include <stdint.h>

#include "proto/blob.h"
#include "proto/parameters.h"

#define ORDER_CAUSE_BYTES 32

/* The model version that answered when the run began. */
struct champion {
        int64_t version;                    /* from 1 */
        char manifest[DIGEST_SHA256_BYTES]; /* SHA-256 of its manifest.json */
};

struct order {
        struct parameters parameters;
        struct blob schema;            /* schema.yaml, byte for byte */
        char cause[ORDER_CAUSE_BYTES]; /* "http", "schedule", … */
        bool has_champion;
        struct champion champion; /* no champion: the pipeline has no version yet */
};

extern const struct record champion_record;
extern const struct record order_record;
