/* Signing key: derived from the secret key, wiped with it. */

#include "common/store/aws/aws_sign_key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/store/aws/aws_sign.h"
#include "common/store/aws/aws_time.h"

/* what every scope ends in */
#define END "aws4_request"

char *aws_sign_scope(const struct aws_scope *scope, const char *date) {
        char *text;

        return asprintf(&text, "%.*s/%s/%s/" END, AWS_TIME_DAY_BYTES, date, scope->region, scope->service) < 0 ? NULL
                                                                                                               : text;
}

int aws_sign_key_init(struct aws_sign_key *ret_key, const struct aws_scope *scope, const char *date,
                      const struct aws_keys *keys) {
        _cleanup_(aws_secret_free) char *first = NULL;
        const struct {
                const char *text;
                size_t n_bytes;
        } steps[] = {
                { scope->region, strlen(scope->region) },
                { scope->service, strlen(scope->service) },
                { END, strlen(END) },
        };
        int r;

        if (asprintf(&first, "AWS4%s", keys->secret_key) < 0) {
                first = NULL;
                return error_origin(-ENOMEM, "deriving a signing key");
        }
        r = digest_hmac_sha256(first, strlen(first), date, AWS_TIME_DAY_BYTES, ret_key->mac);
        for (size_t i = 0; i < N_ELEMENTS(steps) && !r; i++)
                r = digest_hmac_sha256(ret_key->mac, sizeof(ret_key->mac), steps[i].text, steps[i].n_bytes,
                                       ret_key->mac);
        if (r)
                aws_sign_key_finish(ret_key);
        return error_trace(r);
}

void aws_sign_key_finish(struct aws_sign_key *key) {
        explicit_bzero(key, sizeof(*key));
}

int aws_sign_key_use(const struct aws_sign_key *key, const char *text, size_t n_bytes,
                     char ret_hex[DIGEST_SHA256_BYTES]) {
        uint8_t mac[DIGEST_MAC_BYTES];
        int r;

        r = digest_hmac_sha256(key->mac, sizeof(key->mac), text, n_bytes, mac);
        if (r)
                return error_trace(r);
        for (size_t i = 0; i < sizeof(mac); i++)
                snprintf(ret_hex + 2 * i, 3, "%02x", mac[i]);
        return 0;
}
