/* AWS credentials: the chain of providers, and keys that are renewed in time. */

#include "common/store/aws/aws_credentials.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/random.h"
#include "common/store/aws/aws_search.h"
#include "common/store/aws/aws_settings.h"

_Static_assert(AWS_SENTENCE_BYTES == AWS_SEARCH_SENTENCE_BYTES, "one size of sentence");

enum {
        MARGIN_MS = 15 * 60000, /* keys are renewed this long before they expire, at most, */
        MARGIN_PART = 3,        /* and no earlier than in the last third of their life */
        RETRY_MS = 60000,       /* between tries to renew keys that are still good, at most, */
        SLICE_MS = 100,         /* of waiting for another thread */
        RETRY_PART = 4,         /* and no longer than this part of what is left of their life */
};

struct aws_credentials {
        struct aws_environment environment;
        struct aws_clock clock;
        struct random random;

        pthread_mutex_t lock; /* guards all below */
        pthread_cond_t is_done;
        bool is_fetching; /* one thread asks providers; it alone uses http then */
        struct http *http;
        uint64_t n_fetches;
        int result; /* of the last one */
        struct aws_keys keys;
        bool has_keys, is_stale;
        int64_t renew_at_ms; /* AWS's time; INT64_MAX: never */
        struct aws_report report;
        struct aws_settings settings;
};

int aws_credentials_create(const struct aws_credentials_options *options, struct aws_credentials **ret_credentials) {
        static const struct aws_credentials_options usual = { 0 };
        _cleanup_(aws_credentials_destroy_pointer) struct aws_credentials *credentials = calloc(1,
                                                                                                sizeof(*credentials));
        int r;

        if (!credentials)
                return error_origin(-ENOMEM, "looking for AWS credentials");
        options = options ? options : &usual;
        pthread_mutex_init(&credentials->lock, NULL);
        pthread_cond_init(&credentials->is_done, NULL);
        aws_clock_init(&credentials->clock, options->now_ms);
        credentials->random = random_stream((uint64_t)clock_realtime_ns(), RANDOM_SALT_CREDENTIALS, 0);
        r = aws_environment_init(&credentials->environment, options->lookup, options->context);
        if (!r)
                r = http_create(&credentials->http);
        if (r)
                return error_trace(r);
        http_set_deadline(credentials->http, options->deadline_ms);
        *ret_credentials = steal(credentials);
        return 0;
}

struct aws_credentials *aws_credentials_destroy(struct aws_credentials *credentials) {
        if (!credentials)
                return NULL;
        assert(!credentials->is_fetching);
        aws_settings_finish(&credentials->settings);
        aws_keys_finish(&credentials->keys);
        aws_environment_finish(&credentials->environment);
        http_destroy(credentials->http);
        pthread_cond_destroy(&credentials->is_done);
        pthread_mutex_destroy(&credentials->lock);
        free(credentials);
        return NULL;
}

void aws_credentials_destroy_pointer(struct aws_credentials **credentials) {
        *credentials = aws_credentials_destroy(*credentials);
}

struct aws_clock *aws_credentials_clock(struct aws_credentials *credentials) {
        return &credentials->clock;
}

/* Asks one provider, and keeps its sentence. */
static int ask(struct aws_search *search, enum aws_provider provider, struct aws_report *report,
               struct aws_keys *ret_keys) {
        int r;

        *search->sentence = 0;
        r = aws_provider_ask(provider, search, ret_keys);
        snprintf(report->sentences[provider], sizeof(report->sentences[provider]), "%s", search->sentence);
        if (!r) {
                report->is_found = true;
                report->provider = provider;
                report->expires_at_ms = ret_keys->expires_at_ms;
        }
        return r;
}

/* In the order of the chain; before has the provider that answered last time, who alone is asked then. */
static int ask_all(struct aws_search *search, const struct aws_report *before, struct aws_report *report,
                   struct aws_keys *ret_keys) {
        int r = AWS_E_ABSENT;

        if (before->is_found) {
                *report = *before;
                r = ask(search, before->provider, report, ret_keys);
                return r == AWS_E_ABSENT ? -EHOSTUNREACH : r;
        }
        for (int i = 0; i < AWS_PROVIDER_N && r == AWS_E_ABSENT; i++)
                r = ask(search, (enum aws_provider)i, report, ret_keys);
        return r == AWS_E_ABSENT ? -EACCES : r;
}

/* The shared files cannot be read. Who is asked before them needs none, but the mistake is not passed over for keys of
 * somebody after them. */
static int ask_without_files(struct aws_search *search, const char *why, const struct aws_report *before,
                             struct aws_report *report, struct aws_keys *ret_keys) {
        int r = AWS_E_ABSENT;

        if (before->is_found && before->provider != AWS_PROVIDER_PROFILE)
                return ask_all(search, before, report, ret_keys);
        for (int i = 0; i < AWS_PROVIDER_PROFILE && r == AWS_E_ABSENT && !before->is_found; i++)
                r = ask(search, (enum aws_provider)i, report, ret_keys);
        if (r != AWS_E_ABSENT)
                return r;
        snprintf(report->sentences[AWS_PROVIDER_PROFILE], AWS_SENTENCE_BYTES, "%.*s", AWS_SENTENCE_BYTES - 1, why);
        return -EACCES;
}

/* Not under the lock. Keys and report are the caller's own. */
static int fetch(struct aws_credentials *credentials, const struct aws_report *before, struct aws_report *report,
                 struct aws_keys *ret_keys) {
        _cleanup_(aws_profiles_finish) struct aws_profiles profiles = AWS_PROFILES_NULL;
        struct fault fault = FAULT_NULL;
        char text[FAULT_TEXT_BYTES];
        struct aws_search search = {
                .environment = &credentials->environment,
                .profiles = &profiles,
                .profile = aws_settings_profile(&credentials->environment),
                .clock = &credentials->clock,
                .http = credentials->http,
        };
        int r;

        r = aws_profiles_read(&profiles, &credentials->environment, &fault);
        if (r > 0) {
                fault_format(&fault, text, sizeof(text));
                return ask_without_files(&search, text, before, report, ret_keys);
        }
        if (r)
                return error_trace(r);
        return ask_all(&search, before, report, ret_keys);
}

/* When keys that were fetched now are to be renewed: not all machines at once. */
static int64_t renewal_of(struct aws_credentials *credentials, int64_t now_ms, int64_t expires_at_ms) {
        int64_t margin_ms = (expires_at_ms - now_ms) / MARGIN_PART;

        if (!expires_at_ms)
                return INT64_MAX;
        if (margin_ms > MARGIN_MS)
                margin_ms = MARGIN_MS;
        return expires_at_ms - margin_ms + (int64_t)((double)margin_ms / 3 * random_uniform(&credentials->random));
}

static const char *last_sentence(const struct aws_report *report) {
        const char *sentence = "";

        for (int i = 0; i < AWS_PROVIDER_N; i++)
                if (*report->sentences[i])
                        sentence = report->sentences[i];
        return sentence;
}

/* The present keys are still good: they go on, and another try is made later. */
static void go_on(struct aws_credentials *credentials, int64_t now_ms, const struct aws_report *failed) {
        int64_t pause_ms = (credentials->keys.expires_at_ms - now_ms) / RETRY_PART;

        if (pause_ms > RETRY_MS)
                pause_ms = RETRY_MS;
        pause_ms = pause_ms / 2 + (int64_t)((double)pause_ms / 2 * random_uniform(&credentials->random));
        credentials->renew_at_ms = now_ms + pause_ms;
        log_warn("AWS keys cannot be renewed: %s; they are good for %lld s more, retrying in %lld ms",
                 failed->sentences[credentials->report.provider],
                 (long long)((credentials->keys.expires_at_ms - now_ms) / 1000), (long long)pause_ms);
}

/* Under the lock, which is let go while providers are asked. */
static void renew(struct aws_credentials *credentials) {
        struct aws_report *report = calloc(2, sizeof(*report)), *before = report + 1;
        struct aws_keys keys = AWS_KEYS_NULL;
        int64_t now_ms;
        int r = -ENOMEM;

        credentials->is_fetching = true;
        if (report) {
                *before = credentials->report;
                pthread_mutex_unlock(&credentials->lock);
                r = fetch(credentials, before, report, &keys);
                pthread_mutex_lock(&credentials->lock);
        }
        now_ms = aws_clock_now_ms(&credentials->clock);
        if (!r) {
                keys.generation = credentials->keys.generation + 1;
                aws_keys_finish(&credentials->keys);
                credentials->keys = keys;
                credentials->has_keys = true;
                credentials->is_stale = false;
                credentials->renew_at_ms = renewal_of(credentials, now_ms, keys.expires_at_ms);
                credentials->report = *report;
                log_info("AWS keys: %s", report->sentences[report->provider]);
        } else if (report && credentials->has_keys && !credentials->is_stale &&
                   now_ms < credentials->keys.expires_at_ms) {
                go_on(credentials, now_ms, report);
        } else if (report && !credentials->report.is_found) {
                credentials->report = *report;
        } else if (report) {
                memcpy(credentials->report.sentences, report->sentences, sizeof(report->sentences));
        }
        free(report);
        credentials->is_fetching = false;
        credentials->n_fetches++;
        credentials->result = r;
        pthread_cond_broadcast(&credentials->is_done);
}

static bool is_usable(const struct aws_credentials *credentials, int64_t now_ms) {
        return credentials->has_keys && !credentials->is_stale &&
               (!credentials->keys.expires_at_ms || now_ms < credentials->keys.expires_at_ms);
}

static bool is_late(const struct aws_credentials *credentials) {
        return http_time_left_ms(credentials->http) <= 0;
}

/* Under the lock. For some time only: the deadline may be changed meanwhile. */
static void wait_for_fetch(struct aws_credentials *credentials) {
        int64_t until_ms = clock_realtime_ms() + SLICE_MS;
        struct timespec until = { until_ms / 1000, until_ms % 1000 * 1000000 };

        pthread_cond_timedwait(&credentials->is_done, &credentials->lock, &until);
}

/* Under the lock. 0 with keys that are good, else why there are none. */
static int make_good(struct aws_credentials *credentials) {
        int64_t now_ms = aws_clock_now_ms(&credentials->clock);
        uint64_t n_fetches = credentials->n_fetches;

        if (is_usable(credentials, now_ms) && (now_ms < credentials->renew_at_ms || credentials->is_fetching))
                return 0;
        if (!credentials->is_fetching)
                renew(credentials);
        while (credentials->n_fetches == n_fetches && !is_late(credentials))
                wait_for_fetch(credentials);
        if (is_usable(credentials, aws_clock_now_ms(&credentials->clock)))
                return 0;
        /* whatever a provider said then, it was not given its time */
        if (is_late(credentials))
                return -ETIMEDOUT;
        return credentials->result ? credentials->result : -EHOSTUNREACH;
}

int aws_credentials_get(struct aws_credentials *credentials, struct aws_keys *ret_keys) {
        char sentence[AWS_SENTENCE_BYTES] = "";
        bool is_alone = false;
        int r;

        pthread_mutex_lock(&credentials->lock);
        r = make_good(credentials);
        if (!r) {
                r = aws_keys_copy(&credentials->keys, ret_keys);
        } else {
                is_alone = *credentials->report.sentences[AWS_PROVIDER_INSTANCE] && !credentials->report.is_found;
                snprintf(sentence, sizeof(sentence), "%s",
                         credentials->report.is_found ? credentials->report.sentences[credentials->report.provider]
                                                      : last_sentence(&credentials->report));
        }
        pthread_mutex_unlock(&credentials->lock);
        if (!r || r == -ENOMEM)
                return error_trace(r);
        return error_origin(r, "looking for AWS keys: %s%s",
                            is_alone ? "none in the environment, the profile and the container; " : "", sentence);
}

void aws_credentials_invalidate(struct aws_credentials *credentials, const struct aws_keys *keys) {
        pthread_mutex_lock(&credentials->lock);
        if (credentials->has_keys && credentials->keys.generation == keys->generation)
                credentials->is_stale = true;
        pthread_mutex_unlock(&credentials->lock);
}

void aws_credentials_report(struct aws_credentials *credentials, struct aws_report *ret_report) {
        pthread_mutex_lock(&credentials->lock);
        *ret_report = credentials->report;
        pthread_mutex_unlock(&credentials->lock);
}

/* Waits until nobody asks providers, so that the settings may ask the instance. Under the lock. */
static int load_settings(struct aws_credentials *credentials) {
        while (credentials->is_fetching && !is_late(credentials))
                wait_for_fetch(credentials);
        if (credentials->is_fetching)
                return error_origin(-ETIMEDOUT, "looking for AWS settings");
        return error_trace(aws_settings_load(&credentials->settings, &credentials->environment));
}

int aws_credentials_region(struct aws_credentials *credentials, const char **ret_region, const char **ret_source) {
        int r;

        pthread_mutex_lock(&credentials->lock);
        r = load_settings(credentials);
        if (!r)
                r = aws_settings_region(&credentials->settings, &credentials->environment, &credentials->clock,
                                        credentials->http, ret_region, ret_source);
        pthread_mutex_unlock(&credentials->lock);
        return error_trace(r);
}

const char *aws_credentials_endpoint(struct aws_credentials *credentials, const char *service) {
        const char *endpoint = NULL;

        pthread_mutex_lock(&credentials->lock);
        if (!load_settings(credentials))
                endpoint = aws_settings_endpoint(&credentials->settings, &credentials->environment, service);
        pthread_mutex_unlock(&credentials->lock);
        return endpoint;
}

const char *aws_credentials_ca_file(struct aws_credentials *credentials) {
        const char *file = credentials->environment.values[AWS_VARIABLE_CA_BUNDLE];

        pthread_mutex_lock(&credentials->lock);
        if (!file && !load_settings(credentials))
                file = aws_settings_get(&credentials->settings, &credentials->environment, "ca_bundle");
        pthread_mutex_unlock(&credentials->lock);
        return file;
}
