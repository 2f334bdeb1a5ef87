/* Source: a table of schemes, of which the address picks one. */

#include "common/source/source.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/source/source_file.h"
#include "common/source/source_generate.h"
#include "common/source/source_mongo.h"

enum { SCHEME_BYTES_SHOWN = 32 };

static int check_file(const char *uri, struct fault *fault) {
        if (uri[strlen(SOURCE_FILE_SCHEME)])
                return 0;
        fault_at(fault, uri, 0, 0);
        return fault_set(fault, "SOURCE_URI_INVALID", "a path must follow " SOURCE_FILE_SCHEME);
}

static int check_generate(const char *uri, struct fault *fault) {
        struct source_generate_request request;

        return error_trace(source_generate_parse(uri, &request, fault));
}

static const struct scheme {
        const char *name;
        int (*check)(const char *uri, struct fault *fault);
        int (*open)(const struct source_options *options, struct source **ret_source, struct fault *fault);
} schemes[] = {
        { SOURCE_FILE_SCHEME, check_file, source_file_open },
        { SOURCE_GENERATE_SCHEME, check_generate, source_generate_open },
        { MONGO_SCHEME, source_mongo_check, source_mongo_open },
        { MONGO_SCHEME_SRV, source_mongo_check, source_mongo_open },
};

/* The rest of a URI may hold a password, so a complaint shows the scheme alone. */
static int find_scheme(const char *uri, const struct scheme **ret_scheme, struct fault *fault) {
        size_t n_scheme = strcspn(uri, ":") + 1;
        char known[256] = "";

        for (size_t i = 0; i < N_ELEMENTS(schemes); i++) {
                if (!strncmp(uri, schemes[i].name, strlen(schemes[i].name))) {
                        *ret_scheme = &schemes[i];
                        return 0;
                }
                strncat(known, i > 0 ? ", " : "", sizeof(known) - strlen(known) - 1);
                strncat(known, schemes[i].name, sizeof(known) - strlen(known) - 1);
        }
        fault_at(fault, "", 0, 0);
        if (*uri == '/')
                return fault_set(fault, "SOURCE_SCHEME_UNKNOWN",
                                 "a path alone is no source; write " SOURCE_FILE_SCHEME "%.512s", uri);
        return fault_set(fault, "SOURCE_SCHEME_UNKNOWN", "rows cannot be read from \"%.*s\"; known are %s",
                         n_scheme < SCHEME_BYTES_SHOWN ? (int)n_scheme : SCHEME_BYTES_SHOWN, uri, known);
}

int source_check(const char *uri, struct fault *fault) {
        const struct scheme *scheme;
        int r;

        r = find_scheme(uri, &scheme, fault);
        return error_trace(r ? r : scheme->check(uri, fault));
}

const char *source_shown(const char *uri) {
        return strncmp(uri, MONGO_SCHEME, strlen(MONGO_SCHEME)) &&
                               strncmp(uri, MONGO_SCHEME_SRV, strlen(MONGO_SCHEME_SRV))
                       ? uri
                       : "mongodb";
}

char *source_place(const struct source_options *options, char ret_text[SOURCE_PLACE_BYTES]) {
        if (source_shown(options->uri) == options->uri)
                snprintf(ret_text, SOURCE_PLACE_BYTES, "%s", options->uri);
        else
                source_mongo_place(options, ret_text);
        return ret_text;
}

int source_open(const struct source_options *options, struct source **ret_source, struct fault *fault) {
        const struct scheme *scheme;
        int r;

        r = find_scheme(options->uri, &scheme, fault);
        return error_trace(r ? r : scheme->open(options, ret_source, fault));
}

struct source *source_close(struct source *source) {
        if (source)
                source->kind->destroy(source);
        return NULL;
}

void source_close_pointer(struct source **source) {
        *source = source_close(*source);
}

/* What is wrong with a row that is only set aside must not reach the caller's fault. */
int source_read(struct source *source, struct table *ret_batch, struct fault *fault) {
        struct fault found = FAULT_NULL;
        int r;

        r = source->kind->read(source, ret_batch, &found);
        if (r == FAULT_E_INPUT)
                *fault = found;
        return error_trace(r);
}

int64_t source_n_rows(const struct source *source) {
        return source->n_rows;
}

bool source_has_column(const struct source *source, size_t column) {
        return source->has[column];
}

size_t source_n_unknown(const struct source *source) {
        return source->n_unknown;
}

const char *source_unknown(const struct source *source, size_t i) {
        assert(i < source->n_unknown);
        return source->unknown[i];
}
