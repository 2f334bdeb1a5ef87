#pragma once

/*
 * Version
 *
 * A model version that the command opens itself, from the registry or from a folder into which it was pulled. Every
 * file is held against the manifest before it is used.
 */

#include "cli/reference.h"
#include "common/base/options.h"
#include "common/model/bundle.h"
#include "proto/pipeline.h"

struct version {
        char model[REGISTRY_MODEL_BYTES];
        int64_t number;
        struct bundle bundle;
};

#define VERSION_NULL \
        { 0 }

/* The registry that a reference (NULL: the pipeline's champion) means, and the number of the version. The store is
 * closed by the caller, after the registry was used. home is COMMAND_OPTION_HOME's. */
int version_find(const struct pipeline *pipeline, const char *home, const char *text, struct store **ret_store,
                 struct registry *ret_registry, int64_t *ret_number, struct fault *fault);

/* Loads a version. FAULT_E_INPUT (VERSION_UNKNOWN, VERSION_CORRUPT, BUNDLE_…), or a negative errno. */
int version_load(struct registry *registry, int64_t number, struct version *ret_version, struct fault *fault);

/* The same from a folder. */
int version_load_folder(const char *folder, struct version *ret_version, struct fault *fault);
void version_finish(struct version *version);

/* Copies all files of a version into a folder that does not exist yet, or is empty; it appears whole or not at all. */
int version_pull(struct registry *registry, int64_t number, const char *folder, struct fault *fault);
