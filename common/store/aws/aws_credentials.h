#pragma once

/*
 * AWS credentials
 *
 * Whose keys sign, and for which region, found as the AWS SDKs find them. Providers are asked in this order, which is
 * that of the SDKs for Java 2 and PHP (default credentials provider chain):
 *
 *      environment    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *      web identity   AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME: STS's AssumeRoleWithWebIdentity
 *      profile        the files ~/.aws/credentials and ~/.aws/config (AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE;
 *                     AWS_PROFILE): a role of another profile or source, a web identity, keys, credential_process
 *      container      AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI: ECS and EKS Pod Identity
 *      instance       IMDSv2 of an EC2 instance
 *
 * botocore differs in one point: it takes a role in a profile (role_arn with source_profile) before a web identity in
 * the environment. As there, a provider that is configured and fails ends the search, so that a mistake never makes
 * somebody else's keys be used; only one that is not configured lets the next be asked.
 *
 * Temporary keys are fetched anew before they expire, by the provider that gave them; while that fails, the old ones go
 * on for as long as they are valid. Secrets stay in memory and are never part of a sentence.
 *
 * The object is thread-safe; one thread fetches, the others go on with valid keys or wait for it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/store/aws/aws_clock.h"
#include "common/store/aws/aws_environment.h"
#include "common/store/aws/aws_keys.h"
#include "common/store/aws/aws_providers.h"

struct aws_credentials;

#define AWS_SENTENCE_BYTES 512

struct aws_credentials_options {
        aws_lookup *lookup; /* NULL: getenv(3) */
        void *context;
        int64_t (*now_ms)(void); /* NULL: clock_realtime_ms() */
        /* nobody is waited for any longer than that, as in http_set_deadline(); NULL: none. Borrowed as long as the
         * credentials live */
        const _Atomic int64_t *deadline_ms;
};

/* What came of the last search, for `convoy doctor`. */
struct aws_report {
        bool is_found;
        enum aws_provider provider;                         /* who answered */
        int64_t expires_at_ms;                              /* 0: never */
        char sentences[AWS_PROVIDER_N][AWS_SENTENCE_BYTES]; /* of each that was asked: what it gave, or why it did not
                                                             * and what to do about that; "" when not asked */
};

/* Reads the environment (once; variables set but empty count as not set), and asks nobody yet. options may be NULL. 0
 * or -ENOMEM. */
int aws_credentials_create(const struct aws_credentials_options *options, struct aws_credentials **ret_credentials);
struct aws_credentials *aws_credentials_destroy(struct aws_credentials *credentials);
void aws_credentials_destroy_pointer(struct aws_credentials **credentials);

/* A copy of keys that are valid now, fetched when that is needed: this may take some seconds. -EACCES when nobody has
 * any or a provider refuses; -EHOSTUNREACH when the one that is configured gives no answer; -ETIMEDOUT when the
 * deadline has come first; all with the sentences in the log. */
int aws_credentials_get(struct aws_credentials *credentials, struct aws_keys *ret_keys);

/* The service refused these keys (ExpiredToken, InvalidToken, InvalidAccessKeyId): the next get fetches anew. Has no
 * effect when that has happened since. */
void aws_credentials_invalidate(struct aws_credentials *credentials, const struct aws_keys *keys);

/* The clock to sign with; answers of every service may be shown to it. Borrowed as long as the credentials live. */
struct aws_clock *aws_credentials_clock(struct aws_credentials *credentials);

/* AWS_REGION, AWS_DEFAULT_REGION, region of the profile, then (unless an endpoint is given: then nobody looks at it)
 * the instance's own; else "us-east-1". ret_source names which of them. Both borrowed as long as the credentials live.
 * -EACCES when the profile's files cannot be read. */
int aws_credentials_region(struct aws_credentials *credentials, const char **ret_region, const char **ret_source);

/* The address of a service that is not AWS's own, service "S3" or "STS": AWS_ENDPOINT_URL_<service>, AWS_ENDPOINT_URL,
 * endpoint_url of the profile's services section, of the profile. NULL: AWS's own. Borrowed likewise. */
const char *aws_credentials_endpoint(struct aws_credentials *credentials, const char *service);

/* AWS_CA_BUNDLE or ca_bundle of the profile: a PEM file of the authorities that are trusted; NULL: the system's.
 * Borrowed likewise. */
const char *aws_credentials_ca_file(struct aws_credentials *credentials);

void aws_credentials_report(struct aws_credentials *credentials, struct aws_report *ret_report);
