#pragma once

/*
 * AWS providers
 *
 * Who may have keys, in the order in which they are asked: the chain that aws_credentials.h describes.
 */

struct aws_keys;
struct aws_search;

enum aws_provider {
        AWS_PROVIDER_ENVIRONMENT,
        AWS_PROVIDER_WEB_IDENTITY,
        AWS_PROVIDER_PROFILE,
        AWS_PROVIDER_CONTAINER,
        AWS_PROVIDER_INSTANCE,
        AWS_PROVIDER_N,
};

/* "environment", "web identity", "profile", "container", "instance" */
const char *aws_provider_name(enum aws_provider provider);

/* Asks one of them; what it returns is told in aws_search.h. Internal to aws_credentials. */
int aws_provider_ask(enum aws_provider provider, struct aws_search *search, struct aws_keys *ret_keys);
