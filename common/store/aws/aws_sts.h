#pragma once

/*
 * STS
 *
 * Temporary keys for a role, from the Security Token Service (API version 2011-06-15): of the region that is set, at
 * AWS_ENDPOINT_URL_STS where that is given.
 */

#include "common/store/aws/aws_search.h"

struct aws_role {
        const char *arn;
        const char *session_name; /* NULL: one of ours */
        const char *external_id;  /* NULL: none */
        const char *seconds;      /* NULL: as STS likes */
};

/* AssumeRoleWithWebIdentity: the token is the proof, nothing is signed. As a provider, except for AWS_E_ABSENT. */
int aws_sts_assume_by_token(struct aws_search *search, const struct aws_role *role, const char *token_file,
                            struct aws_keys *ret_keys);

/* AssumeRole: signed with other keys. */
int aws_sts_assume_by_keys(struct aws_search *search, const struct aws_role *role, const struct aws_keys *keys,
                           struct aws_keys *ret_keys);
