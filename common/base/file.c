/* Files: read whole, mapped, replaced atomically. */

#include "common/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/base/error.h"
#include "common/base/sync_set.h"

int file_map(const char *path, struct file_map *ret_map) {
        _cleanup_(close_descriptor) int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat status;
        void *data;

        if (fd < 0)
                return errno == ENOENT ? -ENOENT : error_origin(-errno, "opening %s", path);
        if (fstat(fd, &status))
                return error_origin(-errno, "asking for the size of %s", path);
        if (S_ISDIR(status.st_mode))
                return error_origin(-EISDIR, "opening %s", path);
        if (!status.st_size) {
                *ret_map = (struct file_map)FILE_MAP_NULL;
                return 0;
        }
        data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (data == MAP_FAILED)
                return error_origin(-errno, "mapping %s", path);
        *ret_map = (struct file_map){ data, (size_t)status.st_size };
        return 0;
}

void file_unmap(struct file_map *map) {
        if (!map)
                return;
        if (map->data)
                munmap((void *)map->data, map->n_bytes);
        *map = (struct file_map)FILE_MAP_NULL;
}

int file_read(const char *path, size_t n_max, struct buffer *ret_content) {
        _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;
        _cleanup_(close_descriptor) int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n;
        int r;

        if (fd < 0)
                return errno == ENOENT ? -ENOENT : error_origin(-errno, "opening %s", path);
        do {
                r = buffer_reserve(&content, 64 * 1024);
                if (r)
                        return error_trace(r);
                n = read(fd, content.data + content.n_bytes, 64 * 1024);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_origin(-errno, "reading %s", path);
                content.n_bytes += (size_t)n;
                if (content.n_bytes > n_max)
                        return error_origin(-EFBIG, "%s has more than %zu bytes", path, n_max);
        } while (n);
        content.data[content.n_bytes] = 0;
        *ret_content = content;
        content = (struct buffer)BUFFER_NULL;
        return 0;
}

int file_write_all(int fd, const void *bytes, size_t n_bytes) {
        const uint8_t *at = bytes;

        while (n_bytes) {
                ssize_t n = write(fd, at, n_bytes);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_origin(-errno, "writing %zu bytes", n_bytes);
                at += n;
                n_bytes -= (size_t)n;
        }
        return 0;
}

int file_open_temporary(const char *path, char *ret_temporary, size_t n_bytes, int *ret_fd) {
        int fd;

        if ((size_t)snprintf(ret_temporary, n_bytes, "%s.tmp.XXXXXX", path) >= n_bytes)
                return error_origin(-ENAMETOOLONG, "naming a temporary file beside %s", path);
        fd = mkostemp(ret_temporary, O_CLOEXEC);
        if (fd < 0)
                return error_origin(-errno, "creating %s", ret_temporary);
        *ret_fd = fd;
        return 0;
}

int file_open_folder_of(const char *path, int *ret_fd) {
        const char *slash = strrchr(path, '/');
        char folder[PATH_MAX] = ".";
        int fd;

        if (slash &&
            snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path), path) >= PATH_MAX)
                return error_origin(-ENAMETOOLONG, "opening the folder of %s", path);
        fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return error_origin(-errno, "opening folder %s", folder);
        *ret_fd = fd;
        return 0;
}

int file_sync_folder(const char *path) {
        _cleanup_(close_descriptor) int fd = -1;
        int r;

        r = file_open_folder_of(path, &fd);
        if (r)
                return error_trace(r);
        return fsync(fd) ? error_origin(-errno, "syncing the folder of %s", path) : 0;
}

int file_publish(int fd, const char *temporary, const char *path) {
        int r;

        if (fsync(fd)) {
                r = error_origin(-errno, "syncing %s", temporary);
        } else if (rename(temporary, path)) {
                r = error_origin(-errno, "renaming %s to %s", temporary, path);
        } else {
                return error_trace(file_sync_folder(path));
        }
        unlink(temporary);
        return r;
}

/* Writes the bytes to a new temporary file beside path and leaves it open. */
static int write_temporary(const char *path, const void *bytes, size_t n_bytes, char *ret_temporary, int *ret_fd) {
        int fd, r;

        r = file_open_temporary(path, ret_temporary, PATH_MAX, &fd);
        if (r)
                return error_trace(r);
        r = file_write_all(fd, bytes, n_bytes);
        if (r) {
                close(fd);
                unlink(ret_temporary);
                return error_trace(r);
        }
        *ret_fd = fd;
        return 0;
}

int file_replace(const char *path, const void *bytes, size_t n_bytes) {
        _cleanup_(close_descriptor) int fd = -1;
        char temporary[PATH_MAX];
        int r;

        r = write_temporary(path, bytes, n_bytes, temporary, &fd);
        if (r)
                return error_trace(r);
        return error_trace(file_publish(fd, temporary, path));
}

int file_create(const char *path, const void *bytes, size_t n_bytes) {
        _cleanup_(close_descriptor) int fd = -1;
        char temporary[PATH_MAX];
        int r;

        if (file_exists(path))
                return -EEXIST;
        r = write_temporary(path, bytes, n_bytes, temporary, &fd);
        if (r)
                return error_trace(r);
        if (fsync(fd))
                r = error_origin(-errno, "syncing %s", temporary);
        else if (link(temporary, path))
                r = errno == EEXIST ? -EEXIST : error_origin(-errno, "linking %s to %s", temporary, path);
        unlink(temporary);
        return r ? r : error_trace(file_sync_folder(path));
}

int file_make_folders(const char *path) {
        _cleanup_(sync_set_finish) struct sync_set set = SYNC_SET_NULL;
        int r;

        r = sync_set_make_folders(&set, path);
        return r ? error_trace(r) : error_trace(sync_set_flush(&set));
}

bool file_exists(const char *path) {
        return !access(path, F_OK);
}
