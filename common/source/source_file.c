/* A file as a source: looks at its first bytes and hands it to the reader of its format. */

#include "common/source/source_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/data/arrow/arrow.h"
#include "common/source/source_arrow.h"
#include "common/source/source_csv.h"
#include "common/source/source_ndjson.h"

enum { LOOK_BYTES = 4096 };

#define MAGIC(name, bytes, hint) \
        { name, bytes, sizeof(bytes) - 1, hint }

/* formats that people may try and that are not supported */
static const struct {
        const char *name;
        const char *bytes;
        size_t n_bytes;
        const char *hint;
} unsupported[] = {
        MAGIC("compressed by gzip", "\x1f\x8b", "unpack it with gunzip"),
        MAGIC("compressed by ZSTD", "\x28\xb5\x2f\xfd", "unpack it with unzstd"),
        MAGIC("a ZIP archive", "PK\x03\x04", "unpack it, or save a spreadsheet as CSV"),
        MAGIC("a Parquet file", "PAR1", "write it as Arrow: pyarrow.feather.write_feather()"),
        MAGIC("a Feather file of version 1", "FEA1", "write it again with version 2"),
        MAGIC("a SQLite database", "SQLite format 3", "write the table as CSV"),
};

static int open_path(const char *path, int *ret_fd, struct fault *fault) {
        _cleanup_(close_descriptor) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        struct stat status;

        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
                return fault_set(fault, "FILE_NOT_FOUND", "there is no file %s", path);
        if (fd < 0 && (errno == EACCES || errno == EPERM))
                return fault_set(fault, "FILE_NOT_READABLE", "reading %s is not permitted", path);
        if (fd < 0)
                return error_origin(-errno, "opening %s", path);
        if (fstat(fd, &status))
                return error_origin(-errno, "asking for the kind of %s", path);
        if (!S_ISREG(status.st_mode))
                return fault_set(fault, "FILE_NOT_REGULAR", "%s is %s", path,
                                 S_ISDIR(status.st_mode) ? "a folder; name one file in it" : "no regular file");
        *ret_fd = steal_descriptor(&fd);
        return 0;
}

static int look(int fd, const char *path, char *ret_bytes, size_t *ret_n_bytes) {
        ssize_t n;

        do
                n = pread(fd, ret_bytes, LOOK_BYTES, 0);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return error_origin(-errno, "reading %s", path);
        *ret_n_bytes = (size_t)n;
        return 0;
}

/* The first byte that is neither blank nor of a byte order mark; NUL when there is none. */
static char first_byte(const char *bytes, size_t n_bytes) {
        size_t at = n_bytes >= 3 && !memcmp(bytes, "\xef\xbb\xbf", 3) ? 3 : 0;

        while (at < n_bytes && strchr(" \t\r\n", bytes[at]) && bytes[at])
                at++;
        return at < n_bytes ? bytes[at] : 0;
}

enum format {
        FORMAT_ARROW,
        FORMAT_CSV,
        FORMAT_NDJSON,
};

static int recognize(int fd, const char *path, enum format *ret_format, struct fault *fault) {
        char bytes[LOOK_BYTES];
        size_t n_bytes = 0;
        int r;

        r = look(fd, path, bytes, &n_bytes);
        if (r)
                return error_trace(r);
        for (size_t i = 0; i < N_ELEMENTS(unsupported); i++)
                if (n_bytes >= unsupported[i].n_bytes && !memcmp(bytes, unsupported[i].bytes, unsupported[i].n_bytes))
                        return fault_set(fault, "SOURCE_FORMAT_UNSUPPORTED", "this is %s; %s", unsupported[i].name,
                                         unsupported[i].hint);
        if (arrow_input_is_arrow(bytes, n_bytes))
                *ret_format = FORMAT_ARROW;
        else if (first_byte(bytes, n_bytes) == '[')
                return fault_set(fault, "SOURCE_FORMAT_UNSUPPORTED",
                                 "this is a JSON array; write one object a line (ndjson)");
        else
                *ret_format = first_byte(bytes, n_bytes) == '{' ? FORMAT_NDJSON : FORMAT_CSV;
        return 0;
}

int source_file_open(const struct source_options *options, struct source **ret_source, struct fault *fault) {
        const char *path = options->uri + strlen(SOURCE_FILE_SCHEME);
        _cleanup_(close_descriptor) int fd = -1;
        enum format format = FORMAT_CSV;
        int r;

        r = *path ? open_path(path, &fd, fault)
                  : fault_set(fault, "SOURCE_URI_INVALID", "a path must follow " SOURCE_FILE_SCHEME);
        if (!r)
                r = recognize(fd, path, &format, fault);
        if (r == FAULT_E_INPUT)
                fault_at(fault, path, 0, 0);
        if (r)
                return error_trace(r);
        switch (format) {
        case FORMAT_ARROW:
                r = source_arrow_open(options, path, ret_source, fault);
                break;
        case FORMAT_CSV:
                r = source_csv_open(options, path, steal_descriptor(&fd), ret_source, fault);
                break;
        case FORMAT_NDJSON:
                r = source_ndjson_open(options, path, steal_descriptor(&fd), ret_source, fault);
                break;
        }
        return error_trace(r);
}
