#pragma once

/*
 * Temporary files
 *
 * A file being written, under a name of its own in a folder for such files. Its writer holds a flock(2) on it for as
 * long as the descriptor is open, so whatever can be locked was left by a process that died.
 */

#include <limits.h>

struct temporary_file {
        char path[PATH_MAX];
        int fd;
};

#define TEMPORARY_FILE_NULL \
        { .fd = -1 }

/* Makes the folder where it is missing, and in it an empty file, open for reading and writing. */
int temporary_file_open(const char *folder, struct temporary_file *ret_temporary);

/* Closes it, and removes it unless it has been renamed. */
void temporary_file_finish(struct temporary_file *temporary);

/* Removes what dead processes left. A failure costs nothing but room and is not reported. */
void temporary_file_sweep(const char *folder);
