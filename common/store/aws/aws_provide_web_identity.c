/* The provider that shows STS a token in a file, as the environment says: IRSA, and OpenID Connect of GitHub. */

#include <errno.h>

#include "common/base/error.h"
#include "common/store/aws/aws_provide.h"
#include "common/store/aws/aws_sts.h"

int aws_provide_web_identity(struct aws_search *search, struct aws_keys *ret_keys) {
        char *const *values = search->environment->values;
        const char *token_file = values[AWS_VARIABLE_WEB_IDENTITY_TOKEN_FILE];
        const struct aws_role role = {
                .arn = values[AWS_VARIABLE_ROLE_ARN],
                .session_name = values[AWS_VARIABLE_ROLE_SESSION_NAME],
        };
        int r;

        if (!token_file)
                return aws_search_end(search, AWS_E_ABSENT, "AWS_WEB_IDENTITY_TOKEN_FILE is not set");
        if (!role.arn)
                return aws_search_end(search, -EACCES,
                                      "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not; set it to the role "
                                      "that trusts the token's issuer");
        r = aws_sts_assume_by_token(search, &role, token_file, ret_keys);
        if (r)
                return error_trace(r);
        return aws_search_end(search, 0, "keys of the role %.200s by the token in %.200s", role.arn, token_file);
}
