#pragma once

/*
 * Reference
 *
 * How a person names a model version: NAME@champion, NAME@3, champion, 3. What is left out is the pipeline's model and
 * its champion.
 */

#include <stdint.h>

#include "common/base/fault.h"
#include "common/store/registry.h"
#include "proto/pipeline.h"

struct reference {
        char model[REGISTRY_MODEL_BYTES];
        char alias[ALIASES_NAME_BYTES]; /* "": a version by number */
        int64_t version;                /* 0: by alias */
};

/* text NULL: the model's champion. FAULT_E_INPUT: REFERENCE_INVALID. */
int reference_parse(const char *text, const char *model, struct reference *ret_reference, struct fault *fault);

/* The number of the version that is meant. FAULT_E_INPUT (VERSION_UNKNOWN, naming the aliases that exist;
 * REGISTRY_UNREADABLE), or a negative errno. */
int reference_resolve(const struct reference *reference, struct registry *registry, int64_t *ret_version,
                      struct fault *fault);

/* Opens the registry that a reference (NULL: the pipeline's champion) means, and finds the number of the version. The
 * caller closes the store after the registry was used. home is COMMAND_OPTION_HOME's. As reference_resolve(). */
int reference_open(const struct pipeline *pipeline, const char *home, const char *text, struct store **ret_store,
                   struct registry *ret_registry, int64_t *ret_number, struct fault *fault);
