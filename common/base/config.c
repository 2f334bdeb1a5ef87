/*
 * Configuration: the tree is built from the events of libfyaml's parser. So aliases can be refused before they grow,
 * and every node knows its place.
 */

#include "common/base/config.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <libfyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/config_node.h"
#include "common/base/error.h"
#include "common/base/expand.h"
#include "common/base/file.h"
#include "common/base/utf8.h"

struct loader {
        struct config *config;
        enum config_mode mode;
        struct fault *fault;
        struct fy_diag *diagnostics; /* collects what the parser says */
        struct fy_parser *parser;
        struct config_node *open; /* the map or list being filled */
        unsigned depth;
        unsigned n_documents;
        char *key; /* a key that waits for its value */
        int64_t key_line, key_position;
};

static void diagnostics_destroy_pointer(struct fy_diag **diagnostics) {
        if (*diagnostics)
                fy_diag_destroy(*diagnostics);
}

static void parser_destroy_pointer(struct fy_parser **parser) {
        if (*parser)
                fy_parser_destroy(*parser);
}

static int refuse(struct loader *loader, const struct fy_mark *mark, const char *code, const char *format, ...)
        _printf_(4, 5);

static int refuse(struct loader *loader, const struct fy_mark *mark, const char *code, const char *format, ...) {
        char sentence[512];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(sentence, sizeof(sentence), format, arguments);
        va_end(arguments);
        fault_at(loader->fault, loader->config->name, mark ? mark->line + 1 : 0, mark ? mark->column + 1 : 0);
        return fault_set(loader->fault, code, "%s", sentence);
}

/* What libfyaml says first about a text that is no YAML. */
static int refuse_malformed(struct loader *loader) {
        const struct fy_diag_error *error;
        void *iterator = NULL;
        struct fy_mark mark;

        error = fy_diag_errors_iterate(loader->diagnostics, &iterator);
        if (!error)
                return refuse(loader, NULL, "CONFIG_MALFORMED", "malformed YAML");
        mark = (struct fy_mark){ .line = error->line - 1, .column = error->column - 1 };
        return refuse(loader, &mark, "CONFIG_MALFORMED", "malformed YAML: %s", error->msg);
}

/* A copy of a scalar token's text; a missing token is the empty text. */
static int copy_text(struct loader *loader, struct fy_token *token, const struct fy_mark *mark, char **ret_text) {
        size_t n_bytes = 0;
        const char *bytes = token ? fy_token_get_text(token, &n_bytes) : "";
        char *text;

        if (!bytes)
                return error_origin(-ENOMEM, "reading a scalar of %s", loader->config->name);
        if (memchr(bytes, 0, n_bytes))
                return refuse(loader, mark, "CONFIG_MALFORMED", "a text contains NUL");
        text = strndup(bytes, n_bytes);
        if (!text)
                return error_origin(-ENOMEM, "n_bytes=%zu reading %s", n_bytes, loader->config->name);
        *ret_text = text;
        return 0;
}

/* Adds a new node to the open one, under the key that waits for it. */
static int add_node(struct loader *loader, enum config_kind kind, const struct fy_mark *mark,
                    struct config_node **ret_node) {
        struct config *config = loader->config;
        struct config_node *node, *parent = loader->open;

        if (config->n_nodes == CONFIG_NODES_MAX)
                return refuse(loader, mark, "CONFIG_TOO_LARGE", "more than %d values", CONFIG_NODES_MAX);
        node = calloc(1, sizeof(*node));
        if (!node)
                return error_origin(-ENOMEM, "reading %s", config->name);
        node->config = config;
        node->kind = kind;
        node->line = mark ? mark->line + 1 : loader->key_line;
        node->position = mark ? mark->column + 1 : loader->key_position;
        node->key = steal(loader->key);
        node->key_line = loader->key_line;
        node->key_position = loader->key_position;
        node->allocated = config->allocated;
        config->allocated = node;
        config->n_nodes++;
        node->parent = parent;
        if (!parent) {
                config->root = node;
        } else {
                if (parent->last)
                        parent->last->next = node;
                else
                        parent->first = node;
                parent->last = node;
                parent->n_children++;
        }
        *ret_node = node;
        return 0;
}

static int expand_node(struct loader *loader, struct config_node *node, const struct fy_mark *mark) {
        _cleanup_(buffer_finish) struct buffer expanded = BUFFER_NULL;
        char name[EXPAND_NAME_BYTES];
        int r;

        r = expand_text(node->written, CONFIG_BYTES_MAX, &expanded, name);
        if (r < 0)
                return error_trace(r);
        if (r && node->key)
                fault_in(loader->fault, node->key, -1);
        if (r == EXPAND_E_UNSET)
                return refuse(loader, mark, "CONFIG_UNSET_VARIABLE",
                              "environment variable %s is not set; set it, or write ${%s:-default}", name, name);
        if (r == EXPAND_E_TOO_LONG)
                return refuse(loader, mark, "CONFIG_TOO_LARGE", "the expanded value has more than %d bytes",
                              CONFIG_BYTES_MAX);
        if (r)
                return refuse(loader, mark, "CONFIG_BAD_VARIABLE",
                              "${%s is no variable; write ${NAME} or ${NAME:-default}, or $${ for the characters",
                              name);
        node->text = strdup(buffer_text(&expanded));
        if (!node->text)
                return error_origin(-ENOMEM, "expanding %s", node->written);
        node->is_expanded = strcmp(node->text, node->written) != 0;
        return 0;
}

static int on_scalar(struct loader *loader, struct fy_event *event) {
        struct fy_token *token = event->scalar.value;
        const struct fy_mark *mark = fy_event_start_mark(event);
        bool is_plain = !token || fy_scalar_token_get_style(token) == FYSS_PLAIN;
        struct config_node *node;
        int r;

        if (loader->open && loader->open->kind == CONFIG_KIND_MAP && !loader->key) {
                loader->key_line = mark ? mark->line + 1 : loader->open->line;
                loader->key_position = mark ? mark->column + 1 : loader->open->position;
                return error_trace(copy_text(loader, token, mark, &loader->key));
        }
        r = add_node(loader, CONFIG_KIND_TEXT, mark, &node);
        if (r)
                return error_trace(r);
        r = copy_text(loader, token, mark, &node->written);
        if (r)
                return error_trace(r);
        if (loader->mode == CONFIG_EXPAND) {
                r = expand_node(loader, node, mark);
                if (r)
                        return error_trace(r);
        } else {
                node->text = node->written;
        }
        if (is_plain)
                config_node_type(node);
        return 0;
}

static int on_open(struct loader *loader, enum config_kind kind, const struct fy_mark *mark) {
        struct config_node *node;
        int r;

        if (loader->open && loader->open->kind == CONFIG_KIND_MAP && !loader->key)
                return refuse(loader, mark, "CONFIG_MALFORMED", "a key must be a plain word, not a map or list");
        if (loader->depth == CONFIG_DEPTH_MAX)
                return refuse(loader, mark, "CONFIG_TOO_LARGE", "more than %d levels", CONFIG_DEPTH_MAX);
        r = add_node(loader, kind, mark, &node);
        if (r)
                return error_trace(r);
        loader->open = node;
        loader->depth++;
        return 0;
}

static int compare_keys(const void *a, const void *b) {
        const struct config_node *one = *(const struct config_node *const *)a;
        const struct config_node *other = *(const struct config_node *const *)b;
        int order = strcmp(one->key, other->key);

        if (order)
                return order;
        return one->key_line != other->key_line
                       ? (one->key_line > other->key_line) - (one->key_line < other->key_line)
                       : (one->key_position > other->key_position) - (one->key_position < other->key_position);
}

static int check_duplicates(struct loader *loader, const struct config_node *map) {
        _cleanup_(free_pointer) const struct config_node **members = NULL;
        size_t n = 0;

        if (map->n_children < 2)
                return 0;
        members = calloc(map->n_children, sizeof(struct config_node *));
        if (!members)
                return error_origin(-ENOMEM, "reading %s", loader->config->name);
        for (const struct config_node *member = map->first; member; member = member->next)
                members[n++] = member;
        qsort(members, n, sizeof(struct config_node *), compare_keys);
        for (size_t i = 1; i < n; i++) {
                struct fy_mark mark = { .line = (int)members[i]->key_line - 1,
                                        .column = (int)members[i]->key_position - 1 };

                if (strcmp(members[i - 1]->key, members[i]->key))
                        continue;
                fault_in(loader->fault, members[i]->key, -1);
                return refuse(loader, &mark, "CONFIG_DUPLICATE_KEY",
                              "this key is in line %" PRId64 " already; remove one", members[i - 1]->key_line);
        }
        return 0;
}

static int on_close(struct loader *loader) {
        struct config_node *node = loader->open;

        assert(node);
        loader->open = node->parent;
        loader->depth--;
        return node->kind == CONFIG_KIND_MAP ? error_trace(check_duplicates(loader, node)) : 0;
}

static int on_event(struct loader *loader, struct fy_event *event) {
        const struct fy_mark *mark = fy_event_start_mark(event);
        struct fy_token *anchor = fy_event_get_anchor_token(event), *tag = fy_event_get_tag_token(event);

        if (event->type == FYET_ALIAS || anchor)
                return refuse(loader, mark, "CONFIG_UNSUPPORTED",
                              "anchors (&name) and aliases (*name) are not supported; write the value out");
        if (tag)
                return refuse(loader, mark, "CONFIG_UNSUPPORTED",
                              "tags (!name) are not supported; put a text in quotes instead");
        switch (event->type) {
        case FYET_DOCUMENT_START:
                if (loader->n_documents++)
                        return refuse(loader, mark, "CONFIG_UNSUPPORTED", "more than one document in a file");
                return 0;
        case FYET_SCALAR:
                return on_scalar(loader, event);
        case FYET_MAPPING_START:
                return on_open(loader, CONFIG_KIND_MAP, mark);
        case FYET_SEQUENCE_START:
                return on_open(loader, CONFIG_KIND_LIST, mark);
        case FYET_MAPPING_END:
        case FYET_SEQUENCE_END:
                return on_close(loader);
        default:
                return 0;
        }
}

/* libfyaml lets some bytes pass that are no UTF-8. */
static int check_characters(struct loader *loader) {
        const struct buffer *bytes = &loader->config->bytes;
        const char *text = buffer_text(bytes);
        struct fy_mark mark = { 0 };

        for (size_t i = 0, n; i < bytes->n_bytes; i += n) {
                n = utf8_character_bytes(text + i, bytes->n_bytes - i);
                if (!n || !text[i])
                        return refuse(loader, &mark, "CONFIG_MALFORMED", "byte 0x%02x here is no UTF-8 text",
                                      (unsigned char)text[i]);
                mark.column = text[i] == '\n' ? 0 : mark.column + 1;
                mark.line += text[i] == '\n';
        }
        return 0;
}

static int load_events(struct loader *loader) {
        struct fy_event *event;
        int r = 0;

        while (!r && (event = fy_parser_parse(loader->parser))) {
                r = on_event(loader, event);
                fy_parser_event_free(loader->parser, event);
        }
        if (r)
                return error_trace(r);
        if (fy_parser_get_stream_error(loader->parser))
                return refuse_malformed(loader);
        if (!loader->config->root)
                return refuse(loader, NULL, "CONFIG_EMPTY", "the file has no content");
        return 0;
}

/* Takes the bytes, also on failure. */
static int load(const char *name, struct buffer *bytes, enum config_mode mode, struct fault *fault,
                struct config **ret_config) {
        struct fy_parse_cfg settings = { .flags = FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE };
        struct fy_diag_cfg quiet;
        _cleanup_(config_destroy_pointer) struct config *config = calloc(1, sizeof(*config));
        _cleanup_(diagnostics_destroy_pointer) struct fy_diag *diagnostics = NULL;
        _cleanup_(parser_destroy_pointer) struct fy_parser *parser = NULL;
        struct loader loader = { .config = config, .mode = mode, .fault = fault };
        int r;

        if (!config) {
                buffer_finish(bytes);
                return error_origin(-ENOMEM, "loading %s", name);
        }
        config->bytes = *bytes;
        *bytes = (struct buffer)BUFFER_NULL;
        config->name = strdup(name);
        fy_diag_cfg_default(&quiet);
        quiet.fp = NULL;
        loader.diagnostics = settings.diag = diagnostics = fy_diag_create(&quiet);
        if (!config->name || !diagnostics)
                return error_origin(-ENOMEM, "loading %s", name);
        fy_diag_set_collect_errors(diagnostics, true);
        loader.parser = parser = fy_parser_create(&settings);
        if (!parser)
                return error_origin(-ENOMEM, "loading %s", name);
        if (config->bytes.n_bytes > CONFIG_BYTES_MAX)
                return refuse(&loader, NULL, "CONFIG_TOO_LARGE", "more than %d bytes", CONFIG_BYTES_MAX);
        if (!config->bytes.n_bytes)
                return refuse(&loader, NULL, "CONFIG_EMPTY", "the file has no content");
        r = check_characters(&loader);
        if (r)
                return r;
        if (fy_parser_set_string(parser, buffer_text(&config->bytes), config->bytes.n_bytes))
                return error_origin(-ENOMEM, "loading %s", name);
        r = load_events(&loader);
        free(loader.key);
        if (r)
                return error_trace(r);
        *ret_config = steal(config);
        return 0;
}

int config_load(const char *path, enum config_mode mode, struct fault *fault, struct config **ret_config) {
        _cleanup_(buffer_finish) struct buffer bytes = BUFFER_NULL;
        int r;

        r = file_read(path, CONFIG_BYTES_MAX, &bytes);
        if (r == -ENOMEM)
                return error_trace(r);
        if (r) {
                fault_at(fault, path, 0, 0);
                if (r == -EFBIG)
                        return fault_set(fault, "CONFIG_TOO_LARGE", "more than %d bytes", CONFIG_BYTES_MAX);
                return fault_set(fault, "CONFIG_UNREADABLE", "cannot read the file: %s", strerror(-r));
        }
        return error_trace(load(path, &bytes, mode, fault, ret_config));
}

int config_parse(const char *name, const void *bytes, size_t n_bytes, enum config_mode mode, struct fault *fault,
                 struct config **ret_config) {
        _cleanup_(buffer_finish) struct buffer copy = BUFFER_NULL;
        int r;

        r = buffer_append(&copy, bytes, n_bytes);
        if (r)
                return error_trace(r);
        return error_trace(load(name, &copy, mode, fault, ret_config));
}

struct config *config_destroy(struct config *config) {
        struct config_node *node;

        if (!config)
                return NULL;
        while ((node = config->allocated)) {
                config->allocated = node->allocated;
                free(node->key);
                if (node->written != node->text)
                        free(node->written);
                free(node->text);
                free(node);
        }
        buffer_finish(&config->bytes);
        free(config->name);
        free(config);
        return NULL;
}

void config_destroy_pointer(struct config **config) {
        *config = config_destroy(*config);
}

const void *config_bytes(const struct config *config, size_t *ret_n_bytes) {
        *ret_n_bytes = config->bytes.n_bytes;
        return config->bytes.data;
}

const struct config_node *config_root(const struct config *config) {
        return config->root;
}
