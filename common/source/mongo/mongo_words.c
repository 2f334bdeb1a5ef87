/* Mongo words: what a URI keeps to itself, and foreign sentences without it. */

#include "common/source/mongo/mongo_words.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"

enum {
        SECRETS_MAX = 16,
        SECRET_BYTES_MIN = 4, /* what is shorter may stand in any sentence by chance */
};

/* What a URI keeps to itself: user, password, and the values of options that may hold a token or the password of a key.
 * As they stand there, and decoded. */
struct secrets {
        char *texts[SECRETS_MAX];
        size_t n_texts;
};

static void secrets_finish(struct secrets *secrets) {
        for (size_t i = 0; i < secrets->n_texts; i++)
                free(secrets->texts[i]);
}

static int hex_digit(char digit) {
        return digit >= '0' && digit <= '9'     ? digit - '0'
               : isxdigit((unsigned char)digit) ? (digit | 0x20) - 'a' + 10
                                                : -1;
}

static void decode(char *text) {
        char *to = text;

        for (const char *at = text; *at; at++) {
                if (at[0] == '%' && hex_digit(at[1]) >= 0 && hex_digit(at[2]) >= 0) {
                        *to++ = (char)(hex_digit(at[1]) * 16 + hex_digit(at[2]));
                        at += 2;
                } else {
                        *to++ = *at;
                }
        }
        *to = '\0';
}

static void add_secret(struct secrets *secrets, const char *text, size_t n_bytes) {
        for (int is_decoded = 0; is_decoded < 2 && n_bytes && secrets->n_texts < SECRETS_MAX; is_decoded++) {
                char *copy = strndup(text, n_bytes);

                if (!copy)
                        return;
                if (is_decoded)
                        decode(copy);
                secrets->texts[secrets->n_texts++] = copy;
        }
}

/* NAME:VALUE,NAME:VALUE, of which each value may be told by itself. */
static void add_properties(struct secrets *secrets, const char *value) {
        while (value[strcspn(value, ":&")] == ':') {
                value += strcspn(value, ":") + 1;
                add_secret(secrets, value, strcspn(value, "&,"));
                value += strcspn(value, "&,");
        }
}

static void find_secrets(const char *uri, struct secrets *ret_secrets) {
        static const char *const options[] = { "authmechanismproperties=", "tlscertificatekeyfilepassword=",
                                               "sslclientcertificatekeypassword=" };
        const char *at = strstr(uri, "://"), *end, *sign, *colon;

        *ret_secrets = (struct secrets){ 0 };
        if (!at)
                return;
        at += 3;
        end = at + strcspn(at, "/?");
        sign = memrchr(at, '@', (size_t)(end - at));
        if (sign) {
                colon = memchr(at, ':', (size_t)(sign - at));
                if (colon)
                        add_secret(ret_secrets, colon + 1, (size_t)(sign - colon - 1));
                add_secret(ret_secrets, at, (size_t)((colon ? colon : sign) - at));
        }
        for (size_t i = 0; i < N_ELEMENTS(options); i++) {
                const char *value = strcasestr(end, options[i]);

                if (!value)
                        continue;
                value += strlen(options[i]);
                add_secret(ret_secrets, value, strcspn(value, "&"));
                add_properties(ret_secrets, value);
        }
}

char *mongo_words(const char *uri, const char *words, char ret_words[MONGO_WORDS_BYTES]) {
        _cleanup_(secrets_finish) struct secrets secrets = { 0 };

        snprintf(ret_words, MONGO_WORDS_BYTES, "%s", words);
        find_secrets(uri, &secrets);
        for (size_t i = 0; i < secrets.n_texts; i++) {
                const char *secret = secrets.texts[i];
                size_t n = strlen(secret);
                char *at;

                if (n < SECRET_BYTES_MIN && n && strstr(ret_words, secret)) {
                        strcpy(ret_words,
                               "its words are left out, since they repeat a part of the URI's user or password");
                        return ret_words;
                }
                while (n >= SECRET_BYTES_MIN && (at = strstr(ret_words, secret))) {
                        memset(at, '*', 3);
                        memmove(at + 3, at + n, strlen(at + n) + 1);
                }
        }
        return ret_words;
}
