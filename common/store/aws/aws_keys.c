/* Keys: copied, and wiped when they are given up. */

#include "common/store/aws/aws_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"

enum {
        SHOWN_BYTES = 12,
};

void aws_secret_free(char **secret) {
        if (*secret)
                explicit_bzero(*secret, strlen(*secret));
        free(*secret);
        *secret = NULL;
}

bool aws_secret_is_sound(const char *secret) {
        for (const char *at = secret; *at; at++)
                if (*at <= ' ' || *at > '~')
                        return false;
        return *secret;
}

bool aws_secret_shows(const char *secret, const char *text) {
        char window[SHOWN_BYTES + 1];
        size_t n = secret ? strlen(secret) : 0;
        bool is_shown = false;

        if (n <= SHOWN_BYTES)
                return n && strstr(text, secret);
        for (size_t i = 0; i + SHOWN_BYTES <= n && !is_shown; i++) {
                memcpy(window, secret + i, SHOWN_BYTES);
                window[SHOWN_BYTES] = 0;
                is_shown = strstr(text, window);
        }
        explicit_bzero(window, sizeof(window));
        return is_shown;
}

bool aws_keys_show(const struct aws_keys *keys, const char *text) {
        return aws_secret_shows(keys->secret_key, text) || aws_secret_shows(keys->session_token, text);
}

void aws_keys_finish(struct aws_keys *keys) {
        aws_secret_free(&keys->access_key);
        aws_secret_free(&keys->secret_key);
        aws_secret_free(&keys->session_token);
        *keys = (struct aws_keys)AWS_KEYS_NULL;
}

int aws_keys_init(struct aws_keys *ret_keys, const char *access_key, const char *secret_key,
                  const char *session_token) {
        struct aws_keys keys = AWS_KEYS_NULL;
        bool has_token = session_token && *session_token;

        keys.access_key = strdup(access_key);
        keys.secret_key = strdup(secret_key);
        if (has_token)
                keys.session_token = strdup(session_token);
        if (!keys.access_key || !keys.secret_key || (has_token && !keys.session_token)) {
                aws_keys_finish(&keys);
                return error_origin(-ENOMEM, "copying keys");
        }
        *ret_keys = keys;
        return 0;
}

int aws_keys_copy(const struct aws_keys *keys, struct aws_keys *ret_keys) {
        int r;

        r = aws_keys_init(ret_keys, keys->access_key, keys->secret_key, keys->session_token);
        if (r)
                return error_trace(r);
        ret_keys->expires_at_ms = keys->expires_at_ms;
        ret_keys->generation = keys->generation;
        return 0;
}
