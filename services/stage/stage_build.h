#pragma once

/* Stage, build id: the SHA-256 of the executable that runs, and of another file that decides its results, joined by
 * '+'. It stands in manifests and in cache keys. */

#include "proto/stage_manifest.h"

/* other may be NULL. 0 or a negative errno. */
int stage_build_id(const char *other, char ret_build[MANIFEST_BUILD_BYTES]);
