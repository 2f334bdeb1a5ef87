/* The provider that follows the profile: a role, keys, or a process that gives some. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/store/aws/aws_process.h"
#include "common/store/aws/aws_provide.h"
#include "common/store/aws/aws_sts.h"

enum {
        DEPTH_MAX = 8, /* profiles that refer to each other */
};

static int provide(struct aws_search *search, const char *name, int depth, struct aws_keys *ret_keys);

static const char *get(const struct aws_search *search, const char *profile, const char *name) {
        return aws_profiles_get(search->profiles, profile, name);
}

/* Keys written in the profile. */
static int take_keys(struct aws_search *search, const char *name, struct aws_keys *ret_keys) {
        const char *access_key = get(search, name, "aws_access_key_id");
        const char *secret_key = get(search, name, "aws_secret_access_key");
        int r;

        if (!access_key && !secret_key)
                return AWS_E_ABSENT;
        if (!access_key || !secret_key)
                return aws_search_end(search, -EACCES, "the profile %.100s has %s, but no %s", name,
                                      access_key ? "aws_access_key_id" : "aws_secret_access_key",
                                      access_key ? "aws_secret_access_key" : "aws_access_key_id");
        r = aws_search_take(search, "the profile", access_key, secret_key, get(search, name, "aws_session_token"), NULL,
                            ret_keys);
        if (r)
                return error_trace(r);
        return aws_search_end(search, 0, "keys of the profile %.100s", name);
}

/* The keys with which a role is asked for. */
static int provide_source(struct aws_search *search, const char *name, int depth, struct aws_keys *ret_keys) {
        const char *profile = get(search, name, "source_profile"), *source = get(search, name, "credential_source");
        static const struct {
                const char *name;
                aws_provide *provide;
        } sources[] = {
                { "Environment", aws_provide_environment },
                { "Ec2InstanceMetadata", aws_provide_instance },
                { "EcsContainer", aws_provide_container },
        };

        if (profile && source)
                return aws_search_end(search, -EACCES,
                                      "the profile %.100s has both source_profile and credential_source; remove one",
                                      name);
        /* a role may be asked for with the keys that stand beside it */
        if (profile && !strcmp(profile, name)) {
                int r = take_keys(search, name, ret_keys);

                return r != AWS_E_ABSENT
                               ? error_trace(r)
                               : aws_search_end(search, -EACCES,
                                                "the profile %.100s is its own source_profile, and has no keys", name);
        }
        if (profile && depth == DEPTH_MAX)
                return aws_search_end(search, -EACCES, "the source_profile of profile %.100s leads in a circle", name);
        if (profile)
                return provide(search, profile, depth + 1, ret_keys);
        for (size_t i = 0; source && i < N_ELEMENTS(sources); i++)
                if (!strcmp(source, sources[i].name))
                        return sources[i].provide(search, ret_keys);
        if (source)
                return aws_search_end(search, -EACCES,
                                      "the credential_source of profile %.100s is none of Environment, "
                                      "Ec2InstanceMetadata, EcsContainer",
                                      name);
        return aws_search_end(search, -EACCES,
                              "the profile %.100s has role_arn, but none of source_profile, credential_source and "
                              "web_identity_token_file",
                              name);
}

static int assume(struct aws_search *search, const char *name, const char *arn, int depth, struct aws_keys *ret_keys) {
        _cleanup_(aws_keys_finish) struct aws_keys keys = AWS_KEYS_NULL;
        const char *token_file = get(search, name, "web_identity_token_file");
        const struct aws_role role = {
                .arn = arn,
                .session_name = get(search, name, "role_session_name"),
                .external_id = get(search, name, "external_id"),
                .seconds = get(search, name, "duration_seconds"),
        };
        int r;

        if (get(search, name, "mfa_serial"))
                return aws_search_end(
                        search, -EACCES,
                        "the profile %.100s wants a code for its role (mfa_serial), which a daemon cannot "
                        "type; use keys that need none",
                        name);
        if (token_file) {
                r = aws_sts_assume_by_token(search, &role, token_file, ret_keys);
        } else {
                r = provide_source(search, name, depth, &keys);
                if (r == AWS_E_ABSENT)
                        r = -EACCES;
                if (!r)
                        r = aws_sts_assume_by_keys(search, &role, &keys, ret_keys);
        }
        if (r)
                return error_trace(r);
        return aws_search_end(search, 0, "keys of the role %.200s, by the profile %.100s", arn, name);
}

static int provide(struct aws_search *search, const char *name, int depth, struct aws_keys *ret_keys) {
        static const char *const logins[] = { "sso_session", "sso_start_url", "login_session" };
        const char *arn = get(search, name, "role_arn"), *command = get(search, name, "credential_process");
        int r;

        if (!aws_profiles_has(search->profiles, name))
                return aws_search_end(search, -EACCES,
                                      "there is no profile %.100s, neither in the credentials file nor in the config "
                                      "file; look at AWS_PROFILE and source_profile",
                                      name);
        if (arn)
                return assume(search, name, arn, depth, ret_keys);
        r = take_keys(search, name, ret_keys);
        if (r != AWS_E_ABSENT)
                return error_trace(r);
        if (command) {
                r = aws_process_run(search, command, ret_keys);
                return r ? error_trace(r)
                         : aws_search_end(search, 0, "keys of the credential_process of profile %.100s", name);
        }
        for (size_t i = 0; i < N_ELEMENTS(logins); i++)
                if (get(search, name, logins[i]))
                        return aws_search_end(search, -EACCES,
                                              "the profile %.100s logs in by a browser (%s), which is not supported; "
                                              "make another profile with `credential_process = aws configure "
                                              "export-credentials --profile %.100s` and name that in AWS_PROFILE",
                                              name, logins[i], name);
        return aws_search_end(search, depth ? -EACCES : AWS_E_ABSENT, "the profile %.100s says nothing of keys", name);
}

int aws_provide_profile(struct aws_search *search, struct aws_keys *ret_keys) {
        char *const *values = search->environment->values;

        if (!aws_profiles_has(search->profiles, search->profile) && !values[AWS_VARIABLE_PROFILE] &&
            !values[AWS_VARIABLE_DEFAULT_PROFILE])
                return aws_search_end(search, AWS_E_ABSENT,
                                      "there is no profile `default` in ~/.aws/credentials or ~/.aws/config, and "
                                      "AWS_PROFILE is not set");
        return error_trace(provide(search, search->profile, 0, ret_keys));
}
