/* Pipeline: pipeline.yaml, section by section. */

#include "proto/pipeline.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/config.h"
#include "common/base/error.h"

enum { FIELDS_MAX = 16 };

static const char *const when_busy[SERVE_WHEN_BUSY_N] = {
        [SERVE_WHEN_BUSY_QUEUE] = "queue",
        [SERVE_WHEN_BUSY_REFUSE] = "refuse",
};

static const struct record_field serve_fields[] = {
        RECORD_TEXT(pipeline_serve, listen, ANY),
        RECORD_INT(pipeline_serve, port, 0, 65535),
        RECORD_CHOICE(pipeline_serve, when_busy, when_busy, SERVE_WHEN_BUSY_N),
        RECORD_INT(pipeline_serve, max_body_bytes, 1024, INT64_C(1) << 30),
        RECORD_INT(pipeline_serve, max_connections, 1, 1 << 20),
        RECORD_INT(pipeline_serve, versions_mapped, 1, 64),
};

static const struct record serve_record = RECORD(pipeline_serve, serve_fields);

static const struct record_field retention_fields[] = {
        RECORD_INT(pipeline_retention, runs, 1, INT32_MAX),
        RECORD_INT(pipeline_retention, versions, 0, INT32_MAX),
        RECORD_INT(pipeline_retention, grace_hours, PIPELINE_GRACE_HOURS_MIN, 24 * 366),
};

static const struct record retention_record = RECORD(pipeline_retention, retention_fields);

/* A text of at most n_bytes with its end, as long as it is not empty. */
static int load_text(const struct config_node *map, const char *key, const char *otherwise, char *ret_text,
                     size_t n_bytes, struct fault *fault) {
        const char *text;
        int r;

        r = config_get_text(map, key, otherwise, fault, &text);
        if (r)
                return r;
        if (!*text)
                return config_fault(config_find(map, key), fault, "CONFIG_OUT_OF_RANGE", "%s is empty", key);
        if (strlen(text) >= n_bytes)
                return config_fault(config_find(map, key), fault, "CONFIG_OUT_OF_RANGE", "%s is longer than %zu bytes",
                                    key, n_bytes - 1);
        strcpy(ret_text, text);
        return 0;
}

static int join(const struct config_node *node, const char *folder, const char *path, char *ret_path, size_t n_bytes,
                struct fault *fault) {
        int n;

        n = snprintf(ret_path, n_bytes, "%s%s%s", *path == '/' ? "" : folder, *path == '/' ? "" : "/", path);
        if (n < 0 || (size_t)n >= n_bytes)
                return config_fault(node, fault, "CONFIG_OUT_OF_RANGE", "the path is longer than %zu bytes",
                                    n_bytes - 1);
        return 0;
}

static int load_source(const struct config_node *root, struct pipeline *pipeline, struct fault *fault) {
        static const char *const known[] = { "uri", "database", "collection", "max_bad_fraction" };
        static const char scheme[] = "file://";
        struct pipeline_source *source = &pipeline->source;
        const struct config_node *map = NULL;
        char uri[PIPELINE_TEXT_BYTES] = "";
        const char *database = "";
        int r;

        r = config_get_map(root, "source", true, fault, &map);
        if (!r)
                r = config_check_keys(map, known, N_ELEMENTS(known), fault);
        if (!r)
                r = load_text(map, "uri", NULL, uri, sizeof(uri), fault);
        /* empty: the one that the URI names */
        if (!r)
                r = config_get_text(map, "database", "Proj1", fault, &database);
        if (!r && *database)
                r = load_text(map, "database", database, source->database, sizeof(source->database), fault);
        if (!r)
                r = load_text(map, "collection", "Proj1-Data", source->collection, sizeof(source->collection), fault);
        if (r)
                return r;
        if (strncmp(uri, scheme, sizeof(scheme) - 1)) {
                strcpy(source->uri, uri);
                return 0;
        }
        strcpy(source->uri, scheme);
        return join(config_find(map, "uri"), pipeline->folder, uri + sizeof(scheme) - 1,
                    source->uri + sizeof(scheme) - 1, sizeof(source->uri) - sizeof(scheme) + 1, fault);
}

static int load_store(const struct config_node *root, struct pipeline *pipeline, struct fault *fault) {
        static const char *const known[] = { "uri", "cache", "cache_bytes" };
        const struct config_node *map = NULL;
        int r;

        r = config_get_map(root, "store", false, fault, &map);
        if (!r)
                r = config_check_keys(map, known, N_ELEMENTS(known), fault);
        if (!r)
                r = load_text(map, "uri", "file://store", pipeline->store_uri, sizeof(pipeline->store_uri), fault);
        if (!r)
                r = load_text(map, "cache", "cache", pipeline->cache, sizeof(pipeline->cache), fault);
        return r ? r
                 : config_get_int(map, "cache_bytes", INT64_C(1) << 20, INT64_C(1) << 50,
                                  &(int64_t){ INT64_C(8) << 30 }, fault, &pipeline->cache_bytes);
}

static int load_registry(const struct config_node *root, struct pipeline *pipeline, struct fault *fault) {
        static const char *const known[] = { "bucket", "prefix", "path" };
        const struct config_node *map = NULL;
        char prefix[512], path[PIPELINE_TEXT_BYTES - 8];
        const char *bucket = "";
        int r;

        r = config_get_map(root, "registry", false, fault, &map);
        if (!r)
                r = config_check_keys(map, known, N_ELEMENTS(known), fault);
        if (!r && map)
                r = config_get_text(map, "bucket", "", fault, &bucket);
        if (!r)
                r = load_text(map, "prefix", "model-registry", prefix, sizeof(prefix), fault);
        if (!r)
                r = load_text(map, "path", "registry", path, sizeof(path), fault);
        if (r)
                return r;
        if (*bucket &&
            (strlen(bucket) > 63 || strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789.-") != strlen(bucket)))
                return config_fault(config_find(map, "bucket"), fault, "CONFIG_OUT_OF_RANGE",
                                    "\"%s\" is no name of a bucket: a-z, 0-9, . and -", bucket);
        if (*bucket)
                snprintf(pipeline->registry_uri, sizeof(pipeline->registry_uri), "s3://%s/%s", bucket, prefix);
        else
                snprintf(pipeline->registry_uri, sizeof(pipeline->registry_uri), "file://%s", path);
        return 0;
}

/* A section whose keys are the fields of a record; what it does not say stays as it is in ret_fields. */
static int load_fields(const struct config_node *root, const char *section, const struct record *record,
                       void *ret_fields, struct fault *fault) {
        const char *known[FIELDS_MAX];
        const struct config_node *map = NULL, *node;
        int r;

        assert(record->n_fields <= FIELDS_MAX);
        for (size_t i = 0; i < record->n_fields; i++)
                known[i] = record->fields[i].name;
        r = config_get_map(root, section, false, fault, &map);
        if (!r)
                r = config_check_keys(map, known, record->n_fields, fault);
        for (node = config_first(map); node && !r; node = config_next(node))
                r = record_get_config(record_find_field(record, config_key(node)), node, ret_fields, fault);
        return r;
}

static int load(const struct config_node *root, struct pipeline *pipeline, struct fault *fault) {
        static const char *const known[] = { "name",     "schema", "source",   "split", "transform", "train",
                                             "evaluate", "store",  "registry", "serve", "retention" };
        char schema[1024] = "";
        int r;

        pipeline->serve = (struct pipeline_serve){ .listen = "127.0.0.1",
                                                   .port = 5080,
                                                   .max_body_bytes = 16777216,
                                                   .max_connections = 4096,
                                                   .versions_mapped = 3 };
        pipeline->retention = (struct pipeline_retention){ .runs = 100, .versions = 20, .grace_hours = 24 };
        r = config_check_keys(root, known, N_ELEMENTS(known), fault);
        if (!r)
                r = parameters_load(root, &pipeline->parameters, fault);
        if (!r)
                r = load_text(root, "schema", NULL, schema, sizeof(schema), fault);
        if (!r)
                r = join(config_find(root, "schema"), pipeline->folder, schema, pipeline->schema,
                         sizeof(pipeline->schema), fault);
        if (!r)
                r = load_source(root, pipeline, fault);
        if (!r)
                r = load_store(root, pipeline, fault);
        if (!r)
                r = load_registry(root, pipeline, fault);
        if (!r)
                r = load_fields(root, "serve", &serve_record, &pipeline->serve, fault);
        if (!r)
                r = load_fields(root, "retention", &retention_record, &pipeline->retention, fault);
        return r;
}

/* The file named where its folder is asked for: its folder is meant. */
static void leave_file(char *path) {
        char *name = strrchr(path, '/');
        struct stat status;

        if (!strcmp(name + 1, PIPELINE_FILE) && !stat(path, &status) && S_ISREG(status.st_mode))
                name[name == path] = 0;
}

int pipeline_load(const char *folder, struct pipeline *ret_pipeline, struct fault *fault) {
        _cleanup_(config_destroy_pointer) struct config *config = NULL;
        _cleanup_(free_pointer) struct pipeline *pipeline = NULL;
        char path[PIPELINE_PATH_BYTES + sizeof(PIPELINE_FILE) + 1];
        int r;

        pipeline = calloc(1, sizeof(*pipeline));
        if (!pipeline)
                return error_origin(-ENOMEM, "no memory for a pipeline");
        if (!realpath(folder, pipeline->folder)) {
                fault_at(fault, folder, 0, 0);
                return fault_set(fault, "PIPELINE_MISSING", "no pipeline there: %s", strerror(errno));
        }
        leave_file(pipeline->folder);
        snprintf(path, sizeof(path), "%s/%s", pipeline->folder, PIPELINE_FILE);
        r = config_load(path, CONFIG_EXPAND, fault, &config);
        if (!r)
                r = load(config_root(config), pipeline, fault);
        if (!r)
                *ret_pipeline = *pipeline;
        return error_trace(r);
}
