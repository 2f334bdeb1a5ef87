#pragma once

/*
 * Verified files
 *
 * Remembers the SHA-256 of files that this process has read, so that a blob used by several parts of a run is hashed
 * once. A file is the same as long as device, inode, size, and the times of its last change and modification are; a
 * file that was changed so lately that another change might bear the same time is not remembered. Thread-safe.
 */

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "common/base/digest.h"

/* files remembered; the oldest gives way */
#define VERIFIED_FILES_MOST 128

struct verified_file {
        struct stat status;
        char digest[DIGEST_SHA256_BYTES];
};

struct verified {
        pthread_mutex_t mutex;
        struct verified_file files[VERIFIED_FILES_MOST];
        size_t n_files;
        size_t next; /* where the next one goes */
};

void verified_init(struct verified *verified);
void verified_finish(struct verified *verified);

/* The SHA-256 of the file at path, from memory where it can be. 0, -ENOENT (silently), or another negative errno. */
int verified_digest(struct verified *verified, const char *path, char ret_digest[DIGEST_SHA256_BYTES]);
