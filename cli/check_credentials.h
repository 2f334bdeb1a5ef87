#pragma once

/*
 * Check credentials
 *
 * What doctor finds out about the keys for AWS: who gives them, until when they are good, and for which region and
 * address; else what each of those who were asked says to that.
 */

#include "cli/findings.h"
#include "common/store/aws/aws_credentials.h"

/* options as for aws_credentials_create(). May take some seconds, when providers on the network are asked. */
void check_credentials(struct findings *findings, const struct aws_credentials_options *options);
