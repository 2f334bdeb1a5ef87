#pragma once

/*
 * Keys
 *
 * One set of AWS keys. They live in memory only: no line of a log, no argument list and no file of ours ever holds the
 * secret key or the session token, and the memory is wiped when it is given up.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/cleanup.h"

struct aws_keys {
        char *access_key;
        char *secret_key;
        char *session_token;   /* NULL: the keys are not temporary */
        int64_t expires_at_ms; /* since 1970; 0: never */
        uint64_t generation;   /* counts what one struct aws_credentials has handed out; 0: from elsewhere */
};

#define AWS_KEYS_NULL \
        { 0 }

/* Wipes what is held. */
void aws_keys_finish(struct aws_keys *keys);

/* Both texts are copied; session_token may be NULL or "". 0 or -ENOMEM. ret_keys holds nothing before. */
int aws_keys_init(struct aws_keys *ret_keys, const char *access_key, const char *secret_key, const char *session_token);
int aws_keys_copy(const struct aws_keys *keys, struct aws_keys *ret_keys);

/* Wipes and frees a text; for `_cleanup_` around anything secret. */
void aws_secret_free(char **secret);

/* True for what a header can carry: printable ASCII without spaces, not empty. */
bool aws_secret_is_sound(const char *secret);

/* True when the text holds a dozen letters of the secret in a row, or all of a shorter one: such a text is not shown to
 * anybody. secret may be NULL. */
bool aws_secret_shows(const char *secret, const char *text);

/* The same for the secret key and the session token. */
bool aws_keys_show(const struct aws_keys *keys, const char *text);
