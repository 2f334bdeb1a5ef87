/* The provider that takes keys out of environment variables. */

#include <errno.h>

#include "common/base/error.h"
#include "common/store/aws/aws_provide.h"

int aws_provide_environment(struct aws_search *search, struct aws_keys *ret_keys) {
        char *const *values = search->environment->values;
        const char *access_key = values[AWS_VARIABLE_ACCESS_KEY_ID];
        const char *secret_key = values[AWS_VARIABLE_SECRET_ACCESS_KEY];
        int r;

        if (!access_key && !secret_key)
                return aws_search_end(search, AWS_E_ABSENT, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set");
        if (!access_key || !secret_key)
                return aws_search_end(search, -EACCES, "%s is set, but %s is not; set both or neither",
                                      access_key ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                                      access_key ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
        r = aws_search_take(search, "the environment", access_key, secret_key, values[AWS_VARIABLE_SESSION_TOKEN], NULL,
                            ret_keys);
        if (r)
                return error_trace(r);
        return aws_search_end(search, 0, "keys from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY%s",
                              ret_keys->session_token ? ", with AWS_SESSION_TOKEN" : "");
}
