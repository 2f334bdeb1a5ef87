#pragma once

/*
 * Stage cache: `cache/<key>.json`
 *
 * The manifest of the run whose work would be done again for this key, written after the blobs it names and before that
 * run's end is committed. It holds for a later run when it can be read and the store still holds all that it names,
 * unharmed; else the work is done again, which mends it.
 */

#include "common/base/buffer.h"
#include "common/store/store.h"
#include "proto/stage_manifest.h"

enum {
        _STAGE_CACHE_E_SUCCESS,
        STAGE_CACHE_E_NONE,
};

/* The key of a stage's work: parts is what the stage appended with stage_key_*. */
int stage_cache_key(enum stage stage, const char *build, const struct buffer *parts, char ret_key[DIGEST_SHA256_BYTES]);
void stage_cache_name(const char *key, char ret_name[STORE_NAME_BYTES]);

/* The output for this input, from the cache: what both messages have in common is the input's. ret_output has room for
 * the message that the stage emits, ret_manifest is that of the run that did the work. 0, STAGE_CACHE_E_NONE, or a
 * negative errno of the store; on failure the outputs are undefined. */
int stage_cache_find(struct store *store, enum stage stage, const char *key, const void *input, void *ret_output,
                     struct stage_manifest *ret_manifest);
