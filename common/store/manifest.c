/* Manifest: the files of a version and the seal over it all. */

#include "common/store/manifest.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/store/store.h"

/* how a sealed document ends; the digest is that of all before SEAL_HEAD */
#define SEAL_HEAD ",\n  \"sha256\": \""
#define SEAL_TAIL "\"\n}\n"
#define SEAL_BYTES (strlen(SEAL_HEAD) + DIGEST_SHA256_BYTES - 1 + strlen(SEAL_TAIL))

int manifest_seal(struct buffer *text) {
        char digest[DIGEST_SHA256_BYTES];
        size_t n_bytes = text->n_bytes;
        int r;

        while (n_bytes && (text->data[n_bytes - 1] == '\n' || text->data[n_bytes - 1] == ' '))
                n_bytes--;
        assert(n_bytes && text->data[n_bytes - 1] == '}');
        n_bytes--;
        while (n_bytes && (text->data[n_bytes - 1] == '\n' || text->data[n_bytes - 1] == ' '))
                n_bytes--;
        r = digest_sha256(text->data, n_bytes, digest);
        if (!r)
                r = buffer_reserve(text, SEAL_BYTES);
        if (r)
                return error_trace(r);
        text->n_bytes = n_bytes;
        return error_trace(buffer_printf(text, SEAL_HEAD "%s" SEAL_TAIL, digest));
}

int manifest_check_seal(const char *text, size_t n_bytes, struct fault *fault) {
        char digest[DIGEST_SHA256_BYTES], seal[128];
        int r, n;

        if (n_bytes <= SEAL_BYTES)
                return fault_set(fault, "MANIFEST_SEAL", "the document has no seal");
        r = digest_sha256(text, n_bytes - SEAL_BYTES, digest);
        if (r)
                return error_trace(r);
        n = snprintf(seal, sizeof(seal), SEAL_HEAD "%s" SEAL_TAIL, digest);
        if (n < 0 || (size_t)n != SEAL_BYTES || memcmp(text + n_bytes - SEAL_BYTES, seal, SEAL_BYTES))
                return fault_set(fault, "MANIFEST_SEAL", "the document is not the one that was sealed");
        return 0;
}

static bool is_file_name(const char *name) {
        return strlen(name) < MANIFEST_FILE_BYTES && !strchr(name, '/') && store_name_is_valid(name) &&
               strcmp(name, "manifest.json") && strcmp(name, "claim.json");
}

static int parse_file(const char *name, size_t n_name, const struct json_value *value, struct fault *fault,
                      struct manifest *manifest) {
        struct manifest_file *file = &manifest->files[manifest->n_files];
        const char *digest;
        int r;

        if (strlen(name) != n_name || !is_file_name(name) || manifest_find_file(manifest, name))
                return fault_set(fault, "MANIFEST_MALFORMED", "'%.64s' names no file, or names it twice", name);
        if (manifest->n_files == MANIFEST_FILES_MAX)
                return fault_set(fault, "MANIFEST_MALFORMED", "there are more than %d files", MANIFEST_FILES_MAX);
        r = json_need_text(value, "sha256", fault, &digest);
        if (!r && !digest_sha256_is_valid(digest))
                r = fault_set(fault, "MANIFEST_MALFORMED", "file '%s' has no SHA-256", name);
        if (!r)
                r = json_need_int(value, "bytes", 0, INT64_MAX, fault, &file->n_bytes);
        if (r)
                return r;
        memcpy(file->name, name, n_name + 1);
        memcpy(file->digest, digest, DIGEST_SHA256_BYTES);
        manifest->n_files++;
        return 0;
}

static int parse_origin(const struct json_value *root, struct fault *fault, struct manifest *manifest) {
        const char *model, *run, *created_at;
        int r;

        r = json_need_text(root, "model", fault, &model);
        if (!r)
                r = json_need_int(root, "version", 1, INT64_MAX, fault, &manifest->version);
        if (!r)
                r = json_need_text(root, "run_id", fault, &run);
        if (!r)
                r = json_need_text(root, "created_at", fault, &created_at);
        if (r)
                return r;
        if (strlen(model) >= sizeof(manifest->model) || strlen(run) >= sizeof(manifest->run))
                return fault_set(fault, "MANIFEST_MALFORMED", "\"model\" or \"run_id\" is too long");
        if (!clock_parse_rfc3339(created_at, &manifest->created_at_ms))
                return fault_set(fault, "MANIFEST_MALFORMED", "\"created_at\" is no time");
        memcpy(manifest->model, model, strlen(model) + 1);
        memcpy(manifest->run, run, strlen(run) + 1);
        return 0;
}

int manifest_parse(const void *text, size_t n_bytes, struct manifest *ret_manifest, struct fault *fault) {
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        const struct json_value *files, *value;
        struct json_object_iterator iterator;
        struct manifest manifest = MANIFEST_NULL;
        const char *name;
        size_t n_name;
        int r;

        r = manifest_check_seal(text, n_bytes, fault);
        if (!r)
                r = json_parse(text, n_bytes, fault, &json);
        if (!r)
                r = parse_origin(json_root(json), fault, &manifest);
        if (!r)
                r = json_need_object(json_root(json), "files", fault, &files);
        if (r)
                return error_trace(r);
        iterator = json_iterate_object(files);
        while (!r && json_next_member(&iterator, &name, &n_name, &value))
                r = parse_file(name, n_name, value, fault, &manifest);
        if (!r)
                r = buffer_append(&manifest.text, text, n_bytes);
        if (!r)
                *ret_manifest = manifest;
        return error_trace(r);
}

void manifest_finish(struct manifest *manifest) {
        if (!manifest)
                return;
        buffer_finish(&manifest->text);
        manifest->n_files = 0;
}

const struct manifest_file *manifest_find_file(const struct manifest *manifest, const char *name) {
        for (size_t i = 0; i < manifest->n_files; i++)
                if (!strcmp(manifest->files[i].name, name))
                        return &manifest->files[i];
        return NULL;
}

int manifest_add_file(struct manifest *manifest, const char *name, const void *bytes, size_t n_bytes) {
        struct manifest_file *file = &manifest->files[manifest->n_files];
        int r;

        assert(is_file_name(name) && manifest->n_files < MANIFEST_FILES_MAX && !manifest_find_file(manifest, name));
        r = digest_sha256(bytes, n_bytes, file->digest);
        if (r)
                return error_trace(r);
        memcpy(file->name, name, strlen(name) + 1);
        file->n_bytes = (int64_t)n_bytes;
        manifest->n_files++;
        return 0;
}

void manifest_build(const struct manifest *manifest, struct json_builder *builder) {
        char created_at[CLOCK_RFC3339_BYTES];

        clock_format_rfc3339(manifest->created_at_ms, created_at);
        json_key_text(builder, "model", manifest->model);
        json_key_int64(builder, "version", manifest->version);
        json_key_text(builder, "run_id", manifest->run);
        json_key_text(builder, "created_at", created_at);
        json_key(builder, "files");
        json_begin_object(builder);
        for (size_t i = 0; i < manifest->n_files; i++) {
                json_key(builder, manifest->files[i].name);
                json_begin_object(builder);
                json_key_text(builder, "sha256", manifest->files[i].digest);
                json_key_int64(builder, "bytes", manifest->files[i].n_bytes);
                json_end_object(builder);
        }
        json_end_object(builder);
}
