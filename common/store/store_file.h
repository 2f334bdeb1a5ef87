#pragma once

/*
 * Store in a folder
 *
 * The kind behind file://. An object is a file of the same name below the root, mode 0600 (blobs 0400), folders 0700.
 * Names of its own start with a dot, which no object's does:
 *
 *   .temporary/    what is being written; its writer holds a flock(2) on it, so what can be locked was abandoned
 *   .lock          taken for the moment between comparing an object and replacing it
 *
 * Writing is: temporary, fsync, rename (or link(2) where one of many must win), fsync of the folder. The etag is the
 * SHA-256 of the content.
 */

#include "common/store/store.h"

/* root is copied. A folder that does not exist is made when something is written. */
int store_file_open(const char *root, struct store **ret_store);
