/*
 * Speaks for struct aws_credentials: obeys the lines of standard input, and answers each with one line of JSON. Secrets
 * are told by their digest alone, so that a test may look for them in all that is printed.
 *
 *      get             {"result": 0, "provider": "instance", "expires_at_ms": 0, "digest": "…"}
 *      threads N       the same from N threads at once: {"results": [0, …], "n_digests": 1}
 *      invalidate      the keys of the last get: {}
 *      advance MS      moves the machine's clock: {}
 *      clock           {"offset_ms": 0}
 *      region          {"region": "us-east-1", "source": "nothing set"}
 *      endpoint NAME   {"endpoint": "http://…"}; "" when it is AWS's own
 *      ca              {"file": ""}
 *      report          {"found": true, "environment": "…", "web identity": "…", …}
 */

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/log.h"
#include "common/store/aws/aws_credentials.h"

enum {
        THREADS_MAX = 16,
        LINE_BYTES = 256,
};

static _Atomic int64_t ahead_ms;

static int64_t now_ms(void) {
        return clock_realtime_ms() + atomic_load(&ahead_ms);
}

static void digest_of(const struct aws_keys *keys, char ret_hex[DIGEST_SHA256_BYTES]) {
        struct buffer text = BUFFER_NULL;

        if (buffer_printf(&text, "%s %s %s", keys->access_key, keys->secret_key,
                          keys->session_token ? keys->session_token : "") ||
            digest_sha256(text.data, text.n_bytes, ret_hex))
                abort();
        explicit_bzero(text.data, text.capacity);
        buffer_finish(&text);
}

static void get(struct aws_credentials *credentials, struct aws_keys *last) {
        char hex[DIGEST_SHA256_BYTES] = "";
        struct aws_report report;
        int r;

        aws_keys_finish(last);
        r = aws_credentials_get(credentials, last);
        aws_credentials_report(credentials, &report);
        if (!r)
                digest_of(last, hex);
        printf("{\"result\": %d, \"provider\": \"%s\", \"expires_at_ms\": %" PRId64 ", \"digest\": \"%s\"}\n", r,
               report.is_found ? aws_provider_name(report.provider) : "", last->expires_at_ms, hex);
}

struct asker {
        struct aws_credentials *credentials;
        char hex[DIGEST_SHA256_BYTES];
        int result;
};

static void *ask(void *context) {
        struct asker *asker = context;
        struct aws_keys keys = AWS_KEYS_NULL;

        asker->result = aws_credentials_get(asker->credentials, &keys);
        if (!asker->result)
                digest_of(&keys, asker->hex);
        aws_keys_finish(&keys);
        return NULL;
}

static void get_by_threads(struct aws_credentials *credentials, int n) {
        pthread_t threads[THREADS_MAX];
        struct asker askers[THREADS_MAX] = { 0 };
        int n_digests = 0;

        for (int i = 0; i < n; i++) {
                askers[i].credentials = credentials;
                if (pthread_create(&threads[i], NULL, ask, &askers[i]))
                        abort();
        }
        printf("{\"results\": [");
        for (int i = 0; i < n; i++) {
                bool is_new = true;

                pthread_join(threads[i], NULL);
                for (int j = 0; j < i; j++)
                        is_new &= strcmp(askers[j].hex, askers[i].hex) != 0;
                n_digests += is_new;
                printf("%s%d", i ? ", " : "", askers[i].result);
        }
        printf("], \"n_digests\": %d}\n", n_digests);
}

/* A sentence as JSON: what is said never holds a quotation mark that matters to anybody. */
static void print_text(const char *name, const char *text, const char *end) {
        printf("\"%s\": \"", name);
        for (; *text; text++)
                putchar(*text == '"' || *text == '\\' || (unsigned char)*text < ' ' ? '\'' : *text);
        printf("\"%s", end);
}

static void tell_report(struct aws_credentials *credentials) {
        struct aws_report report;

        aws_credentials_report(credentials, &report);
        printf("{\"found\": %s, ", report.is_found ? "true" : "false");
        for (int i = 0; i < AWS_PROVIDER_N; i++)
                print_text(aws_provider_name((enum aws_provider)i), report.sentences[i],
                           i + 1 < AWS_PROVIDER_N ? ", " : "}\n");
}

static void obey(struct aws_credentials *credentials, const char *line, struct aws_keys *last) {
        const char *region = "", *source = "", *endpoint, *word = line + strcspn(line, " ");
        int r;

        word += *word == ' ';
        if (!strcmp(line, "get")) {
                get(credentials, last);
        } else if (!strncmp(line, "threads ", 8)) {
                get_by_threads(credentials, atoi(word));
        } else if (!strcmp(line, "invalidate")) {
                aws_credentials_invalidate(credentials, last);
                printf("{}\n");
        } else if (!strncmp(line, "advance ", 8)) {
                atomic_fetch_add(&ahead_ms, atoll(word));
                printf("{}\n");
        } else if (!strcmp(line, "clock")) {
                printf("{\"offset_ms\": %" PRId64 "}\n", atomic_load(&aws_credentials_clock(credentials)->offset_ms));
        } else if (!strcmp(line, "region")) {
                r = aws_credentials_region(credentials, &region, &source);
                printf("{\"result\": %d, \"region\": \"%s\", \"source\": \"%s\"}\n", r, region, source);
        } else if (!strncmp(line, "endpoint ", 9)) {
                endpoint = aws_credentials_endpoint(credentials, word);
                printf("{\"endpoint\": \"%s\"}\n", endpoint ? endpoint : "");
        } else if (!strcmp(line, "ca")) {
                endpoint = aws_credentials_ca_file(credentials);
                printf("{\"file\": \"%s\"}\n", endpoint ? endpoint : "");
        } else if (!strcmp(line, "report")) {
                tell_report(credentials);
        } else {
                abort();
        }
        fflush(stdout);
}

int main(int argc, char **argv) {
        const struct aws_credentials_options options = { .now_ms = now_ms };
        struct aws_credentials *credentials;
        struct aws_keys last = AWS_KEYS_NULL;
        char line[LINE_BYTES];

        if (argc > 1)
                atomic_store(&ahead_ms, atoll(argv[1]));
        log_open("aws_keys", LOG_LEVEL_DEBUG);
        if (aws_credentials_create(&options, &credentials))
                return 1;
        while (fgets(line, sizeof(line), stdin)) {
                line[strcspn(line, "\n")] = 0;
                obey(credentials, line, &last);
        }
        aws_keys_finish(&last);
        aws_credentials_destroy(credentials);
        return 0;
}
