#pragma once

/*
 * Files
 *
 * What is written here is whole or absent: temporary name in the same folder, fsync, rename, fsync of the folder. After
 * a failed fsync the file is abandoned, never fsynced again, since the kernel marks its pages clean (Rebello et al.:
 * Can Applications Recover from fsync Failures?, USENIX ATC 2020). Paths are as open(2) takes them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "common/base/buffer.h"

/* A file mapped for reading; n_bytes 0 has data NULL. */
struct file_map {
        const uint8_t *data;
        size_t n_bytes;
};

#define FILE_MAP_NULL \
        { 0 }

/* Returns 0, -ENOENT (silently, callers decide), or a negative errno. */
int file_map(const char *path, struct file_map *ret_map);
void file_unmap(struct file_map *map);

/* Reads a whole file of at most n_max bytes; -EFBIG when it is longer, -ENOENT silently. */
int file_read(const char *path, size_t n_max, struct buffer *ret_content);

/* Replaces path by the bytes, mode 0600. 0 or a negative errno (-ENOSPC, -EROFS …); on failure the old file stands. */
int file_replace(const char *path, const void *bytes, size_t n_bytes);

/* Creates path with the bytes unless it exists: -EEXIST silently, and nothing changed. By link(2), so one of many wins.
 */
int file_create(const char *path, const void *bytes, size_t n_bytes);

/* Opens a new temporary file beside path, mode 0600, and writes its name to ret_temporary. */
int file_open_temporary(const char *path, char *ret_temporary, size_t n_bytes, int *ret_fd);

/* Syncs fd, renames temporary to path and syncs the folder. The temporary is removed on failure. fd stays open. */
int file_publish(int fd, const char *temporary, const char *path);

/* Writes everything, through short writes and EINTR. */
int file_write_all(int fd, const void *bytes, size_t n_bytes);

/* mkdir -p with mode 0700 for what is missing; each new folder is synced into the one above it. */
int file_make_folders(const char *path);

/* Opens the folder that holds path, to be synced. */
int file_open_folder_of(const char *path, int *ret_fd);

/* fsync of the folder that holds path. */
int file_sync_folder(const char *path);
bool file_exists(const char *path);

/* When the file was written last, in Unix time. */
static inline int64_t file_modified_ms(const struct stat *status) {
        return (int64_t)status->st_mtim.tv_sec * 1000 + status->st_mtim.tv_nsec / 1000000;
}
