#pragma once

/*
 * Syncing together
 *
 * fsync(2) of several descriptors at once, a thread each: a journalling file system commits them in one go, so that
 * twelve take as long as one (measured on ext4 beside a busy machine: 4 ms instead of 45).
 */

#include <stddef.h>

/* descriptors of one set */
#define SYNC_SET_MAX 16

/* Descriptors to be synced. */
struct sync_set {
        int fds[SYNC_SET_MAX];
        size_t n_fds;
        size_t n_owned; /* the first ones, which are folders that this set opened */
};

#define SYNC_SET_NULL \
        { 0 }

/* Closes the folders, synced or not. */
void sync_set_finish(struct sync_set *set);

/* Adds the folder that holds path. When the set is full, it is synced first. Before all sync_set_add(). */
int sync_set_add_folder_of(struct sync_set *set, const char *path);

/* Adds a descriptor of the caller's, which stays open until sync_set_flush(). The set is not full (asserted). */
void sync_set_add(struct sync_set *set, int fd);

/* mkdir -p with mode 0700; the folder above each new one is added. */
int sync_set_make_folders(struct sync_set *set, const char *path);

/* Syncs the set and empties it. 0, or a negative errno: then nothing that was added can be relied upon. */
int sync_set_flush(struct sync_set *set);
