/* Syncing together: as many threads as descriptors, since all they do is wait. */

#include "common/store/sync.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/error.h"

struct task {
        int fd;
        int error;
        bool is_started;
        pthread_t thread;
};

static void *run(void *context) {
        struct task *task = context;

        task->error = fsync(task->fd) ? errno : 0;
        return NULL;
}

static void close_owned(struct sync *sync) {
        for (size_t i = 0; i < sync->n_owned; i++)
                close(sync->fds[i]);
        *sync = (struct sync)SYNC_NULL;
}

void sync_finish(struct sync *sync) {
        if (sync)
                close_owned(sync);
}

int sync_all(struct sync *sync) {
        struct task tasks[SYNC_MOST] = { 0 };
        int error = 0;

        for (size_t i = 0; i < sync->n_fds; i++) {
                tasks[i].fd = sync->fds[i];
                if (i + 1 < sync->n_fds)
                        tasks[i].is_started = !pthread_create(&tasks[i].thread, NULL, run, &tasks[i]);
                if (!tasks[i].is_started)
                        run(&tasks[i]);
        }
        for (size_t i = 0; i < sync->n_fds; i++) {
                if (tasks[i].is_started)
                        pthread_join(tasks[i].thread, NULL);
                if (tasks[i].error)
                        error = tasks[i].error;
        }
        close_owned(sync);
        return error ? error_origin(-error, "syncing files and folders") : 0;
}

void sync_add(struct sync *sync, int fd) {
        assert(sync->n_fds < SYNC_MOST);
        sync->fds[sync->n_fds++] = fd;
}

int sync_add_folder_of(struct sync *sync, const char *path) {
        const char *slash = strrchr(path, '/');
        char folder[PATH_MAX] = ".";
        int fd, r;

        assert(sync->n_fds == sync->n_owned);
        if (slash &&
            snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path), path) >= PATH_MAX)
                return error_origin(-ENAMETOOLONG, "syncing the folder of %s", path);
        if (sync->n_fds == SYNC_MOST) {
                r = sync_all(sync);
                if (r)
                        return error_trace(r);
        }
        fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return error_origin(-errno, "opening folder %s", folder);
        sync->fds[sync->n_fds++] = fd;
        sync->n_owned++;
        return 0;
}

int sync_make_folders(struct sync *sync, const char *path) {
        char part[PATH_MAX];
        int r;

        if (snprintf(part, sizeof(part), "%s", path) >= PATH_MAX)
                return error_origin(-ENAMETOOLONG, "creating folder %s", path);
        for (char *at = part + 1;; at++) {
                char end = *at;

                if (end != '/' && end)
                        continue;
                *at = 0;
                r = mkdir(part, 0700) ? -errno : sync_add_folder_of(sync, part);
                if (r && r != -EEXIST)
                        return error_origin(r, "creating folder %s", part);
                *at = end;
                if (!end)
                        return 0;
        }
}
