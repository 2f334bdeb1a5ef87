/* Stage cache: an entry is a stage's manifest under another name, and holds only while its blobs do. */

#include "services/stage/stage_cache.h"

#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "services/stage/stage_carry.h"

int stage_cache_key(enum stage stage, const char *build, const struct buffer *parts,
                    char ret_key[DIGEST_SHA256_BYTES]) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        int r;

        r = buffer_printf(&text, "%s %d %s\n", stage_name(stage), ENVELOPE_VERSION, build);
        if (!r)
                r = buffer_append(&text, parts->data, parts->n_bytes);
        return r ? error_trace(r) : error_trace(digest_sha256(text.data, text.n_bytes, ret_key));
}

void stage_cache_name(const char *key, char ret_name[STORE_NAME_BYTES]) {
        snprintf(ret_name, STORE_NAME_BYTES, "cache/%s.json", key);
}

/* Conditions of the store become ours. A blob that this run is to name must not be removed as old meanwhile. */
static int check_blob(void *context, const char *sha256) {
        char path[STORE_PATH_BYTES];
        int r;

        r = store_renew_blob(context, sha256);
        if (!r)
                r = store_fetch_blob(context, sha256, path);
        return r > 0 ? STAGE_CACHE_E_NONE : error_trace(r);
}

static int read_entry(struct store *store, enum stage stage, const char *key, struct stage_manifest *manifest,
                      void *ret_output) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct fault fault = FAULT_NULL;
        char name[STORE_NAME_BYTES];
        bool has_output = false;
        int r;

        stage_cache_name(key, name);
        r = store_get(store, name, &text, NULL);
        if (r)
                return r > 0 ? STAGE_CACHE_E_NONE : error_trace(r);
        r = stage_manifest_read(text.data, text.n_bytes, stage, manifest, ret_output, &has_output, &fault);
        if (r < 0)
                return error_trace(r);
        if (r || !has_output || manifest->end.state != RUN_STATE_SUCCEEDED || strcmp(manifest->cache_key, key) != 0) {
                log_warn("stage=%s name=%s code=%s the cache entry does not hold, ignoring", stage_name(stage), name,
                         r ? fault.code : "CACHE_KEY");
                return STAGE_CACHE_E_NONE;
        }
        return 0;
}

int stage_cache_find(struct store *store, enum stage stage, const char *key, const void *input, void *ret_output,
                     struct stage_manifest *ret_manifest) {
        const struct record *receives = message_record(stage_receives(stage));
        const struct record *emits = message_record(stage_emits(stage));
        int r;

        r = read_entry(store, stage, key, ret_manifest, ret_output);
        if (r)
                return error_trace(r);
        r = stage_carry_own_blobs(receives, emits, ret_output, check_blob, store);
        if (r)
                return error_trace(r);
        stage_carry(receives, input, emits, ret_output);
        return 0;
}
