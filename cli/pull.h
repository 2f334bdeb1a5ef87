#pragma once

/*
 * Pull
 *
 * Copies a model version out of the registry, for whoever wants its files.
 */

#include <stdint.h>

#include "common/base/fault.h"
#include "common/store/registry.h"

/* Copies all files of a version into a folder that does not exist yet, or is empty; it appears whole or not at all. 0,
 * FAULT_E_INPUT (VERSION_UNKNOWN, VERSION_CORRUPT, FOLDER_EXISTS, FOLDER_NOT_WRITABLE), or a negative errno. */
int pull_version(struct registry *registry, int64_t number, const char *folder, struct fault *fault);
