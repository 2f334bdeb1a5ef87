/* Model look: in the thread of errands. */

#include "services/gateway/model_look.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/version/version.h"

enum {
        COMPARE_MS = 10 * 1000, /* a few small documents */
        FETCH_MS = 10 * 60 * 1000,
};

bool model_look_may_follow(const struct aliases *known, const struct aliases *aliases) {
        return aliases->sequence > known->sequence ||
               (aliases->sequence == known->sequence && !strcmp(aliases->last.id, known->last.id));
}

const struct model_look_version *model_look_truth(const struct model_look *look, int64_t version) {
        for (size_t i = 0; i < look->n_truths; i++)
                if (look->truths[i].version == version)
                        return &look->truths[i];
        return NULL;
}

/*
 * Comparison
 */

static int learn(struct model_look *look, int64_t version) {
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        struct model_look_version *truth = &look->truths[look->n_truths];
        int r;

        if (model_look_truth(look, version))
                return 0;
        *truth = (struct model_look_version){ .version = version };
        r = registry_read_manifest(look->registry, version, &manifest);
        if (!r)
                r = digest_sha256(manifest.text.data, manifest.text.n_bytes, truth->digest);
        if (r < 0)
                return error_trace(r);
        look->n_truths++;
        return 0;
}

static int compare(struct model_look *look) {
        int64_t kept[SERVING_VERSIONS_MAX];
        size_t n_kept = 0;
        bool is_listed;
        int r = 0;

        for (size_t i = 0; i < look->n_ready && !r; i++)
                r = learn(look, look->ready[i].version);
        is_listed = !serving_list(look->serving, kept, &n_kept);
        for (size_t i = 0; i < n_kept && !r; i++) {
                r = learn(look, kept[i]);
                if (r || serving_has(look->serving, kept[i], model_look_truth(look, kept[i])->digest))
                        continue;
                log_warn("version=%" PRId64 " what is kept of it here is not what the registry has; it is let go",
                         kept[i]);
                serving_drop(look->serving, kept[i]);
        }
        if (!r)
                look->is_compared = is_listed;
        return error_trace(r);
}

static void say_why(int r, const struct serving_rollback *rollback, const struct aliases *aliases,
                    char ret_sentence[SERVING_SENTENCE_BYTES]) {
        int64_t champion = aliases_find(aliases, ALIASES_CHAMPION);

        if (r == REGISTRY_E_CONFLICT)
                snprintf(ret_sentence, SERVING_SENTENCE_BYTES,
                         "version %" PRId64 " is the champion in the registry, no longer version %" PRId64, champion,
                         rollback->from);
        else
                snprintf(ret_sentence, SERVING_SENTENCE_BYTES, "the registry has no sound version %" PRId64,
                         rollback->to);
}

/* In their order: each follows from the one before. */
static void record_pending(struct model_look *look) {
        for (size_t i = 0; i < look->n_pending; i++) {
                const struct serving_rollback *rollback = &look->pending[i];
                const struct alias_request request = { .id = rollback->id,
                                                       .actor = rollback->actor,
                                                       .reason = rollback->reason,
                                                       .at_ms = rollback->at_ms };
                int r;

                r = registry_redo_rollback(look->registry, &request, rollback->from, rollback->to, rollback->after,
                                           &look->aliases);
                if (r < 0)
                        return;
                look->outcomes[i] = r ? MODEL_LOOK_DROPPED : MODEL_LOOK_RECORDED;
                /* also of what was recorded: others may have moved since */
                if (registry_read_aliases(look->registry, &look->aliases))
                        return;
                if (r)
                        say_why(r, rollback, &look->aliases, look->sentences[i]);
        }
}

int model_look_load_kept(struct serving *serving, int64_t version, struct model **ret_model, struct fault *fault) {
        char text[FAULT_TEXT_BYTES];
        int r;

        if (!serving_has(serving, version, NULL))
                return fault_set(fault, "VERSION_UNKNOWN", "version %" PRId64 " is not kept here", version);
        r = model_load(serving_registry(serving), version, ret_model, fault);
        if (r == FAULT_E_INPUT) {
                log_error("version=%" PRId64 " code=%s what is kept of version %" PRId64
                          " here is damaged and not used: %s",
                          version, fault->code, version, fault_format(fault, text, sizeof(text)));
                serving_drop(serving, version);
        }
        return error_trace(r);
}

int model_look_keep(struct serving *serving, struct registry *registry, int64_t version) {
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        char digest[DIGEST_SHA256_BYTES];
        int r;

        r = registry_read_manifest(registry, version, &manifest);
        if (!r)
                r = digest_sha256(manifest.text.data, manifest.text.n_bytes, digest);
        if (r || serving_has(serving, version, digest))
                return error_trace(r);
        return error_trace(serving_keep(serving, registry, &manifest));
}

/* From what is kept here, if it is what the registry has; else from the registry, which is kept then. A folder that
 * cannot be written costs the local copy, not the model. */
static int load(struct model_look *look, int64_t version) {
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        struct fault ignored = FAULT_NULL;
        int r;

        r = registry_read_manifest(look->registry, version, &manifest);
        if (!r)
                r = digest_sha256(manifest.text.data, manifest.text.n_bytes, look->digest);
        if (r)
                return version_fault(r, look->registry->model, version, &look->fault);
        if (serving_has(look->serving, version, look->digest) &&
            !model_look_load_kept(look->serving, version, &look->model, &ignored))
                return 0;
        r = serving_keep(look->serving, look->registry, &manifest);
        if (r < 0)
                log_warn("version=%" PRId64 " cannot be kept here, so that it is gone while the registry is away, "
                         "ignoring",
                         version);
        return r ? error_trace(model_load(look->registry, version, &look->model, &look->fault))
                 : error_trace(model_load(serving_registry(look->serving), version, &look->model, &look->fault));
}

static bool is_ready(const struct model_look *look, int64_t version) {
        const struct model_look_version *truth = model_look_truth(look, version);

        for (size_t i = 0; i < look->n_ready; i++)
                if (look->ready[i].version == version)
                        return !truth || !strcmp(look->ready[i].digest, truth->digest);
        return false;
}

void model_look_run(struct errand *errand) {
        struct model_look *look = (struct model_look *)(void *)errand;
        struct store *store = look->registry->store;
        int64_t champion;

        atomic_store(&look->is_asking, true);
        store_set_deadline(store, clock_monotonic_ms() + look->patience_ms);
        log_hush(look->is_hushed);
        look->result = registry_read_aliases(look->registry, &look->aliases);
        log_hush(false);
        if (!look->result && !model_look_may_follow(&look->known, &look->aliases)) {
                log_warn("the registry is not the one that was known, or was set back; what is kept of it is compared");
                look->is_doubted = true;
        }
        if (!look->result && look->is_doubted) {
                atomic_store(&look->is_fetching, true);
                store_set_deadline(store, clock_monotonic_ms() + COMPARE_MS);
                look->result = compare(look);
        }
        if (!look->result) {
                /* what cannot be written now is written by the next look */
                registry_complete_history(look->registry, &look->aliases);
                record_pending(look);
                if (look->n_pending)
                        registry_complete_history(look->registry, &look->aliases);
                champion = aliases_find(&look->aliases, ALIASES_CHAMPION);
                atomic_store(&look->is_fetching, true);
                store_set_deadline(store, clock_monotonic_ms() + FETCH_MS);
                if (champion != ALIASES_NONE && !is_ready(look, champion))
                        look->loaded = load(look, champion);
        }
        store_set_deadline(store, 0);
}

void model_look_destroy(struct model_look *look) {
        if (look->model)
                server_shared_unref(&look->model->super);
        free(look);
}
