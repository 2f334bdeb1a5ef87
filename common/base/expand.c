/* Variables in text: one pass by recursive descent; a default that is not chosen is parsed too, and dropped. */

#include "common/base/expand.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"

struct expansion {
        const char *at;
        size_t n_max;
        unsigned depth;
        char *name;
};

static bool is_name_start(char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static size_t name_length(const char *at) {
        size_t n = 0;

        while (is_name_start(at[n]) || (n && at[n] >= '0' && at[n] <= '9'))
                n++;
        return n;
}

static int append(struct expansion *expansion, const char *bytes, size_t n_bytes, struct buffer *expanded) {
        if (!expanded)
                return 0;
        if (n_bytes > expansion->n_max - expanded->n_bytes)
                return EXPAND_E_TOO_LONG;
        return error_trace(buffer_append(expanded, bytes, n_bytes));
}

static int expand(struct expansion *expansion, struct buffer *expanded);

/* at is behind "${". */
static int expand_variable(struct expansion *expansion, struct buffer *expanded) {
        size_t n_name = name_length(expansion->at);
        char name[EXPAND_NAME_BYTES];
        const char *value;
        bool is_set;
        int r;

        snprintf(name, sizeof(name), "%.*s", n_name ? (int)n_name : 32, expansion->at);
        snprintf(expansion->name, EXPAND_NAME_BYTES, "%s", name);
        if (!n_name || n_name >= sizeof(name))
                return EXPAND_E_MALFORMED;
        value = getenv(name);
        expansion->at += n_name;
        if (*expansion->at == '}') {
                expansion->at++;
                if (value)
                        return append(expansion, value, strlen(value), expanded);
                return expanded ? EXPAND_E_UNSET : 0;
        }
        if (strncmp(expansion->at, ":-", 2) || expansion->depth == EXPAND_DEPTH_MAX)
                return EXPAND_E_MALFORMED;
        expansion->at += 2;
        is_set = value && *value;
        if (is_set) {
                r = append(expansion, value, strlen(value), expanded);
                if (r)
                        return r;
        }
        expansion->depth++;
        r = expand(expansion, is_set ? NULL : expanded);
        if (r)
                return r;
        expansion->depth--;
        if (*expansion->at != '}') {
                snprintf(expansion->name, EXPAND_NAME_BYTES, "%s", name);
                return EXPAND_E_MALFORMED;
        }
        expansion->at++;
        return 0;
}

/* Up to the end of the text or, within a default, up to the brace that ends it. */
static int expand(struct expansion *expansion, struct buffer *expanded) {
        unsigned n_open = 0;
        int r;

        while (*expansion->at) {
                const char *at = expansion->at;

                if (!strncmp(at, "${", 2)) {
                        expansion->at += 2;
                        r = expand_variable(expansion, expanded);
                        if (r)
                                return r;
                        continue;
                }
                if (!strncmp(at, "$${", 3)) {
                        n_open++;
                        expansion->at += 3;
                        r = append(expansion, "${", 2, expanded);
                } else {
                        if (*at == '{')
                                n_open++;
                        else if (*at == '}' && n_open)
                                n_open--;
                        else if (*at == '}' && expansion->depth)
                                return 0;
                        expansion->at++;
                        r = append(expansion, at, 1, expanded);
                }
                if (r)
                        return r;
        }
        return 0;
}

int expand_text(const char *text, size_t n_max, struct buffer *expanded, char ret_name[EXPAND_NAME_BYTES]) {
        char name[EXPAND_NAME_BYTES] = "";
        struct expansion expansion = { .at = text, .n_max = expanded->n_bytes + n_max, .name = name };
        int r = expand(&expansion, expanded);

        if (r > 0)
                memcpy(ret_name, name, sizeof(name));
        return r;
}
