#pragma once

/*
 * Manifest
 *
 * `manifest.json` of a model version: which files it has, with their digests, and where it comes from. This module
 * knows the part that makes a version verifiable; all else in it (lineage, metrics, build) is for those who read text.
 *
 *     {"model":"…","version":3,"run_id":"…","created_at":"2026-01-02T03:04:05.678Z",
 *      "files":{"model.ubj":{"sha256":"…","bytes":489123},…}, …,
 *      "sha256":"…"}
 *
 * The last member is the seal: the SHA-256 of every byte of the document that stands before it. So a flipped byte is
 * found in the manifest as it is in the files.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "common/base/fault.h"
#include "common/base/json_builder.h"

/* a file's name, its end included */
#define MANIFEST_FILE_BYTES 128
#define MANIFEST_FILES_MAX 64
#define MANIFEST_RUN_BYTES 64
#define MANIFEST_MODEL_BYTES 128

struct manifest_file {
        char name[MANIFEST_FILE_BYTES];
        char digest[DIGEST_SHA256_BYTES];
        int64_t n_bytes;
};

struct manifest {
        char model[MANIFEST_MODEL_BYTES];
        int64_t version;
        char run[MANIFEST_RUN_BYTES];
        int64_t created_at_ms;
        struct manifest_file files[MANIFEST_FILES_MAX];
        size_t n_files;
        struct buffer text; /* the whole document; owned */
};

#define MANIFEST_NULL \
        { 0 }

/* Reads a sealed document. 0, FAULT_E_INPUT (MANIFEST_MALFORMED, MANIFEST_SEAL), or -ENOMEM. text is copied. */
int manifest_parse(const void *text, size_t n_bytes, struct manifest *ret_manifest, struct fault *fault);
void manifest_finish(struct manifest *manifest);

/* NULL when there is none of that name. Borrowed from the manifest. */
const struct manifest_file *manifest_find_file(const struct manifest *manifest, const char *name);

/* Adds the digest of these bytes to the list of files; 0 or a negative errno. The name is valid (asserted). */
int manifest_add_file(struct manifest *manifest, const char *name, const void *bytes, size_t n_bytes);

/* Writes the members model, version, run_id, created_at and files into the object that is open in the builder; the
 * caller adds its own and closes it. */
void manifest_build(const struct manifest *manifest, struct json_builder *builder);

/* Seals a document that the builder has ended: an object with at least one member. 0 or a negative errno. */
int manifest_seal(struct buffer *text);

/* Of any document that was sealed so. 0, FAULT_E_INPUT (MANIFEST_SEAL), or a negative errno. */
int manifest_check_seal(const char *text, size_t n_bytes, struct fault *fault);
