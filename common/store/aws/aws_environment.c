/* AWS environment: read once, wiped at the end. */

#include "common/store/aws/aws_environment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"
#include "common/store/aws/aws_keys.h"

static const char *const NAMES[AWS_VARIABLE_N] = {
        [AWS_VARIABLE_ACCESS_KEY_ID] = "AWS_ACCESS_KEY_ID",
        [AWS_VARIABLE_SECRET_ACCESS_KEY] = "AWS_SECRET_ACCESS_KEY",
        [AWS_VARIABLE_SESSION_TOKEN] = "AWS_SESSION_TOKEN",
        [AWS_VARIABLE_PROFILE] = "AWS_PROFILE",
        [AWS_VARIABLE_DEFAULT_PROFILE] = "AWS_DEFAULT_PROFILE",
        [AWS_VARIABLE_CREDENTIALS_FILE] = "AWS_SHARED_CREDENTIALS_FILE",
        [AWS_VARIABLE_CONFIG_FILE] = "AWS_CONFIG_FILE",
        [AWS_VARIABLE_REGION] = "AWS_REGION",
        [AWS_VARIABLE_DEFAULT_REGION] = "AWS_DEFAULT_REGION",
        [AWS_VARIABLE_CA_BUNDLE] = "AWS_CA_BUNDLE",
        [AWS_VARIABLE_ENDPOINT_URL] = "AWS_ENDPOINT_URL",
        [AWS_VARIABLE_ENDPOINT_URL_S3] = "AWS_ENDPOINT_URL_S3",
        [AWS_VARIABLE_ENDPOINT_URL_STS] = "AWS_ENDPOINT_URL_STS",
        [AWS_VARIABLE_WEB_IDENTITY_TOKEN_FILE] = "AWS_WEB_IDENTITY_TOKEN_FILE",
        [AWS_VARIABLE_ROLE_ARN] = "AWS_ROLE_ARN",
        [AWS_VARIABLE_ROLE_SESSION_NAME] = "AWS_ROLE_SESSION_NAME",
        [AWS_VARIABLE_CONTAINER_RELATIVE_URI] = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        [AWS_VARIABLE_CONTAINER_FULL_URI] = "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        [AWS_VARIABLE_CONTAINER_TOKEN] = "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        [AWS_VARIABLE_CONTAINER_TOKEN_FILE] = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        [AWS_VARIABLE_METADATA_DISABLED] = "AWS_EC2_METADATA_DISABLED",
        [AWS_VARIABLE_METADATA_ENDPOINT] = "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        [AWS_VARIABLE_METADATA_ENDPOINT_MODE] = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
        [AWS_VARIABLE_METADATA_TIMEOUT] = "AWS_METADATA_SERVICE_TIMEOUT",
        [AWS_VARIABLE_HOME] = "HOME",
};

static const char *from_process(void *context, const char *name) {
        (void)context;
        return getenv(name);
}

void aws_environment_finish(struct aws_environment *environment) {
        for (int i = 0; i < AWS_VARIABLE_N; i++)
                aws_secret_free(&environment->values[i]);
}

int aws_environment_init(struct aws_environment *ret_environment, aws_lookup *lookup, void *context) {
        struct aws_environment environment = AWS_ENVIRONMENT_NULL;
        const char *value;

        for (int i = 0; i < AWS_VARIABLE_N; i++) {
                value = (lookup ? lookup : from_process)(context, NAMES[i]);
                if (!value || !*value)
                        continue;
                environment.values[i] = strdup(value);
                if (!environment.values[i]) {
                        aws_environment_finish(&environment);
                        return error_origin(-ENOMEM, "reading the environment");
                }
        }
        *ret_environment = environment;
        return 0;
}

const char *aws_variable_name(enum aws_variable variable) {
        return NAMES[variable];
}
