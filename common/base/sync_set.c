/* Syncing together: as many threads as descriptors, since all they do is wait. */

#include "common/base/sync_set.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/file.h"

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

static void close_owned(struct sync_set *set) {
        for (size_t i = 0; i < set->n_owned; i++)
                close(set->fds[i]);
        *set = (struct sync_set)SYNC_SET_NULL;
}

void sync_set_finish(struct sync_set *set) {
        if (set)
                close_owned(set);
}

int sync_set_flush(struct sync_set *set) {
        struct task tasks[SYNC_SET_MAX] = { 0 };
        int error = 0;

        for (size_t i = 0; i < set->n_fds; i++) {
                tasks[i].fd = set->fds[i];
                if (i + 1 < set->n_fds)
                        tasks[i].is_started = !pthread_create(&tasks[i].thread, NULL, run, &tasks[i]);
                if (!tasks[i].is_started)
                        run(&tasks[i]);
        }
        for (size_t i = 0; i < set->n_fds; i++) {
                if (tasks[i].is_started)
                        pthread_join(tasks[i].thread, NULL);
                if (tasks[i].error)
                        error = tasks[i].error;
        }
        close_owned(set);
        return error ? error_origin(-error, "syncing files and folders") : 0;
}

void sync_set_add(struct sync_set *set, int fd) {
        assert(set->n_fds < SYNC_SET_MAX);
        set->fds[set->n_fds++] = fd;
}

int sync_set_add_folder_of(struct sync_set *set, const char *path) {
        int fd, r = 0;

        assert(set->n_fds == set->n_owned);
        if (set->n_fds == SYNC_SET_MAX)
                r = sync_set_flush(set);
        if (!r)
                r = file_open_folder_of(path, &fd);
        if (r)
                return error_trace(r);
        set->fds[set->n_fds++] = fd;
        set->n_owned++;
        return 0;
}

int sync_set_make_folders(struct sync_set *set, const char *path) {
        char part[PATH_MAX];

        if (snprintf(part, sizeof(part), "%s", path) >= PATH_MAX)
                return error_origin(-ENAMETOOLONG, "creating folder %s", path);
        for (char *at = part + 1;; at++) {
                char end = *at;
                int r = 0;

                if (end != '/' && end)
                        continue;
                *at = 0;
                if (!mkdir(part, 0700))
                        r = sync_set_add_folder_of(set, part);
                else if (errno != EEXIST)
                        r = error_origin(-errno, "creating folder %s", part);
                if (r)
                        return error_trace(r);
                *at = end;
                if (!end)
                        return 0;
        }
}
