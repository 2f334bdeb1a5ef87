/* A page of a listing, read from a folder: all of it is looked at, what belongs on the page is kept. */

#include "common/store/store_file_page.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/error.h"

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The entry's name as a listing shows it, or "" for what is no object. */
static int describe_entry(int folder_fd, const struct dirent *entry, char ret_name[STORE_SEGMENT_MAX + 2]) {
        unsigned char type = entry->d_type;
        struct stat status;

        ret_name[0] = 0;
        if (strlen(entry->d_name) > STORE_SEGMENT_MAX || !store_name_is_valid(entry->d_name))
                return 0;
        if (type == DT_UNKNOWN) {
                if (fstatat(folder_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW))
                        return errno == ENOENT ? 0 : error_origin(-errno, "asking about %s", entry->d_name);
                type = S_ISDIR(status.st_mode) ? DT_DIR : S_ISREG(status.st_mode) ? DT_REG : DT_UNKNOWN;
        }
        if (type == DT_DIR || type == DT_REG)
                snprintf(ret_name, STORE_SEGMENT_MAX + 2, "%.*s%s", STORE_SEGMENT_MAX, entry->d_name,
                         type == DT_DIR ? "/" : "");
        return 0;
}

static int page_append(struct store_page *page, size_t *capacity, const char *name) {
        char **names = page->names;

        if (page->n_names == *capacity) {
                *capacity = *capacity ? 2 * *capacity : 64;
                names = reallocarray(page->names, *capacity, sizeof(*names));
                if (!names)
                        return error_origin(-ENOMEM, "listing a folder");
                page->names = names;
        }
        names[page->n_names] = strdup(name);
        if (!names[page->n_names])
                return error_origin(-ENOMEM, "listing a folder");
        page->n_names++;
        return 0;
}

static int read_folder(DIR *listing, const char *after, struct store_page *page) {
        char name[STORE_SEGMENT_MAX + 2];
        size_t capacity = 0;
        struct dirent *entry;
        int r;

        for (;;) {
                errno = 0;
                entry = readdir(listing);
                if (!entry)
                        return errno ? error_origin(-errno, "reading a folder") : 0;
                r = describe_entry(dirfd(listing), entry, name);
                if (!r && *name && (!after || strcmp(name, after) > 0))
                        r = page_append(page, &capacity, name);
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
        if (page.n_names)
                qsort(page.names, page.n_names, sizeof(*page.names), compare_names);
        page.is_last = page.n_names <= n_max;
        while (page.n_names > n_max)
                free(page.names[--page.n_names]);
        *ret_page = page;
        page = (struct store_page)STORE_PAGE_NULL;
        return 0;
}
