/* Settings: read from argv, written as a tree. */

#include "cli/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/json.h"
#include "common/store/http.h"

static int refuse(const struct setting *setting, struct fault *fault, const char *sentence) {
        fault_in(fault, "--set", -1);
        return fault_set(fault, "OPTION_VALUE", "%.*s: %s", (int)(setting->n_name < 128 ? setting->n_name : 128),
                         setting->name, sentence);
}

static int add(struct settings *settings, const char *text, struct fault *fault) {
        const char *equals = text ? strchr(text, '=') : NULL;

        if (!equals || equals == text) {
                fault_in(fault, "--set", -1);
                return fault_set(fault, "OPTION_VALUE", "expected NAME=VALUE, got \"%.64s\"", text ? text : "");
        }
        settings->items[settings->n_items++] = (struct setting){ .name = text,
                                                                 .n_name = (size_t)(equals - text),
                                                                 .value = equals + 1 };
        return 0;
}

int settings_take(int *argc, char **argv, struct settings *ret_settings, struct fault *fault) {
        _cleanup_(settings_finish) struct settings settings = SETTINGS_NULL;
        int n_kept = 0, r = 0;

        settings.items = calloc((size_t)*argc + 1, sizeof(*settings.items));
        if (!settings.items)
                return error_origin(-ENOMEM, "reading --set");
        for (int i = 0; i < *argc && !r; i++) {
                if (!strcmp(argv[i], "--")) {
                        while (i < *argc)
                                argv[n_kept++] = argv[i++];
                } else if (!strcmp(argv[i], "--set")) {
                        i++;
                        r = add(&settings, i < *argc ? argv[i] : NULL, fault);
                } else if (!strncmp(argv[i], "--set=", 6)) {
                        r = add(&settings, argv[i] + 6, fault);
                } else {
                        argv[n_kept++] = argv[i];
                }
        }
        if (r)
                return r;
        *argc = n_kept;
        argv[n_kept] = NULL;
        *ret_settings = settings;
        settings = (struct settings)SETTINGS_NULL;
        return 0;
}

void settings_finish(struct settings *settings) {
        free(settings->items);
        *settings = (struct settings)SETTINGS_NULL;
}

static void put_value(const char *text, struct json_builder *json) {
        _cleanup_(json_destroy_pointer) struct json *document = NULL;
        struct fault ignored = FAULT_NULL;
        enum json_kind kind = JSON_KIND_NONE;

        if (!json_parse(text, strlen(text), &ignored, &document))
                kind = json_kind(json_root(document));
        if (kind == JSON_KIND_NONE || kind == JSON_KIND_TEXT || kind == JSON_KIND_ARRAY || kind == JSON_KIND_OBJECT)
                json_put_text(json, text);
        else
                json_put_value(json, json_root(document));
}

static size_t segment_bytes(const struct setting *setting, size_t depth) {
        const char *end = memchr(setting->name + depth, '.', setting->n_name - depth);

        return end ? (size_t)(end - setting->name) - depth : setting->n_name - depth;
}

/* True when both share the first n_bytes, and a path's part ends there in b. */
static bool shares(const struct setting *a, const struct setting *b, size_t n_bytes) {
        return b->n_name >= n_bytes && !memcmp(a->name, b->name, n_bytes) &&
               (b->n_name == n_bytes || b->name[n_bytes] == '.');
}

/* Writes what stands below the first `depth` bytes of the model's name, `depth` being 0 or just behind a dot. */
static int put_level(const struct settings *settings, const struct setting *model, size_t depth,
                     struct json_builder *json, struct fault *fault) {
        int r = 0;

        json_begin_object(json);
        for (size_t i = 0; i < settings->n_items && !r; i++) {
                const struct setting *item = &settings->items[i];
                size_t n_same = 0, n_leaves = 0, n_before = 0, end;

                if (depth && (item->n_name < depth || memcmp(item->name, model->name, depth)))
                        continue;
                end = depth + segment_bytes(item, depth);
                for (size_t k = 0; k < settings->n_items; k++) {
                        if (!shares(item, &settings->items[k], end))
                                continue;
                        n_same++;
                        n_leaves += settings->items[k].n_name == end;
                        n_before += k < i;
                }
                if (n_leaves && n_same > 1)
                        return refuse(item, fault, "is set twice, or is part of another name");
                if (end == depth)
                        return refuse(item, fault, "a part of the name is empty");
                if (n_before)
                        continue;
                json_key_n(json, item->name + depth, end - depth);
                if (n_leaves)
                        put_value(item->value, json);
                else
                        r = put_level(settings, item, end + 1, json, fault);
        }
        json_end_object(json);
        return r;
}

int settings_put_json(const struct settings *settings, struct json_builder *json, struct fault *fault) {
        return put_level(settings, NULL, 0, json, fault);
}

int settings_put_form(const struct settings *settings, struct buffer *form) {
        int r = 0;

        for (size_t i = 0; i < settings->n_items && !r; i++) {
                const struct setting *item = &settings->items[i];

                if (i)
                        r = buffer_append(form, "&", 1);
                if (!r)
                        r = http_escape(item->name, item->n_name, form);
                if (!r)
                        r = buffer_append(form, "=", 1);
                if (!r)
                        r = http_escape(item->value, strlen(item->value), form);
        }
        return error_trace(r);
}
