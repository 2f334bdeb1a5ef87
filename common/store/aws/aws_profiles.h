#pragma once

/*
 * AWS profiles
 *
 * The settings in the two files that the AWS tools share, ~/.aws/credentials and ~/.aws/config. Format: AWS SDKs and
 * Tools reference guide, "Shared config and credentials files". In the config file a profile's section is
 * `[profile NAME]` or `[default]`, in the credentials file `[NAME]`; sections of one name are one; where both files set
 * something the credentials file wins. `name = value`, or with a colon as botocore has it; the name in any case; a line
 * that starts with # or ;, and what follows a space and one of them, is a comment. A line further in than the setting
 * above it belongs to that: `s3 =` and then `  endpoint_url = …` is the setting "s3.endpoint_url".
 *
 * Read by hand: libinih, as Debian builds it, cuts values after 180 bytes, and session tokens are longer.
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/fault.h"
#include "common/store/aws/aws_environment.h"

struct aws_setting {
        char *section; /* the profile's name; "services NAME" and the like for other sections of the config file */
        char *name;    /* lower case */
        char *value;
};

struct aws_profiles {
        struct aws_setting *settings;
        size_t n_settings;
};

#define AWS_PROFILES_NULL \
        { 0 }

/* Reads the files that are there. 0, FAULT_E_INPUT (AWS_PROFILES, with file and line, never with what stands there), or
 * -ENOMEM. */
int aws_profiles_read(struct aws_profiles *ret_profiles, const struct aws_environment *environment,
                      struct fault *fault);

/* One file's text, of which path is the name in a fault. */
int aws_profiles_parse(struct aws_profiles *profiles, const char *path, bool is_config, const char *text,
                       size_t n_bytes, struct fault *fault);

/* Wipes what is held. */
void aws_profiles_finish(struct aws_profiles *profiles);

bool aws_profiles_has(const struct aws_profiles *profiles, const char *section);

/* NULL when it is not set, or empty. Borrowed. */
const char *aws_profiles_get(const struct aws_profiles *profiles, const char *section, const char *name);
