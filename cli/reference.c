/* Reference: parsed, then looked up. */

#include "cli/reference.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/place.h"
#include "common/base/error.h"

static int refuse(const char *text, struct fault *fault) {
        return fault_set(fault, "REFERENCE_INVALID",
                         "\"%.64s\" names no version; write NAME@champion, NAME@3, an alias or a number", text);
}

/* 1 … 10^15, or 0. "v3" is what people type for 3, and no alias may be called so. */
static int64_t read_version(const char *text) {
        int64_t version = 0;

        if ((*text == 'v' || *text == 'V') && text[1])
                text++;
        if (strlen(text) > 15 || strspn(text, "0123456789") != strlen(text))
                return 0;
        for (; *text; text++)
                version = version * 10 + (*text - '0');
        return version;
}

int reference_parse(const char *text, const char *model, struct reference *ret_reference, struct fault *fault) {
        struct reference reference = { 0 };
        const char *at = text ? strchr(text, '@') : NULL, *which = at ? at + 1 : text;
        size_t n_model = at ? (size_t)(at - text) : strlen(model);

        if (!which)
                which = ALIASES_CHAMPION;
        if (n_model >= sizeof(reference.model))
                return refuse(text, fault);
        memcpy(reference.model, at ? text : model, n_model);
        reference.version = read_version(which);
        if (!reference.version) {
                if (!alias_is_valid(which))
                        return refuse(text, fault);
                snprintf(reference.alias, sizeof(reference.alias), "%s", which);
        }
        if (!registry_model_is_valid(reference.model))
                return refuse(text, fault);
        *ret_reference = reference;
        return 0;
}

static int refuse_alias(const struct reference *reference, const struct aliases *aliases, struct fault *fault) {
        char known[256] = "";

        for (size_t i = 0; i < aliases->n_aliases; i++)
                if (aliases->aliases[i].version != ALIASES_NONE) {
                        strncat(known, *known ? ", " : "", sizeof(known) - strlen(known) - 1);
                        strncat(known, aliases->aliases[i].name, sizeof(known) - strlen(known) - 1);
                }
        if (!*known)
                return fault_set(fault, "VERSION_UNKNOWN",
                                 "the registry holds no version of %s yet; `convoy train` makes one", reference->model);
        return fault_set(fault, "VERSION_UNKNOWN", "%s has no alias %s; there is %s", reference->model,
                         reference->alias, known);
}

int reference_resolve(const struct reference *reference, struct registry *registry, int64_t *ret_version,
                      struct fault *fault) {
        _cleanup_(free_pointer) struct aliases *aliases = calloc(1, sizeof(*aliases));
        int64_t version = reference->version;
        int r;

        if (!aliases)
                return error_origin(-ENOMEM, "looking up a version");
        if (!version) {
                r = registry_read_aliases(registry, aliases);
                if (r)
                        return r < 0 ? error_trace(r)
                                     : fault_set(fault, "REGISTRY_UNREADABLE",
                                                 "the aliases of %s cannot be read; the log above says why",
                                                 reference->model);
                version = aliases_find(aliases, reference->alias);
        }
        if (version == ALIASES_NONE)
                return refuse_alias(reference, aliases, fault);
        *ret_version = version;
        return 0;
}

int reference_open(const struct pipeline *pipeline, const char *home, const char *text, struct store **ret_store,
                   struct registry *ret_registry, int64_t *ret_number, struct fault *fault) {
        _cleanup_(store_close_pointer) struct store *store = NULL;
        struct reference reference;
        int r;

        r = reference_parse(text, pipeline->parameters.name, &reference, fault);
        if (!r)
                r = place_open_store(home, pipeline, pipeline->registry_uri, &store, fault);
        if (!r)
                r = registry_init(ret_registry, store, reference.model);
        if (!r)
                r = reference_resolve(&reference, ret_registry, ret_number, fault);
        if (!r)
                *ret_store = steal(store);
        return r;
}
