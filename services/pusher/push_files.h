#pragma once

/*
 * Push files
 *
 * The files of a bundle, by name: blobs of the store, mapped, and texts made on the spot.
 */

#include <stddef.h>

#include "common/base/buffer.h"
#include "common/base/fault.h"
#include "common/base/file.h"
#include "common/store/store.h"
#include "proto/evaluator_to_pusher.h"

#define PUSH_FILES_MAX 16

struct push_file {
        const char *name; /* borrowed forever */
        struct buffer made;
        struct file_map map;
};

struct push_files {
        size_t n_files;
        struct push_file files[PUSH_FILES_MAX];
};

#define PUSH_FILES_NULL \
        { 0 }

/* Maps the blobs that the message names and writes threshold.json. 0, FAULT_E_INPUT (ARTIFACT_MISSING,
 * ARTIFACT_CORRUPT, the fault's file being the bundle's), or a negative errno. */
int push_files_collect(struct store *store, const struct evaluator_to_pusher *message, struct push_files *ret_files,
                       struct fault *fault);
void push_files_finish(struct push_files *files);

/* An empty file to be written, which is the last from now on. */
struct buffer *push_files_make(struct push_files *files, const char *name);

const void *push_file_bytes(const struct push_file *file, size_t *ret_n_bytes);

/* The file of that name, which is there (asserted). */
const struct push_file *push_files_find(const struct push_files *files, const char *name);
