#include "common/source/source.h"

#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/source/source_file.h"
#include "common/source/source_generate.h"

static const struct {
        const char *scheme;
        int (*open)(const struct source_options *options, struct source **ret_source, struct fault *fault);
} schemes[] = {
        { SOURCE_FILE_SCHEME, source_file_open },
        { SOURCE_GENERATE_SCHEME, source_generate_open },
};

int source_open(const struct source_options *options, struct source **ret_source, struct fault *fault) {
        char known[256] = "";

        for (size_t i = 0; i < N_ELEMENTS(schemes); i++) {
                if (strncmp(options->uri, schemes[i].scheme, strlen(schemes[i].scheme)) == 0)
                        return error_trace(schemes[i].open(options, ret_source, fault));
                strncat(known, i > 0 ? ", " : "", sizeof(known) - strlen(known) - 1);
                strncat(known, schemes[i].scheme, sizeof(known) - strlen(known) - 1);
        }
        fault_at(fault, options->uri, 0, 0);
        return fault_set(fault, "SOURCE_SCHEME_UNKNOWN", "rows cannot be read from here; known are %s", known);
}

struct source *source_close(struct source *source) {
        if (source)
                source->kind->destroy(source);
        return NULL;
}

void source_close_pointer(struct source **source) {
        *source = source_close(*source);
}

int source_read(struct source *source, struct table *ret_batch, struct fault *fault) {
        return error_trace(source->kind->read(source, ret_batch, fault));
}

int64_t source_n_rows(const struct source *source) {
        return source->n_rows;
}
