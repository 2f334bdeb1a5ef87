#pragma once

/*
 * AWS providers
 *
 * Each of those who may have keys; what they return is told in aws_search.h. Internal to aws_credentials.
 */

#include "common/store/aws/aws_search.h"

typedef int aws_provide(struct aws_search *search, struct aws_keys *ret_keys);

aws_provide aws_provide_environment;
aws_provide aws_provide_web_identity;
aws_provide aws_provide_profile;
aws_provide aws_provide_container;
aws_provide aws_provide_instance;

/* The standard output of a command (run by sh) that gives keys as JSON, version 1: credential_process. Its standard
 * error is discarded, since nobody knows what it holds. */
int aws_process_run(struct aws_search *search, const char *command, struct aws_keys *ret_keys);

#define AWS_REGION_BYTES 64

/* The region of the EC2 instance that this is; AWS_E_ABSENT when it is none. */
int aws_instance_region(struct aws_search *search, char ret_region[AWS_REGION_BYTES]);
