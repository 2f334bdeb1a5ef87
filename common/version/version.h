#pragma once

/*
 * Version
 *
 * A published model version, ready to score: its files fetched from the registry, checked against the manifest, and
 * read. The one place where what the store holds meets what the model is; evaluator (the champion), gateway and command
 * line load versions through it.
 */

#include <stdint.h>

#include "common/base/fault.h"
#include "common/model/bundle.h"
#include "common/store/manifest.h"
#include "common/store/registry.h"

#define VERSION_MANIFEST "manifest.json"

/* the files that are loaded, beside the manifest */
#define VERSION_N_PARTS 4
extern const char *const version_part_names[VERSION_N_PARTS];

struct version {
        struct manifest manifest;         /* model, version, run, files, and the whole text */
        char digest[DIGEST_SHA256_BYTES]; /* SHA-256 of manifest.json */
        struct bundle bundle;
};

#define VERSION_NULL \
        { 0 }

/* FAULT_E_INPUT: VERSION_UNKNOWN, VERSION_CORRUPT (the log names the file), or what bundle_load() says; or a negative
 * errno. Nothing of the registry is needed afterwards. */
int version_load(struct registry *registry, int64_t number, struct version *ret_version, struct fault *fault);

/* The same from a folder that holds a version's files, such as `convoy models pull` fills. */
int version_load_folder(const char *folder, struct version *ret_version, struct fault *fault);
void version_finish(struct version *version);

/* What the registry's answer about a version of a model means to whoever asked for it: 0 and negative errnos pass,
 * conditions become FAULT_E_INPUT (VERSION_UNKNOWN, VERSION_CORRUPT). */
int version_fault(int result, const char *model, int64_t number, struct fault *fault);
