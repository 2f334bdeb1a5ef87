#pragma once

/*
 * Search for keys
 *
 * What the providers share: where they may look, and the sentence in which each says what came of it. Internal to
 * aws_credentials. A provider returns
 *      0                keys
 *      AWS_E_ABSENT     it is not configured; the next may be asked
 *      -EACCES          it is configured, and refused or wrongly configured
 *      -EHOSTUNREACH    it is configured, and gives no answer that could be used; later it may
 *      -ENOMEM
 * and, unless it is -ENOMEM, has written its sentence. No sentence ever holds a secret, nor what a server said where
 * that shows one.
 */

#include "common/store/aws/aws_clock.h"
#include "common/store/aws/aws_environment.h"
#include "common/store/aws/aws_keys.h"
#include "common/store/aws/aws_profiles.h"
#include "common/store/aws/aws_sign.h"
#include "common/store/http.h"

#define AWS_SEARCH_SENTENCE_BYTES 512
#define AWS_ANSWER_BYTES_MAX ((size_t)256 * 1024)

enum {
        _AWS_E_SUCCESS,
        AWS_E_ABSENT,
};

struct aws_search {
        const struct aws_environment *environment;
        const struct aws_profiles *profiles;
        const char *profile; /* the one that counts */
        struct aws_clock *clock;
        struct http *http;
        char sentence[AWS_SEARCH_SENTENCE_BYTES];
};

/* Writes the sentence and returns the code, for `return aws_search_end(search, -EACCES, …)`. */
int aws_search_end(struct aws_search *search, int code, const char *format, ...) _printf_(3, 4);

/* A setting: of the environment, else of the profile, else NULL. name NULL: of the environment alone. */
const char *aws_search_setting(const struct aws_search *search, enum aws_variable variable, const char *name);

/* Where a service is, "S3" or "STS", unless it is AWS's own (NULL): see aws_credentials_endpoint(). */
const char *aws_search_endpoint(const struct aws_environment *environment, const struct aws_profiles *profiles,
                                const char *profile, const char *service);

/* Asks up to n_tries times while there is no answer, or one of 500 and above, or 429; shows the clock what came. The
 * answer may be as large as AWS_ANSWER_BYTES_MAX. As http_call(). */
int aws_search_call(struct aws_search *search, const struct http_request *request, int n_tries,
                    struct http_response *response);

/* Wipes the answer, which may hold keys. */
void aws_search_forget(struct http_response *response);

/* Reads a file that holds a token; the spaces and line ends around it do not count. 0, -EACCES with the sentence, or
 * -ENOMEM. */
int aws_search_read_token(struct aws_search *search, const char *path, char **ret_token);

/* Keys as JSON, the way of ECS, IMDS and credential_process: AccessKeyId, SecretAccessKey, token_name, Expiration (the
 * last two may lack). who names the sender in the sentence. */
int aws_search_read_json(struct aws_search *search, const char *who, const char *token_name, const char *text,
                         size_t n_bytes, struct aws_keys *ret_keys);

/* Checks keys from wherever and copies them. expiration NULL: none. */
int aws_search_take(struct aws_search *search, const char *who, const char *access_key, const char *secret_key,
                    const char *session_token, const char *expiration, struct aws_keys *ret_keys);
