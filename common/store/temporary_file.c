/* Temporary files: locked while they are written, swept when nobody holds them. */

#include "common/store/temporary_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/log.h"

/* Locks the file and says whether it still has its name: a sweep may have come between its making and its locking. */
static int hold(const struct temporary_file *temporary, bool *ret_is_named) {
        struct stat status;

        while (flock(temporary->fd, LOCK_EX))
                if (errno != EINTR)
                        return error_origin(-errno, "locking %s", temporary->path);
        if (fstat(temporary->fd, &status))
                return error_origin(-errno, "asking about %s", temporary->path);
        *ret_is_named = status.st_nlink > 0;
        return 0;
}

int temporary_file_open(const char *folder, struct temporary_file *ret_temporary) {
        char beside[PATH_MAX];
        int r;

        if (snprintf(beside, sizeof(beside), "%s/object", folder) >= PATH_MAX)
                return error_origin(-ENAMETOOLONG, "naming a temporary file in %s", folder);
        r = file_make_folders(folder);
        if (r)
                return error_trace(r);
        for (;;) {
                _cleanup_(temporary_file_finish) struct temporary_file temporary = TEMPORARY_FILE_NULL;
                bool is_named = false;

                r = file_open_temporary(beside, temporary.path, sizeof(temporary.path), &temporary.fd);
                if (!r)
                        r = hold(&temporary, &is_named);
                if (r)
                        return error_trace(r);
                if (!is_named)
                        continue;
                *ret_temporary = temporary;
                temporary.fd = -1;
                return 0;
        }
}

void temporary_file_finish(struct temporary_file *temporary) {
        if (!temporary || temporary->fd < 0)
                return;
        unlink(temporary->path);
        close(temporary->fd);
        temporary->fd = -1;
}

void temporary_file_sweep(const char *folder) {
        DIR *listing = opendir(folder);
        struct dirent *entry;

        while (listing && (entry = readdir(listing))) {
                _cleanup_(close_descriptor) int fd = -1;

                if (entry->d_name[0] == '.')
                        continue;
                fd = openat(dirfd(listing), entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
                if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB) && !unlinkat(dirfd(listing), entry->d_name, 0))
                        log_debug("folder=%s file=%s removed what was never finished", folder, entry->d_name);
        }
        if (listing)
                closedir(listing);
}
