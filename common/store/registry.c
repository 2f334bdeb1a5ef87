/* Registry: versions of a model, claimed, filled, and sealed by their manifest. */

#include "common/base/array.h"
#include "common/store/registry_internal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/json_builder.h"

bool registry_model_is_valid(const char *model) {
        return strlen(model) < REGISTRY_MODEL_BYTES && !strchr(model, '/') && store_name_is_valid(model);
}

int registry_init(struct registry *registry, struct store *store, const char *model) {
        if (!registry_model_is_valid(model))
                return error_origin(-EINVAL, "'%s' cannot name a model", model);
        registry->store = store;
        atomic_init(&registry->is_new, false);
        atomic_init(&registry->recorded, 0);
        atomic_init(&registry->published, ALIASES_NONE);
        snprintf(registry->model, sizeof(registry->model), "%s", model);
        return 0;
}

static void name_in_version(const struct registry *registry, int64_t version, const char *file,
                            char ret_name[STORE_NAME_BYTES]) {
        snprintf(ret_name, STORE_NAME_BYTES, "%s/versions/%" PRId64 "/%s", registry->model, version, file);
}

/*
 * Claims
 */

static int format_claim(const struct registry_claim *claim, const char *key, struct buffer *ret_text) {
        struct json_builder json = json_begin(ret_text, JSON_PRETTY);
        char created_at[CLOCK_RFC3339_BYTES];

        clock_format_rfc3339(claim->created_at_ms, created_at);
        json_begin_object(&json);
        json_key_int64(&json, key, claim->version);
        json_key_text(&json, "run_id", claim->run);
        json_key_text(&json, "created_at", created_at);
        json_key_int64(&json, "sequence", claim->sequence);
        json_end_object(&json);
        return error_trace(json_end(&json));
}

static int parse_claim(const struct buffer *text, const char *key, struct fault *fault,
                       struct registry_claim *ret_claim) {
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        struct registry_claim claim = { 0 };
        const char *run, *created_at;
        int r;

        r = json_parse(buffer_text(text), text->n_bytes, fault, &json);
        if (!r)
                r = json_need_int(json_root(json), key, 1, INT64_MAX, fault, &claim.version);
        if (!r)
                r = json_need_text(json_root(json), "run_id", fault, &run);
        if (!r)
                r = json_need_text(json_root(json), "created_at", fault, &created_at);
        if (!r)
                r = json_need_int(json_root(json), "sequence", 0, INT64_MAX, fault, &claim.sequence);
        if (r)
                return error_trace(r);
        if (strlen(run) >= sizeof(claim.run) || !clock_parse_rfc3339(created_at, &claim.created_at_ms))
                return fault_set(fault, "CLAIM_MALFORMED", "\"run_id\" or \"created_at\" is none");
        memcpy(claim.run, run, strlen(run) + 1);
        *ret_claim = claim;
        return 0;
}

static int read_claim(struct registry *registry, const char *name, const char *key, struct registry_claim *ret_claim) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct fault fault = FAULT_NULL;
        int r;

        r = store_get(registry->store, name, &text, NULL);
        if (r)
                return error_trace(r);
        r = parse_claim(&text, key, &fault, ret_claim);
        return r == FAULT_E_INPUT ? store_refuse(name, &fault) : error_trace(r);
}

/* Creates the object if there is none, and answers with what it holds then. */
static int create_claim(struct registry *registry, const char *name, const char *key, struct registry_claim *claim) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        int r;

        r = format_claim(claim, key, &text);
        if (!r)
                r = store_create(registry->store, name, text.data, text.n_bytes);
        if (r == STORE_E_CONFLICT)
                r = read_claim(registry, name, key, claim);
        return error_trace(r);
}

static int compare_versions(const void *a, const void *b) {
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return (x < y) - (x > y);
}

/* "12/" as 12; 0 for what is no version. */
static int64_t parse_version(const char *name) {
        char again[32], *end;
        int64_t version;

        errno = 0;
        version = strtoll(name, &end, 10);
        if (errno || version <= 0)
                return 0;
        snprintf(again, sizeof(again), "%" PRId64 "/", version);
        return strcmp(again, name) ? 0 : version;
}

/* Adds the version, if the entry is one's folder. */
static int add_number(void *context, const struct store_entry *entry) {
        struct registry_versions *versions = context;
        int64_t number = parse_version(entry->name);
        int64_t *grown;

        if (!number)
                return 0;
        grown = array_grow(versions->numbers, versions->n_numbers, sizeof(*grown));
        if (!grown)
                return error_origin(-ENOMEM, "listing versions");
        versions->numbers = grown;
        versions->numbers[versions->n_numbers++] = number;
        return 0;
}

int registry_versions_init(struct registry *registry, struct registry_versions *ret_versions) {
        _cleanup_(registry_versions_finish) struct registry_versions versions = { .registry = registry };
        char folder[STORE_NAME_BYTES];
        int r;

        snprintf(folder, sizeof(folder), "%s/versions", registry->model);
        r = store_walk(registry->store, folder, add_number, &versions);
        if (r)
                return error_trace(r);
        if (versions.n_numbers)
                qsort(versions.numbers, versions.n_numbers, sizeof(*versions.numbers), compare_versions);
        *ret_versions = versions;
        versions = (struct registry_versions)REGISTRY_VERSIONS_NULL;
        return 0;
}

int registry_versions_next(struct registry_versions *versions, struct manifest *ret_manifest) {
        int r = REGISTRY_E_MISSING;

        while (r == REGISTRY_E_MISSING && versions->n_seen < versions->n_numbers)
                r = registry_read_manifest(versions->registry, versions->numbers[versions->n_seen++], ret_manifest);
        return error_trace(r);
}

void registry_versions_finish(struct registry_versions *versions) {
        if (!versions)
                return;
        free(versions->numbers);
        *versions = (struct registry_versions)REGISTRY_VERSIONS_NULL;
}

static void name_beginning(const struct registry *registry, const char *run, char ret_name[STORE_NAME_BYTES]) {
        snprintf(ret_name, STORE_NAME_BYTES, "%s/claims/%s.json", registry->model, run);
}

/* Where the run begins to look, decided once; the numbers below it belong to other runs. */
static int read_beginning(struct registry *registry, const char *run, struct registry_claim *ret_beginning) {
        struct registry_claim beginning = { .created_at_ms = clock_realtime_ms() };
        _cleanup_(registry_versions_finish) struct registry_versions versions = REGISTRY_VERSIONS_NULL;
        char name[STORE_NAME_BYTES];
        struct aliases aliases;
        int r;

        if (snprintf(beginning.run, sizeof(beginning.run), "%s", run) >= (int)sizeof(beginning.run))
                return error_origin(-EINVAL, "'%.64s…' cannot name a run", run);
        name_beginning(registry, run, name);
        r = read_claim(registry, name, "first", ret_beginning);
        if (r != REGISTRY_E_MISSING)
                return error_trace(r);
        r = registry_read_aliases(registry, &aliases);
        if (!r)
                r = registry_versions_init(registry, &versions);
        if (r)
                return error_trace(r);
        beginning.sequence = aliases.sequence;
        beginning.version = versions.n_numbers ? versions.numbers[0] + 1 : 1;
        r = create_claim(registry, name, "first", &beginning);
        if (!r)
                *ret_beginning = beginning;
        return error_trace(r);
}

int registry_claim(struct registry *registry, const char *run, struct registry_claim *ret_claim) {
        struct registry_claim beginning = { 0 };
        char name[STORE_NAME_BYTES];
        int r;

        r = read_beginning(registry, run, &beginning);
        if (r)
                return error_trace(r);
        for (int64_t version = beginning.version;; version++) {
                struct registry_claim claim = beginning;

                claim.version = version;
                name_in_version(registry, version, "claim.json", name);
                r = create_claim(registry, name, "version", &claim);
                if (r)
                        return error_trace(r);
                if (strcmp(claim.run, run))
                        continue;
                *ret_claim = claim;
                return 0;
        }
}

struct removal {
        struct registry *registry;
        int64_t version;
};

static int remove_file(void *context, const struct store_entry *entry) {
        const struct removal *removal = context;
        char name[STORE_NAME_BYTES];
        int r;

        if (!strcmp(entry->name, "claim.json"))
                return 0;
        name_in_version(removal->registry, removal->version, entry->name, name);
        r = store_remove(removal->registry->store, name);
        return r < 0 ? error_trace(r) : 0;
}

int registry_remove_version(struct registry *registry, int64_t version) {
        struct removal removal = { registry, version };
        char name[STORE_NAME_BYTES];
        int r;

        name_in_version(registry, version, "manifest.json", name);
        r = store_remove(registry->store, name);
        if (r < 0)
                return error_trace(r);
        snprintf(name, sizeof(name), "%s/versions/%" PRId64, registry->model, version);
        return error_trace(store_walk(registry->store, name, remove_file, &removal));
}

/* The claim that the run has already, or REGISTRY_E_MISSING. */
static int find_claim(struct registry *registry, const char *run, struct registry_claim *ret_claim) {
        struct registry_claim claim = { 0 };
        char name[STORE_NAME_BYTES];
        int64_t version;
        int r;

        name_beginning(registry, run, name);
        r = read_claim(registry, name, "first", &claim);
        for (version = claim.version; !r; version++) {
                name_in_version(registry, version, "claim.json", name);
                r = read_claim(registry, name, "version", &claim);
                if (r || strcmp(claim.run, run))
                        continue;
                *ret_claim = claim;
                return 0;
        }
        return error_trace(r);
}

int registry_has_published(struct registry *registry, const char *run, bool *ret_has_published) {
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        struct registry_claim claim = { 0 };
        int r;

        r = find_claim(registry, run, &claim);
        if (!r)
                r = registry_read_manifest(registry, claim.version, &manifest);
        if (r && r != REGISTRY_E_MISSING)
                return error_trace(r);
        *ret_has_published = !r;
        return 0;
}

/*
 * Content
 */

int registry_read_manifest(struct registry *registry, int64_t version, struct manifest *ret_manifest) {
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct fault fault = FAULT_NULL;
        char name[STORE_NAME_BYTES];
        int r;

        name_in_version(registry, version, "manifest.json", name);
        r = store_get(registry->store, name, &text, NULL);
        if (r)
                return error_trace(r);
        r = manifest_parse(text.data, text.n_bytes, &manifest, &fault);
        if (!r && (manifest.version != version || strcmp(manifest.model, registry->model)))
                r = fault_set(&fault, "MANIFEST_MISPLACED", "this is the manifest of version %" PRId64 " of %s",
                              manifest.version, manifest.model);
        if (r)
                return r == FAULT_E_INPUT ? store_refuse(name, &fault) : error_trace(r);
        *ret_manifest = manifest;
        manifest = (struct manifest)MANIFEST_NULL;
        return 0;
}

/* The files against those that were published. */
static int compare_files(const struct manifest *manifest, const struct store_item *files, size_t n_files) {
        for (size_t i = 0; i < n_files; i++) {
                const struct manifest_file *file = manifest_find_file(manifest, files[i].name);
                char digest[DIGEST_SHA256_BYTES];
                int r;

                r = digest_sha256(files[i].bytes, files[i].n_bytes, digest);
                if (r)
                        return error_trace(r);
                if (!file || strcmp(file->digest, digest))
                        return REGISTRY_E_CONFLICT;
        }
        return 0;
}

int registry_put_files(struct registry *registry, const struct registry_claim *claim, const struct store_item *files,
                       size_t n_files) {
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        _cleanup_(free_pointer) char(*names)[STORE_NAME_BYTES] = NULL;
        struct store_item objects[REGISTRY_FILES_MAX];
        int r;

        assert(n_files <= REGISTRY_FILES_MAX);
        r = registry_read_manifest(registry, claim->version, &manifest);
        if (r != REGISTRY_E_MISSING)
                return r ? error_trace(r) : compare_files(&manifest, files, n_files);
        names = calloc(n_files ? n_files : 1, sizeof(*names));
        if (!names)
                return error_origin(-ENOMEM, "writing files of a version");
        for (size_t i = 0; i < n_files; i++) {
                name_in_version(registry, claim->version, files[i].name, names[i]);
                objects[i] = (struct store_item){ names[i], files[i].bytes, files[i].n_bytes };
        }
        return error_trace(store_put_many(registry->store, objects, n_files));
}

int registry_fetch_file(struct registry *registry, const struct manifest *manifest, const char *name,
                        char ret_path[STORE_PATH_BYTES]) {
        const struct manifest_file *file = manifest_find_file(manifest, name);
        char object[STORE_NAME_BYTES], digest[DIGEST_SHA256_BYTES];
        int r;

        if (file)
                memcpy(digest, file->digest, sizeof(digest));
        else if (strcmp(name, "manifest.json"))
                return REGISTRY_E_MISSING;
        else if ((r = digest_sha256(manifest->text.data, manifest->text.n_bytes, digest)))
                return error_trace(r);
        name_in_version(registry, manifest->version, name, object);
        return error_trace(store_fetch(registry->store, object, digest, ret_path));
}

/* What makes a manifest fit for the claim: its origin, and every file in its place. */
static int check_manifest(struct registry *registry, const struct registry_claim *claim,
                          const struct manifest *manifest) {
        char path[STORE_PATH_BYTES];
        int r = 0;

        if (manifest->version != claim->version || strcmp(manifest->run, claim->run) ||
            strcmp(manifest->model, registry->model))
                return error_origin(-EINVAL, "publishing version %" PRId64 " with the manifest of another",
                                    claim->version);
        for (size_t i = 0; i < manifest->n_files && !r; i++)
                r = registry_fetch_file(registry, manifest, manifest->files[i].name, path);
        return error_trace(r);
}

int registry_publish(struct registry *registry, const struct registry_claim *claim, const struct buffer *text) {
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL, present = MANIFEST_NULL;
        struct fault fault = FAULT_NULL;
        char name[STORE_NAME_BYTES];
        int r;

        r = manifest_parse(text->data, text->n_bytes, &manifest, &fault);
        if (r == FAULT_E_INPUT)
                return error_origin(-EINVAL, "publishing a manifest: %s", fault.message);
        if (!r)
                r = check_manifest(registry, claim, &manifest);
        if (r)
                return error_trace(r);
        name_in_version(registry, claim->version, "manifest.json", name);
        r = store_create(registry->store, name, text->data, text->n_bytes);
        if (r == STORE_E_CONFLICT) {
                r = registry_read_manifest(registry, claim->version, &present);
                if (!r && (present.text.n_bytes != text->n_bytes ||
                           memcmp(buffer_text(&present.text), buffer_text(text), text->n_bytes)))
                        r = REGISTRY_E_CONFLICT;
        }
        if (!r)
                atomic_store(&registry->published, claim->version);
        return error_trace(r);
}
