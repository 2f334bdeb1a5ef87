#pragma once

/*
 * Serving
 *
 * What the gateway needs to answer without its registry, in a folder of its own below the home:
 *
 *   serving/<model>/versions/<n>/…    the files of a version that are needed to answer; manifest.json last
 *   serving/<model>/serving.json      the aliases as last seen, and the rollbacks that the registry has yet to hear of
 *
 * The folder has the shape of a registry, so that a version is loaded from it, and verified, as from any other. Files
 * are links to those of the registry, or of its local copies, where that can be; else copies. What is torn or flipped
 * is found by the digests and the seals, told in the log, and never used. A version is told by its number alone, so the
 * versions are those of the registry that serving.json is of: without one they go. Owned by one thread, but for
 * serving_has(), serving_list(), serving_keep() and serving_drop(), which another one may call meanwhile.
 */

#include "common/store/registry.h"

#define SERVING_FOLDER "serving"
/* rollbacks that wait to be recorded */
#define SERVING_PENDING_MAX 16
#define SERVING_SENTENCE_BYTES 256
#define SERVING_VERSIONS_MAX 256

/* A rollback that was made here while the registry was away. */
struct serving_rollback {
        char id[ALIASES_ID_BYTES];
        int64_t from, to;
        int64_t after; /* the registry's sequence when it was made, as far as known */
        char actor[ALIASES_ACTOR_BYTES];
        char reason[ALIASES_REASON_BYTES];
        int64_t at_ms;
};

/* A rollback that could not be recorded, since the registry had gone another way. */
struct serving_dropped {
        struct serving_rollback rollback; /* from ALIASES_NONE: there is none */
        char sentence[SERVING_SENTENCE_BYTES];
        int64_t sequence; /* of the registry then: told until the next move */
};

struct serving_state {
        bool is_seen;           /* the aliases have been seen */
        struct aliases aliases; /* as last seen */
        struct serving_rollback pending[SERVING_PENDING_MAX];
        size_t n_pending;
        struct serving_dropped dropped;
};

#define SERVING_STATE_NULL \
        { 0 }

/* The aliases with the pending rollbacks made. */
void serving_state_apply(const struct serving_state *state, struct aliases *ret_aliases);

/* As an entry of GET /models; recorded is false. */
void serving_rollback_put_json(const struct serving_rollback *rollback, struct json_builder *json);

/* The same for one that was dropped, and why. */
void serving_dropped_put_json(const struct serving_dropped *dropped, struct json_builder *json);

struct serving;

/* registry_uri: what is kept of another registry is not used, nor told, and gone after serving_read(). 0 or a negative
 * errno. */
int serving_create(const char *folder, const char *model, const char *registry_uri, struct serving **ret_serving);
struct serving *serving_destroy(struct serving *serving);
void serving_destroy_pointer(struct serving **serving);

/* Where version_load() finds what is kept. Borrowed. */
struct registry *serving_registry(struct serving *serving);

/* The state as it was saved last. When there is none that can be used, what is empty, and no version is kept any more:
 * nothing was saved yet, it is of another registry, or it is damaged (told in the log). 0 or a negative errno. */
int serving_read(struct serving *serving, struct serving_state *ret_state);

/* Durable once it has returned 0; does nothing when this is what was saved last. On failure the old one stands. */
int serving_save(struct serving *serving, const struct serving_state *state);

/* Whether the version is kept whole. digest: of its manifest, NULL for any. Does not verify its files. */
bool serving_has(struct serving *serving, int64_t version, const char *digest);

/* Keeps a version of the registry, in place of what was kept under its number. 0, a condition of the registry (none of
 * its files is kept then), or a negative errno. */
int serving_keep(struct serving *serving, struct registry *registry, const struct manifest *manifest);

/* Lets a version go; what cannot be removed costs room only. */
void serving_drop(struct serving *serving, int64_t version);

/* The versions that are kept, highest first. 0 or a negative errno. */
int serving_list(struct serving *serving, int64_t ret_versions[SERVING_VERSIONS_MAX], size_t *ret_n_versions);
