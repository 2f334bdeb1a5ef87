/* A page of a listing, read from a folder: all of it is looked at, what belongs on the page is kept. */

#include "common/store/store_file_page.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/error.h"

/* The entry as a listing shows it, its name "" for what is no object. */
static int describe_entry(int folder_fd, const struct dirent *entry, char name[STORE_SEGMENT_MAX + 2],
                          struct store_entry *ret_entry) {
        struct stat status;

        *ret_entry = (struct store_entry){ .name = name };
        name[0] = 0;
        if (strlen(entry->d_name) > STORE_SEGMENT_MAX || !store_name_is_valid(entry->d_name))
                return 0;
        if (fstatat(folder_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW))
                return errno == ENOENT ? 0 : error_origin(-errno, "asking about %s", entry->d_name);
        if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode))
                return 0;
        snprintf(name, STORE_SEGMENT_MAX + 2, "%.*s%s", STORE_SEGMENT_MAX, entry->d_name,
                 S_ISDIR(status.st_mode) ? "/" : "");
        if (S_ISREG(status.st_mode)) {
                ret_entry->n_bytes = status.st_size;
                ret_entry->modified_ms = file_modified_ms(&status);
        }
        return 0;
}

static int read_folder(DIR *listing, const char *after, struct store_page *page) {
        char name[STORE_SEGMENT_MAX + 2];
        struct store_entry described;
        struct dirent *entry;
        int r;

        for (;;) {
                errno = 0;
                entry = readdir(listing);
                if (!entry)
                        return errno ? error_origin(-errno, "reading a folder") : 0;
                r = describe_entry(dirfd(listing), entry, name, &described);
                if (!r && *name && (!after || strcmp(name, after) > 0))
                        r = store_page_append(page, &described);
                if (r)
                        return error_trace(r);
        }
}

static void close_listing(DIR **listing) {
        if (*listing)
                closedir(*listing);
}

int store_file_page_read(const char *path, const char *after, size_t n_max, struct store_page *ret_page) {
        _cleanup_(store_page_finish) struct store_page page = STORE_PAGE_NULL;
        _cleanup_(close_listing) DIR *listing = NULL;
        int r;

        listing = opendir(path);
        if (!listing && errno != ENOENT)
                return error_origin(-errno, "listing %s", path);
        r = listing ? read_folder(listing, after, &page) : 0;
        if (r)
                return error_trace(r);
        store_page_conclude(&page, n_max, true);
        *ret_page = page;
        page = (struct store_page)STORE_PAGE_NULL;
        return 0;
}
