/* AWS providers: the table of them. */

#include "common/store/aws/aws_providers.h"

#include "common/base/error.h"
#include "common/store/aws/aws_provide.h"

static const struct {
        const char *name;
        aws_provide *provide;
} providers[AWS_PROVIDER_N] = {
        [AWS_PROVIDER_ENVIRONMENT] = { "environment", aws_provide_environment },
        [AWS_PROVIDER_WEB_IDENTITY] = { "web identity", aws_provide_web_identity },
        [AWS_PROVIDER_PROFILE] = { "profile", aws_provide_profile },
        [AWS_PROVIDER_CONTAINER] = { "container", aws_provide_container },
        [AWS_PROVIDER_INSTANCE] = { "instance", aws_provide_instance },
};

const char *aws_provider_name(enum aws_provider provider) {
        return providers[provider].name;
}

int aws_provider_ask(enum aws_provider provider, struct aws_search *search, struct aws_keys *ret_keys) {
        return error_trace(providers[provider].provide(search, ret_keys));
}
