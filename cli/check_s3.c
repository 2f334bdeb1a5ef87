/* Check S3: one object of doctor's own, through all that a store does to objects. */

#include "cli/check_s3.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/random.h"
#include "common/store/s3/s3_list.h"
#include "common/store/s3/s3_object.h"

enum {
        CLEAR_MS = 2000, /* to remove the object, when the time for looking is over */
};

static const char FIRST[] = "convoy doctor was here", SECOND[] = "convoy doctor was here again", THIRD[] = "and again";

struct probe {
        struct findings *findings;
        const char *name, *uri;
        struct s3_client *client;
        char key[S3_KEY_BYTES];
        char etag[STORE_ETAG_BYTES];
        bool is_written;
};

static const char *advise(int result) {
        switch (result) {
        case -ECONNREFUSED:
        case -EHOSTUNREACH:
        case -ETIMEDOUT:
        case -ECONNRESET:
                return "; is AWS_ENDPOINT_URL right (unset, it is AWS), is the server up, and does a firewall or proxy "
                       "stand before it?";
        case -EREMOTEIO:
                return "; it is S3's own trouble: wait, or see the server's log";
        default:
                return "";
        }
}

static int tell(struct probe *probe, const char *what, int result) {
        findings_note(probe->findings, probe->name, WRONG, "%s cannot be %s: %s%s", probe->uri, what,
                      error_reason(result), advise(result));
        return result;
}

/* For a condition that nothing but a server at odds with S3 can bring about. */
static int refuse(struct probe *probe, const char *sentence) {
        findings_note(probe->findings, probe->name, WRONG, "%s: %s", probe->uri, sentence);
        return -EPROTO;
}

static int put(struct probe *probe, enum store_condition condition, const char *etag, const char *text) {
        char digest[DIGEST_SHA256_BYTES];
        struct s3_body body = { .bytes = text, .n_bytes = strlen(text), .digest = digest };
        int r;

        r = digest_sha256(text, strlen(text), digest);
        return r ? r : s3_object_put(probe->client, probe->key, condition, etag, &body);
}

static int check_list(struct probe *probe) {
        _cleanup_(store_page_finish) struct store_page page = STORE_PAGE_NULL;
        int r;

        r = s3_list(probe->client, s3_client_address(probe->client)->prefix, NULL, 1, &page);
        return r ? tell(probe, "listed", r) : 0;
}

static int check_create(struct probe *probe) {
        int r;

        r = put(probe, STORE_IF_ABSENT, NULL, FIRST);
        probe->is_written = !r || r == -ETIMEDOUT || r == -ECONNRESET || r == -EREMOTEIO;
        if (r)
                return r < 0 ? tell(probe, "written", r)
                             : refuse(probe, "an object that is not there is said to be there (If-None-Match); this "
                                             "server cannot hold a store or registry");
        r = put(probe, STORE_IF_ABSENT, NULL, SECOND);
        if (r == STORE_E_CONFLICT)
                return 0;
        return r < 0 ? tell(probe, "written if absent", r)
                     : refuse(probe, "this server ignores If-None-Match: of two who create the same version both would "
                                     "believe to have it; use AWS, or a server that honours conditional writes");
}

static int check_read(struct probe *probe) {
        _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;
        int r;

        r = s3_object_get(probe->client, probe->key, &content, probe->etag);
        if (r < 0)
                return tell(probe, "read", r);
        if (r || content.n_bytes != strlen(FIRST) || memcmp(content.data, FIRST, strlen(FIRST)) != 0)
                return refuse(probe, "what was just written is not what is read; this server cannot hold a store");
        return 0;
}

static int check_swap(struct probe *probe) {
        int r;

        r = put(probe, STORE_IF_MATCH, probe->etag, SECOND);
        if (r)
                return r < 0 ? tell(probe, "written if unchanged", r)
                             : refuse(probe, "an object that nobody changed is said to be changed (If-Match); aliases "
                                             "could not be moved there");
        r = put(probe, STORE_IF_MATCH, probe->etag, THIRD);
        if (r == STORE_E_CONFLICT)
                return 0;
        return r < 0 ? tell(probe, "written if unchanged", r)
                     : refuse(probe, "this server ignores If-Match: moves of an alias would be lost; use AWS, or a "
                                     "server that honours conditional writes");
}

/* Even when the time is over: nothing may stay behind. */
static int check_remove(struct probe *probe) {
        struct s3_head head;
        int r;

        s3_client_set_deadline(probe->client, clock_monotonic_ms() + CLEAR_MS);
        r = s3_object_remove(probe->client, probe->key);
        if (r)
                findings_note(probe->findings, probe->name, WRONG, "s3://%s/%s was written and cannot be removed: %s",
                              s3_client_address(probe->client)->bucket, probe->key, error_reason(r));
        if (r)
                return r;
        r = s3_object_head(probe->client, probe->key, &head);
        return r == STORE_E_MISSING ? 0
               : r < 0              ? tell(probe, "asked for what is missing", r)
                                    : refuse(probe, "what was just removed is still there");
}

/* Asked of an upload that never was: whoever may abort it hears that it is not there. */
static void check_abort(struct probe *probe) {
        _cleanup_(s3_answer_finish) struct s3_answer answer = S3_ANSWER_NULL;
        const struct aws_pair query = { "uploadId", "none-such" };
        const struct s3_request request = { .method = "DELETE",
                                            .key = probe->key,
                                            .query = &query,
                                            .n_query = 1,
                                            .accept = S3_ACCEPT_MISSING,
                                            .n_tries_max = 1 };
        int r;

        r = s3_call(probe->client, &request, &answer);
        if (r == -EACCES && !strcmp(answer.error.code, "AccessDenied"))
                findings_note(probe->findings, probe->name, DOUBTFUL,
                              "%s: uploads of large models that fail cannot be cleared up: %s", probe->uri,
                              error_reason(r));
}

static void note_clock(struct probe *probe) {
        int64_t offset_ms = s3_client_clock_offset_ms(probe->client);

        if (offset_ms)
                findings_note(
                        probe->findings, probe->name, DOUBTFUL,
                        "this machine's clock is %lld seconds %s that of S3; requests are signed by S3's, but set "
                        "it right with NTP",
                        llabs(offset_ms) / 1000, offset_ms < 0 ? "ahead of" : "behind");
}

static int look(struct probe *probe) {
        int r, r_remove = 0;

        r = check_list(probe);
        if (!r)
                r = check_create(probe);
        if (!r)
                r = check_read(probe);
        if (!r)
                r = check_swap(probe);
        if (probe->is_written)
                r_remove = check_remove(probe);
        if (!r && !r_remove)
                check_abort(probe);
        note_clock(probe);
        return r ? r : r_remove;
}

bool check_s3(struct findings *findings, const char *name, const char *uri, int limit_ms) {
        struct probe probe = { .findings = findings, .name = name, .uri = uri };
        struct random chance = random_stream((uint64_t)clock_realtime_ms(), RANDOM_SALT_S3, (uint64_t)getpid());
        struct fault fault = FAULT_NULL;
        int r;

        r = s3_client_create(uri, &probe.client, &fault);
        if (r) {
                findings_note_result(findings, name, r, &fault);
                return false;
        }
        snprintf(probe.key, sizeof(probe.key), "%sdoctor-%016" PRIx64, s3_client_address(probe.client)->prefix,
                 random_next(&chance));
        s3_client_set_deadline(probe.client, clock_monotonic_ms() + limit_ms);
        r = look(&probe);
        s3_client_destroy(probe.client);
        return !r;
}
