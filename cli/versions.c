/* Versions: one line a version, from GET /models, page by page. */

#include "cli/versions.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "common/base/json_builder.h"

enum {
        PATH_BYTES = 64,
        ALIASES_TEXT_BYTES = 256,
};

/* "champion, previous" */
static void aliases_of(const struct json_value *model, int64_t version, char text[ALIASES_TEXT_BYTES]) {
        struct json_object_iterator iterator = json_iterate_object(json_get(model, "aliases"));
        const struct json_value *value;
        const char *name;
        size_t n_name, n = 0;
        int64_t number;

        text[0] = 0;
        while (json_next_member(&iterator, &name, &n_name, &value))
                if (json_as_int64(value, &number) && number == version && n < ALIASES_TEXT_BYTES)
                        n += (size_t)snprintf(text + n, ALIASES_TEXT_BYTES - n, "%s%s", n ? ", " : "", name);
}

static void print_version(const struct json_value *model, const struct json_value *version) {
        const struct json_value *metrics = json_get(version, "metrics");
        const char *run = json_text(json_get(version, "run_id")), *at = json_text(json_get(version, "created_at"));
        char aliases[ALIASES_TEXT_BYTES], f1[32] = "", auc[32] = "";
        int64_t number = 0;
        double value;

        json_as_int64(json_get(version, "version"), &number);
        aliases_of(model, number, aliases);
        if (json_as_double(json_get(metrics, "f1"), &value))
                snprintf(f1, sizeof(f1), "%.4f", value);
        if (json_as_double(json_get(metrics, "auc"), &value))
                snprintf(auc, sizeof(auc), "%.4f", value);
        printf("%7" PRId64 "  %-24s  %6s  %6s  %-36s  %s\n", number, at ? at : "", f1, auc, run ? run : "", aliases);
}

/* The model of a page. */
static const struct json_value *model_of(const struct json_value *page) {
        struct json_array_iterator iterator = json_iterate_array(json_get(page, "models"));
        const struct json_value *model = NULL;

        json_next_element(&iterator, &model);
        return model;
}

/* The versions of this page and of all that follow: into the list, or printed when there is none. */
static int list_versions(struct client *client, const struct json_value *first, struct json_builder *all) {
        _cleanup_(json_destroy_pointer) struct json *document = NULL;
        const struct json_value *page = first, *version;
        struct json_array_iterator iterator;
        char path[PATH_BYTES];
        const char *next;
        int r;

        for (;;) {
                iterator = json_iterate_array(json_get(model_of(page), "versions"));
                while (json_next_element(&iterator, &version)) {
                        if (all)
                                json_put_value(all, version);
                        else
                                print_version(model_of(first), version);
                }
                next = json_text(json_get(page, "next"));
                if (!next)
                        return COMMAND_DONE;
                snprintf(path, sizeof(path), "/models?before=%.32s", next);
                document = json_destroy(document);
                r = client_get(client, path, &document);
                if (r)
                        return r;
                page = json_root(document);
        }
}

static int print_json(struct client *client, const struct json_value *first) {
        struct json_object_iterator iterator = json_iterate_object(model_of(first));
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct json_builder all = json_begin(&text, JSON_PRETTY);
        const struct json_value *value;
        const char *key;
        size_t n_key;
        int r;

        json_begin_object(&all);
        json_key(&all, "models");
        json_begin_array(&all);
        json_begin_object(&all);
        while (json_next_member(&iterator, &key, &n_key, &value)) {
                json_key_n(&all, key, n_key);
                if (strcmp(key, "versions") != 0) {
                        json_put_value(&all, value);
                        continue;
                }
                json_begin_array(&all);
                r = list_versions(client, first, &all);
                if (r)
                        return r;
                json_end_array(&all);
        }
        json_end_object(&all);
        json_end_array(&all);
        json_end_object(&all);
        if (json_end(&all))
                return command_fail("out of memory");
        fputs(buffer_text(&text), stdout);
        return COMMAND_DONE;
}

static void print_rollback(const char *what, const struct json_value *rollback) {
        const char *reason = json_text(json_get(rollback, "reason")), *error = json_text(json_get(rollback, "error"));
        int64_t from = 0, to = 0;

        json_as_int64(json_get(rollback, "from"), &from);
        json_as_int64(json_get(rollback, "to"), &to);
        printf("%s: rollback from version %" PRId64 " to %" PRId64 "%s%s%s%s%s\n", what, from, to,
               reason && *reason ? " (" : "", reason && *reason ? reason : "", reason && *reason ? ")" : "",
               error ? "; " : "", error ? error : "");
}

void versions_print_news(const struct json_value *model) {
        struct json_array_iterator iterator = json_iterate_array(json_get(model, "pending"));
        const char *registry = json_text(json_get(model, "registry"));
        const struct json_value *rollback;

        if (registry)
                printf("the registry is %s; this is what is known without it\n", registry);
        while (json_next_element(&iterator, &rollback))
                print_rollback("not recorded yet", rollback);
        if (json_get(model, "dropped"))
                print_rollback("dropped", json_get(model, "dropped"));
}

int versions_print(struct client *client, const struct json_value *first, bool is_json) {
        const struct json_value *model = model_of(first);
        const char *name = json_text(json_get(model, "name"));
        bool is_pinned = false;
        int r;

        if (is_json)
                return print_json(client, first);
        printf("%s\n%7s  %-24s  %6s  %6s  %-36s  %s\n", name ? name : "", "VERSION", "CREATED", "F1", "AUC", "RUN",
               "ALIASES");
        r = list_versions(client, first, NULL);
        if (r)
                return r;
        if (json_as_bool(json_get(model, "pinned"), &is_pinned) && is_pinned)
                printf("the champion is pinned: accepted models become challengers until `convoy models unpin`\n");
        versions_print_news(model);
        return COMMAND_DONE;
}
