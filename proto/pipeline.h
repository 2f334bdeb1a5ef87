#pragma once

/*
 * Pipeline
 *
 * pipeline.yaml as every daemon and the command read it: the parameters of its runs, and what stays local: where
 * policies come from, where artifacts and models live, how predictions are served. The grammar is written in the file
 * itself. ${NAME} and ${NAME:-default} are expanded; an unknown key or a wrong value is a fault with file, line and
 * position.
 */

#include <stdint.h>

#include "common/base/fault.h"
#include "proto/parameters.h"

#define PIPELINE_FILE "pipeline.yaml"
#define PIPELINE_PATH_BYTES 4096
#define PIPELINE_TEXT_BYTES 2048

struct pipeline_source {
        char uri[PIPELINE_TEXT_BYTES]; /* may hold a password: never logged, never sent */
        char database[256];            /* mongodb; empty: the one in the path of uri */
        char collection[256];
};

enum serve_when_busy {
        SERVE_WHEN_BUSY_QUEUE,
        SERVE_WHEN_BUSY_REFUSE,
        SERVE_WHEN_BUSY_N,
};

struct pipeline_serve {
        char listen[256];
        int64_t port; /* 0: any that is free */
        enum serve_when_busy when_busy;
        int64_t max_body_bytes;
        int64_t max_connections;
        int64_t versions_mapped; /* models kept ready for a rollback, the one that answers included */
};

/* a shorter grace would take from runs what they are about to name */
#define PIPELINE_GRACE_HOURS_MIN 2

/* What `convoy gc` keeps beside what somebody needs. */
struct pipeline_retention {
        int64_t runs;        /* of this model, the last ones that ended */
        int64_t versions;    /* the last ones that nobody needs */
        int64_t grace_hours; /* nothing younger is removed */
};

struct pipeline {
        char folder[PIPELINE_PATH_BYTES]; /* of pipeline.yaml, absolute */
        char schema[PIPELINE_PATH_BYTES]; /* of schema.yaml, absolute */
        struct parameters parameters;     /* of a run that overrides nothing */
        struct pipeline_source source;
        char store_uri[PIPELINE_TEXT_BYTES];    /* file://… or s3://…; a relative path stands on the home */
        char registry_uri[PIPELINE_TEXT_BYTES]; /* s3://bucket/prefix, or file://path when no bucket is named */
        char cache[PIPELINE_TEXT_BYTES];        /* folder of local copies, of both; relative to the home */
        int64_t cache_bytes;                    /* what they may take, softly */
        struct pipeline_serve serve;
        struct pipeline_retention retention;
};

/* Reads pipeline.yaml in folder, which may be relative, and may be named by that file. It holds some ten pages, so keep
 * it on the heap or in static memory. 0, FAULT_E_INPUT, or a negative errno; ret_pipeline is untouched then. */
int pipeline_load(const char *folder, struct pipeline *ret_pipeline, struct fault *fault);
