/* S3 error: the document read, and advice. */

#include "common/store/s3/s3_error.h"

#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/store/xml.h"

static void keep(char *field, size_t n_bytes, const char *text) {
        snprintf(field, n_bytes, "%s", text);
}

static int on_element(void *context, const char *path, const char *text) {
        struct s3_error *error = context;

        if (!strcmp(path, "Error"))
                error->is_document = true;
        else if (!strcmp(path, "Error/Code"))
                keep(error->code, sizeof(error->code), text);
        else if (!strcmp(path, "Error/Message"))
                keep(error->message, sizeof(error->message), text);
        else if (!strcmp(path, "Error/Region") && !*error->region)
                keep(error->region, sizeof(error->region), text);
        else if (!strcmp(path, "Error/Endpoint") && !*error->host)
                keep(error->host, sizeof(error->host), text);
        return 0;
}

/* "https://host/path" */
static void read_location(const struct http_response *response, char host[S3_HOST_BYTES]) {
        char location[2 * S3_HOST_BYTES];
        const char *at;

        at = strstr(http_response_header(response, "location", location, sizeof(location)), "://");
        if (at && strcspn(at + 3, "/?#") < S3_HOST_BYTES)
                snprintf(host, S3_HOST_BYTES, "%.*s", (int)strcspn(at + 3, "/?#"), at + 3);
}

int s3_error_read(const struct http_response *response, struct s3_error *ret_error) {
        struct s3_error error = { 0 };
        struct fault fault = FAULT_NULL;
        int r;

        http_response_header(response, "x-amz-bucket-region", error.region, sizeof(error.region));
        read_location(response, error.host);
        r = xml_read(buffer_text(&response->body), response->body.n_bytes, on_element, &error, &fault);
        if (r < 0)
                return error_trace(r);
        error.is_malformed = r == FAULT_E_INPUT;
        if (!error.is_document)
                error.code[0] = error.message[0] = 0;
        *ret_error = error;
        return 0;
}

#define ADVICE_ACCESS_KEY \
        "; nobody there has this access key: are the keys those of this endpoint (AWS_ACCESS_KEY_ID, " \
        "AWS_PROFILE, AWS_ENDPOINT_URL)?"

const char *s3_error_advice(int status, const char *code) {
        static const struct {
                const char *code, *advice;
        } rows[] = {
                { "NoSuchBucket",
                  "; make the bucket, or name the right one in store.uri or registry.bucket of pipeline.yaml "
                  "(MODEL_BUCKET_NAME)" },
                { "InvalidAccessKeyId", ADVICE_ACCESS_KEY },
                { "XAdminUserNotFound", ADVICE_ACCESS_KEY }, /* versitygw */
                { "SignatureDoesNotMatch",
                  "; the secret key is not that of the access key (AWS_SECRET_ACCESS_KEY, ~/.aws/credentials)" },
                { "ExpiredToken", "; the session has ended: get new keys" },
                { "InvalidToken", "; AWS_SESSION_TOKEN does not belong to the access key" },
                { "RequestTimeTooSkewed", "; set this machine's clock" },
                { "NotImplemented", "; this server lacks what Convoy needs, conditional writes above all" },
                { "PermanentRedirect", "; set AWS_REGION to the bucket's region, or AWS_ENDPOINT_URL to its endpoint" },
                { "AuthorizationHeaderMalformed", "; set AWS_REGION to the bucket's region" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                if (!strcmp(code, rows[i].code))
                        return rows[i].advice;
        if (*code)
                return "";
        switch (status) {
        case 403:
                return "; the keys are not accepted, or lack a right (s3:ListBucket among them: without it what is "
                       "missing is forbidden)";
        case 301:
        case 307:
                return "; the bucket lies elsewhere: set AWS_REGION, or AWS_ENDPOINT_URL";
        default:
                return "; does AWS_ENDPOINT_URL name an S3 server?";
        }
}
