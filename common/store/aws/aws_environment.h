#pragma once

/*
 * AWS environment
 *
 * The environment variables that decide on keys, region and addresses, copied once, since getenv(3) is not safe beside
 * threads that change the environment. Some hold secrets: they are wiped.
 */

#include <stddef.h>

/* The value of an environment variable, or NULL; borrowed until the next call. */
typedef const char *aws_lookup(void *context, const char *name);

enum aws_variable {
        AWS_VARIABLE_ACCESS_KEY_ID,
        AWS_VARIABLE_SECRET_ACCESS_KEY,
        AWS_VARIABLE_SESSION_TOKEN,
        AWS_VARIABLE_PROFILE,
        AWS_VARIABLE_DEFAULT_PROFILE,
        AWS_VARIABLE_CREDENTIALS_FILE,
        AWS_VARIABLE_CONFIG_FILE,
        AWS_VARIABLE_REGION,
        AWS_VARIABLE_DEFAULT_REGION,
        AWS_VARIABLE_CA_BUNDLE,
        AWS_VARIABLE_ENDPOINT_URL,
        AWS_VARIABLE_ENDPOINT_URL_S3,
        AWS_VARIABLE_ENDPOINT_URL_STS,
        AWS_VARIABLE_WEB_IDENTITY_TOKEN_FILE,
        AWS_VARIABLE_ROLE_ARN,
        AWS_VARIABLE_ROLE_SESSION_NAME,
        AWS_VARIABLE_CONTAINER_RELATIVE_URI,
        AWS_VARIABLE_CONTAINER_FULL_URI,
        AWS_VARIABLE_CONTAINER_TOKEN,
        AWS_VARIABLE_CONTAINER_TOKEN_FILE,
        AWS_VARIABLE_METADATA_DISABLED,
        AWS_VARIABLE_METADATA_ENDPOINT,
        AWS_VARIABLE_METADATA_ENDPOINT_MODE,
        AWS_VARIABLE_METADATA_TIMEOUT,
        AWS_VARIABLE_HOME,
        AWS_VARIABLE_N,
};

struct aws_environment {
        char *values[AWS_VARIABLE_N]; /* NULL: not set, or empty */
};

#define AWS_ENVIRONMENT_NULL \
        { 0 }

/* lookup NULL: getenv(3). 0 or -ENOMEM. */
int aws_environment_init(struct aws_environment *ret_environment, aws_lookup *lookup, void *context);
void aws_environment_finish(struct aws_environment *environment);

/* "AWS_ACCESS_KEY_ID", … */
const char *aws_variable_name(enum aws_variable variable);
