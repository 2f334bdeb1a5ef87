/* Check credentials: the chain is asked once, and tells of itself. */

#include "cli/check_credentials.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "common/base/clock.h"
#include "common/base/error.h"

#define NAME "credentials"

static void note_found(struct findings *findings, struct aws_credentials *credentials,
                       const struct aws_report *report) {
        const char *region = "", *source = "", *endpoint = aws_credentials_endpoint(credentials, "S3");
        char until[CLOCK_RFC3339_BYTES] = "";

        if (aws_credentials_region(credentials, &region, &source)) {
                findings_note(findings, NAME, WRONG, "%s", command_reason());
                return;
        }
        if (report->expires_at_ms)
                clock_format_rfc3339(report->expires_at_ms, until);
        findings_note(findings, NAME, WELL, "%s: %s%s%s; region %s (%s), S3 at %s", aws_provider_name(report->provider),
                      report->sentences[report->provider], *until ? ", good until " : "", until, region, source,
                      !endpoint               ? "AWS's own address"
                      : strchr(endpoint, '@') ? "an address not shown, as there may be a password before its @"
                                              : endpoint);
}

/* Either one provider is configured and fails, and then it was the last that was asked; or nobody is. */
static void note_missing(struct findings *findings, const struct aws_report *report, int result) {
        int last = -1;

        for (int i = 0; i < AWS_PROVIDER_N; i++)
                if (*report->sentences[i])
                        last = i;
        if (last < 0) {
                findings_note_result(findings, NAME, result, NULL);
                return;
        }
        if (last < AWS_PROVIDER_INSTANCE) {
                findings_note(findings, NAME, WRONG, "%s: %s", aws_provider_name((enum aws_provider)last),
                              report->sentences[last]);
                return;
        }
        findings_note(findings, NAME, WRONG,
                      "there are no keys for AWS; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or "
                      "give the machine a role; what was asked says why not:");
        for (int i = 0; i < AWS_PROVIDER_N; i++)
                findings_note(findings, NAME, DOUBTFUL, "%s: %s", aws_provider_name((enum aws_provider)i),
                              report->sentences[i]);
}

static void note_clock(struct findings *findings, struct aws_credentials *credentials) {
        int64_t offset_ms = atomic_load(&aws_credentials_clock(credentials)->offset_ms);

        if (offset_ms)
                findings_note(findings, NAME, DOUBTFUL,
                              "this machine's clock is %lld seconds %s that of AWS; requests are signed by theirs, but "
                              "set it right with NTP",
                              llabs(offset_ms) / 1000, offset_ms < 0 ? "ahead of" : "behind");
}

void check_credentials(struct findings *findings, const struct aws_credentials_options *options) {
        _cleanup_(aws_credentials_destroy_pointer) struct aws_credentials *credentials = NULL;
        _cleanup_(aws_keys_finish) struct aws_keys keys = AWS_KEYS_NULL;
        _cleanup_(free_pointer) struct aws_report *report = calloc(1, sizeof(*report));
        int r = report ? 0 : -ENOMEM;

        if (!r)
                r = aws_credentials_create(options, &credentials);
        if (r) {
                findings_note_result(findings, NAME, r, NULL);
                return;
        }
        r = aws_credentials_get(credentials, &keys);
        aws_credentials_report(credentials, report);
        if (r)
                note_missing(findings, report, r);
        else
                note_found(findings, credentials, report);
        note_clock(findings, credentials);
}
