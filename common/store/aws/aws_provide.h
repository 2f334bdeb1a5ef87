#pragma once

/*
 * Provide
 *
 * The providers of keys, each in a file of its own (aws_provide_NAME.c); what they return is told in aws_search.h, and
 * who they are in aws_providers.h. Internal to aws_credentials.
 */

#include "common/store/aws/aws_search.h"

typedef int aws_provide(struct aws_search *search, struct aws_keys *ret_keys);

aws_provide aws_provide_environment;
aws_provide aws_provide_web_identity;
aws_provide aws_provide_profile;
aws_provide aws_provide_container;
aws_provide aws_provide_instance;

#define AWS_REGION_BYTES 64

/* The region of the EC2 instance that this is; AWS_E_ABSENT when it is none. */
int aws_instance_region(struct aws_search *search, char ret_region[AWS_REGION_BYTES]);
