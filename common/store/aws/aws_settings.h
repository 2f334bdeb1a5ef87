#pragma once

/*
 * AWS settings
 *
 * What the profile says beside keys: region, addresses, authorities. Read once. Internal to aws_credentials, which
 * holds its lock around every call.
 */

#include "common/store/aws/aws_provide.h"

struct aws_settings {
        struct aws_profiles profiles;
        bool is_loaded;
        char region[AWS_REGION_BYTES]; /* the instance's; "" when nobody has asked, or there is none */
        bool is_region_asked;
};

#define AWS_SETTINGS_NULL \
        { 0 }

void aws_settings_finish(struct aws_settings *settings);

/* The name of the profile that counts: AWS_PROFILE, AWS_DEFAULT_PROFILE, "default". */
const char *aws_settings_profile(const struct aws_environment *environment);

/* Reads the files unless that is done. 0, -EACCES (logged: a file cannot be read or understood), or -ENOMEM. */
int aws_settings_load(struct aws_settings *settings, const struct aws_environment *environment);

/* A setting of the profile, or NULL. */
const char *aws_settings_get(const struct aws_settings *settings, const struct aws_environment *environment,
                             const char *name);

/* As aws_credentials_endpoint(). */
const char *aws_settings_endpoint(const struct aws_settings *settings, const struct aws_environment *environment,
                                  const char *service);

/* As aws_credentials_region(). */
int aws_settings_region(struct aws_settings *settings, const struct aws_environment *environment,
                        struct aws_clock *clock, struct http *http, const char **ret_region, const char **ret_source);
