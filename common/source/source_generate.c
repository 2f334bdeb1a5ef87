/* Generated rows as a source: some batches are made ahead, each on a core of its own, and handed out in their order. */

#include "common/source/source_generate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/nearest.h"
#include "common/base/parallel.h"
#include "common/source/generator.h"

#define GENERATOR_FILE "generator.yaml"

#define ROWS_DEFAULT 50000
#define ROWS_MAX UINT64_C(1000000000000)
#define SEED_DEFAULT 1
#define SEED_MAX ((uint64_t)INT64_MAX)

#define BATCHES_AHEAD_MAX 4

struct source_generate {
        struct source super;
        struct generator *generator;
        bool *has; /* of each schema column: some draw makes it */
        struct source_generate_request request;
        uint64_t n_made; /* rows in batches made so far */
        struct table_builder *batches[BATCHES_AHEAD_MAX];
        size_t n_builders;
        size_t n_ready; /* batches made ahead */
        size_t next;    /* the first of them that was not handed out */
};

static int parse_number(const char *key, const char *text, size_t n_bytes, uint64_t min, uint64_t max,
                        uint64_t *ret_value, struct fault *fault) {
        uint64_t value = 0;
        size_t i;

        for (i = 0; i < n_bytes && text[i] >= '0' && text[i] <= '9' && value <= max / 10; i++)
                value = value * 10 + (uint64_t)(text[i] - '0');
        if (n_bytes == 0 || i < n_bytes || value < min || value > max)
                return fault_set(fault, "SOURCE_URI_INVALID",
                                 "%s must be an integer from %" PRIu64 " to %" PRIu64 ", not \"%.*s\"", key, min, max,
                                 (int)(n_bytes < 64 ? n_bytes : 64), text);
        *ret_value = value;
        return 0;
}

static int unknown_key(const char *key, size_t n_bytes, struct fault *fault) {
        static const char *const known[] = { "rows", "seed" };
        char name[64], sentence[512];

        snprintf(name, sizeof(name), "%.*s", (int)(n_bytes < sizeof(name) ? n_bytes : sizeof(name) - 1), key);
        snprintf(sentence, sizeof(sentence), SOURCE_GENERATE_SCHEME " has no key \"%s\"", name);
        nearest_explain(name, known, N_ELEMENTS(known), sentence, sizeof(sentence));
        return fault_set(fault, "SOURCE_URI_INVALID", "%s", sentence);
}

static int parse_pairs(const char *at, struct source_generate_request *ret_request, struct fault *fault) {
        struct source_generate_request request = { ROWS_DEFAULT, SEED_DEFAULT };
        bool has_rows = false, has_seed = false;
        int r;

        while (*at) {
                size_t n_pair = strcspn(at, ","), n_key = strcspn(at, "=,");
                const char *value = at + n_key + 1;
                size_t n_value = n_key < n_pair ? n_pair - n_key - 1 : 0;
                bool is_rows = n_key == 4 && !memcmp(at, "rows", 4);
                bool is_seed = n_key == 4 && !memcmp(at, "seed", 4);

                if (!is_rows && !is_seed)
                        return unknown_key(at, n_key, fault);
                if (is_rows ? has_rows : has_seed)
                        return fault_set(fault, "SOURCE_URI_INVALID", "%.4s is given twice", at);
                r = is_rows ? parse_number("rows", value, n_value, 1, ROWS_MAX, &request.n_rows, fault)
                            : parse_number("seed", value, n_value, 0, SEED_MAX, &request.seed, fault);
                if (r)
                        return r;
                has_rows |= is_rows;
                has_seed |= is_seed;
                at += n_pair;
                if (*at == ',' && !*++at)
                        return fault_set(fault, "SOURCE_URI_INVALID", "a key must follow the last comma");
        }
        *ret_request = request;
        return 0;
}

int source_generate_parse(const char *uri, struct source_generate_request *ret_request, struct fault *fault) {
        int r;

        r = parse_pairs(uri + strlen(SOURCE_GENERATE_SCHEME), ret_request, fault);
        if (r)
                fault_at(fault, uri, 0, 0);
        return r;
}

static void source_generate_destroy(struct source *super) {
        struct source_generate *source = (struct source_generate *)super;

        for (size_t i = 0; i < source->n_builders; i++)
                table_builder_destroy(source->batches[i]);
        generator_destroy(source->generator);
        free(source->has);
        free(source);
}

static void source_generate_destroy_pointer(struct source_generate **source) {
        if (*source)
                source_generate_destroy(&(*source)->super);
}

static size_t rows_of_batch(const struct source_generate *source, size_t unit) {
        uint64_t n_left = source->request.n_rows - source->n_made - (uint64_t)unit * TABLE_BATCH_ROWS;

        return n_left < TABLE_BATCH_ROWS ? (size_t)n_left : TABLE_BATCH_ROWS;
}

static int make_batch(void *context, size_t unit, int worker) {
        struct source_generate *source = context;

        (void)worker;
        table_builder_clear(source->batches[unit]);
        return error_trace(generator_make(source->generator, source->request.seed,
                                          source->n_made + (uint64_t)unit * TABLE_BATCH_ROWS,
                                          rows_of_batch(source, unit), source->batches[unit]));
}

static int make_ahead(struct source_generate *source) {
        uint64_t n_left = source->request.n_rows - source->n_made;
        uint64_t n_batches = (n_left + TABLE_BATCH_ROWS - 1) / TABLE_BATCH_ROWS;
        int r;

        if (n_batches > source->n_builders)
                n_batches = source->n_builders;
        r = parallel_for((size_t)n_batches, make_batch, source);
        if (r)
                return error_trace(r);
        for (size_t i = 0, n_rows; i < n_batches; i++) {
                n_rows = table_builder_n_rows(source->batches[i]);
                source->n_made += n_rows;
        }
        source->n_ready = (size_t)n_batches;
        source->next = 0;
        return 0;
}

static int source_generate_read(struct source *super, struct table *ret_batch, struct fault *fault) {
        struct source_generate *source = (struct source_generate *)super;
        int r;

        (void)fault;
        if (source->next == source->n_ready) {
                r = make_ahead(source);
                if (r)
                        return error_trace(r);
        }
        if (source->n_ready == 0) {
                *ret_batch = (struct table)TABLE_NULL;
                return 0;
        }
        *ret_batch = table_builder_view(source->batches[source->next++]);
        return 0;
}

static const struct source_kind source_generate_kind = {
        .read = source_generate_read,
        .destroy = source_generate_destroy,
};

static int read_generator(const char *pipeline_path, const struct schema *schema, struct generator **ret_generator,
                          struct fault *fault) {
        _cleanup_(free_pointer) struct generator_column *columns = calloc(schema->n_columns + 1, sizeof(*columns));
        _cleanup_(free_pointer) char *path = NULL;

        if (!columns || asprintf(&path, "%s/" GENERATOR_FILE, pipeline_path) < 0) {
                path = NULL;
                return error_origin(-ENOMEM, "no memory for %zu columns", schema->n_columns);
        }
        for (size_t i = 0; i < schema->n_columns; i++) {
                columns[i].name = schema->columns[i].name;
                columns[i].type = value_column_type(schema->columns[i].type);
        }
        return error_trace(generator_create(path, columns, schema->n_columns, ret_generator, fault));
}

int source_generate_check(const char *pipeline_path, const struct schema *schema, struct fault *fault) {
        _cleanup_(generator_destroy_pointer) struct generator *generator = NULL;

        return error_trace(read_generator(pipeline_path, schema, &generator, fault));
}

static int create_generator(struct source_generate *source, const struct source_options *options, struct fault *fault) {
        const struct schema *schema = options->schema;
        int r;

        source->super.has = source->has = calloc(schema->n_columns, sizeof(*source->has));
        if (!source->has)
                return error_origin(-ENOMEM, "no memory for %zu columns", schema->n_columns);
        r = read_generator(options->pipeline_path, schema, &source->generator, fault);
        if (r)
                return error_trace(r);
        for (size_t i = 0; i < schema->n_columns; i++) {
                source->has[i] = generator_makes(source->generator, i);
                if (!source->has[i])
                        log_warn("file=%s/" GENERATOR_FILE
                                 " column=%s is in the schema but is not drawn; its values are missing",
                                 options->pipeline_path, schema->columns[i].name);
        }
        return 0;
}

static int create_batches(struct source_generate *source, const struct schema *schema) {
        int n_threads = parallel_n_threads();
        size_t n_wanted = n_threads < BATCHES_AHEAD_MAX ? (size_t)n_threads : BATCHES_AHEAD_MAX;
        int r;

        for (size_t i = 0; i < n_wanted; i++) {
                r = table_builder_create(&source->batches[i]);
                if (r)
                        return error_trace(r);
                source->n_builders++;
                for (size_t k = 0; k < schema->n_columns; k++) {
                        r = table_builder_add_column(source->batches[i], schema->columns[k].name,
                                                     value_column_type(schema->columns[k].type));
                        if (r)
                                return error_trace(r);
                }
        }
        return 0;
}

int source_generate_open(const struct source_options *options, struct source **ret_source, struct fault *fault) {
        _cleanup_(source_generate_destroy_pointer) struct source_generate *source = calloc(1, sizeof(*source));
        int r;

        if (!source)
                return error_origin(-ENOMEM, "no memory for a source");
        source->super.kind = &source_generate_kind;
        r = source_generate_parse(options->uri, &source->request, fault);
        if (!r)
                r = create_generator(source, options, fault);
        if (!r)
                r = create_batches(source, options->schema);
        if (r)
                return error_trace(r);
        source->super.n_rows = (int64_t)source->request.n_rows;
        *ret_source = &steal(source)->super;
        return 0;
}
