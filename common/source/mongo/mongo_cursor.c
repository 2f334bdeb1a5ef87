/*
 * Mongo cursor: two batches, of which the errand's thread fills one while the caller reads the other. The thread alone
 * talks to the server and decides about tries; what went wrong for good is told by the caller's thread.
 */

#include "common/source/mongo/mongo_cursor.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/stall.h"
#include "common/source/mongo/mongo_errand.h"
#include "common/source/mongo/mongo_fetch.h"
#include "common/source/mongo/mongo_field.h"
#include "common/source/mongo/mongo_internal.h"
#include "common/source/mongo/mongo_retry.h"

enum {
        N_BATCHES = 2,
        LOOK_MS = 200, /* how often the caller's thread asks whether it is canceled */
        RUN_DOCUMENTS = 256,
        RUN_BYTES = 256 * 1024,
};

struct mongo_cursor {
        bool (*is_canceled)(void *context);
        void *context;

        struct mongo_batch batches[N_BATCHES]; /* a full one is the caller's, an empty one the thread's */
        bool is_full[N_BATCHES];
        bool is_over;   /* the thread fills no more */
        bool is_ending; /* the caller wants no more */
        pthread_mutex_t lock;
        pthread_cond_t changed;
        struct mongo_errand *errand;

        /* The thread's own, until is_over. */
        struct mongo_fetch fetch;
        struct mongo_verdict verdict; /* code 0: all was read */
        bool is_look;
        int64_t n_estimated;

        /* The caller's own. */
        size_t reading;
        bool has_batch;
        struct mongo_fields documents; /* of the batch in hand that were not handed out */
        struct mongo_span run[RUN_DOCUMENTS];
};

static struct timespec from_now(int64_t ms) {
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        time.tv_sec += (time_t)(ms / 1000);
        time.tv_nsec += (long)(ms % 1000) * 1000000;
        if (time.tv_nsec >= 1000000000) {
                time.tv_sec++;
                time.tv_nsec -= 1000000000;
        }
        return time;
}

static bool is_ending(struct mongo_cursor *cursor) {
        bool is_ending;

        pthread_mutex_lock(&cursor->lock);
        is_ending = cursor->is_ending;
        pthread_mutex_unlock(&cursor->lock);
        return is_ending;
}

/* Returns false when the cursor ends before the time is over. */
static bool pause_for(struct mongo_cursor *cursor, int64_t ms) {
        struct timespec until = from_now(ms);
        bool is_ending;

        pthread_mutex_lock(&cursor->lock);
        while (!cursor->is_ending && pthread_cond_timedwait(&cursor->changed, &cursor->lock, &until) != ETIMEDOUT)
                ;
        is_ending = cursor->is_ending;
        pthread_mutex_unlock(&cursor->lock);
        return !is_ending;
}

/* How the servers fail, as the end of a sentence. */
static const char *how_away(int code) {
        switch (code) {
        case -ECONNREFUSED:
                return "cannot be reached: connections are refused";
        case -EHOSTUNREACH:
                return "cannot be reached: the name has no address just now";
        case -ETIMEDOUT:
                return "cannot be reached: no answer in time";
        case -ECONNRESET:
                return "cannot be reached: the connection breaks off";
        default:
                return "is not ready";
        }
}

/* The next batch that has documents; false at the end of all, whatever the reason. */
static bool fetch_batch(struct mongo_cursor *cursor, struct mongo_batch *batch) {
        struct mongo_fetch *fetch = &cursor->fetch;

        for (int64_t n_failed = 0; !fetch->is_ended;) {
                int64_t pause_ms;

                if (mongo_fetch_next(fetch, batch, &cursor->verdict)) {
                        stall_end(cursor);
                        cursor->verdict.code = 0;
                        if (batch->n_documents)
                                return true;
                        continue;
                }
                if (cursor->verdict.code >= 0 || ++n_failed >= MONGO_TRIES || fetch->client->patience_ms ||
                    is_ending(cursor))
                        break;
                pause_ms = cursor->verdict.is_cursor_lost && n_failed == 1 ? 0 : mongo_retry_pause_ms(n_failed);
                log_warn("source=mongodb n_documents=%" PRId64 " %s: %s, retrying in %" PRId64 " ms",
                         fetch->n_documents, fetch->client->name, cursor->verdict.words, pause_ms);
                if (n_failed > 1)
                        stall_note(cursor, pause_ms, "%s of MongoDB at %s %s (%s)", fetch->client->name,
                                   fetch->client->servers, how_away(cursor->verdict.code), cursor->verdict.words);
                if (!pause_for(cursor, pause_ms))
                        break;
        }
        stall_end(cursor);
        return false;
}

/* Waits until the batch may be filled; false when the cursor ends. */
static bool await_empty(struct mongo_cursor *cursor, size_t filling) {
        bool is_ending;

        pthread_mutex_lock(&cursor->lock);
        while (cursor->is_full[filling] && !cursor->is_ending)
                pthread_cond_wait(&cursor->changed, &cursor->lock);
        is_ending = cursor->is_ending;
        pthread_mutex_unlock(&cursor->lock);
        return !is_ending;
}

/* What who looks wants to know beside the documents. */
static void look_around(struct mongo_cursor *cursor) {
        struct mongo_fetch *fetch = &cursor->fetch;

        if (!cursor->is_look || cursor->verdict.code || !fetch->is_ended || is_ending(cursor))
                return;
        if (fetch->n_documents)
                cursor->n_estimated = mongo_client_estimate(fetch->client);
        else
                cursor->verdict.code = mongo_client_explain_empty(fetch->client, &cursor->verdict.fault);
}

static void cursor_run(void *context) {
        struct mongo_cursor *cursor = context;
        size_t filling = 0;

        mongo_client_hold(cursor->fetch.client);
        while (await_empty(cursor, filling) && fetch_batch(cursor, &cursor->batches[filling])) {
                pthread_mutex_lock(&cursor->lock);
                cursor->is_full[filling] = true;
                pthread_cond_broadcast(&cursor->changed);
                pthread_mutex_unlock(&cursor->lock);
                filling = (filling + 1) % N_BATCHES;
        }
        look_around(cursor);
        pthread_mutex_lock(&cursor->lock);
        cursor->is_over = true;
        pthread_cond_broadcast(&cursor->changed);
        pthread_mutex_unlock(&cursor->lock);
        mongo_fetch_forget(&cursor->fetch, true);
        mongo_client_release(cursor->fetch.client);
}

static void cursor_undo(void *context) {
        struct mongo_cursor *cursor = context;

        mongo_fetch_finish(&cursor->fetch);
        mongo_client_destroy(cursor->fetch.client);
        for (size_t i = 0; i < N_BATCHES; i++)
                bson_destroy(&cursor->batches[i].reply);
        pthread_cond_destroy(&cursor->changed);
        pthread_mutex_destroy(&cursor->lock);
        free(cursor);
}

static void init_wait(struct mongo_cursor *cursor) {
        pthread_condattr_t attributes;

        pthread_mutex_init(&cursor->lock, NULL);
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&cursor->changed, &attributes);
        pthread_condattr_destroy(&attributes);
}

int mongo_cursor_create(struct mongo_client *client, const struct mongo_cursor_options *options,
                        struct mongo_cursor **ret_cursor) {
        struct mongo_cursor *cursor = calloc(1, sizeof(*cursor));
        int r;

        if (!cursor)
                return error_origin(-ENOMEM, "reading MongoDB");
        cursor->is_canceled = options->is_canceled;
        cursor->context = options->context;
        cursor->is_look = options->is_look;
        cursor->n_estimated = -1;
        init_wait(cursor);
        for (size_t i = 0; i < N_BATCHES; i++)
                bson_init(&cursor->batches[i].reply);
        mongo_fetch_init(&cursor->fetch, mongo_client_share(client), options);
        r = mongo_errand_start(cursor_run, cursor_undo, cursor, &cursor->errand);
        if (r) {
                cursor_undo(cursor);
                return error_trace(r);
        }
        *ret_cursor = cursor;
        return 0;
}

struct mongo_cursor *mongo_cursor_destroy(struct mongo_cursor *cursor) {
        if (!cursor)
                return NULL;
        pthread_mutex_lock(&cursor->lock);
        cursor->is_ending = true;
        pthread_cond_broadcast(&cursor->changed);
        pthread_mutex_unlock(&cursor->lock);
        mongo_errand_end(cursor->errand);
        return NULL;
}

void mongo_cursor_destroy_pointer(struct mongo_cursor **cursor) {
        *cursor = mongo_cursor_destroy(*cursor);
}

/* Gives the batch in hand back. */
static void release(struct mongo_cursor *cursor) {
        if (!cursor->has_batch)
                return;
        cursor->has_batch = false;
        pthread_mutex_lock(&cursor->lock);
        cursor->is_full[cursor->reading] = false;
        pthread_cond_broadcast(&cursor->changed);
        pthread_mutex_unlock(&cursor->lock);
        cursor->reading = (cursor->reading + 1) % N_BATCHES;
}

/* Waits for the next batch. 0 with or without one, or -ECANCELED. */
static int await_batch(struct mongo_cursor *cursor) {
        bool is_canceled = false;

        pthread_mutex_lock(&cursor->lock);
        while (!cursor->is_full[cursor->reading] && !cursor->is_over && !is_canceled) {
                struct timespec until = from_now(LOOK_MS);

                pthread_cond_timedwait(&cursor->changed, &cursor->lock, &until);
                if (!cursor->is_canceled)
                        continue;
                pthread_mutex_unlock(&cursor->lock);
                is_canceled = cursor->is_canceled(cursor->context);
                pthread_mutex_lock(&cursor->lock);
        }
        cursor->has_batch = cursor->is_full[cursor->reading];
        pthread_mutex_unlock(&cursor->lock);
        return is_canceled && !cursor->has_batch ? -ECANCELED : 0;
}

/* The thread is over, and all that it fetched was handed out. */
static int conclude(struct mongo_cursor *cursor, struct fault *fault) {
        const struct mongo_verdict *verdict = &cursor->verdict;

        if (verdict->code == FAULT_E_INPUT)
                *fault = verdict->fault;
        if (verdict->code < 0)
                return error_origin_in_full(verdict->code, "%s of MongoDB at %s %s (%s)", cursor->fetch.client->name,
                                            cursor->fetch.client->servers, how_away(verdict->code), verdict->words);
        return verdict->code;
}

/* One more document of the batch in hand. */
static bool take(struct mongo_cursor *cursor, struct mongo_span *ret_document) {
        struct mongo_field field;

        if (mongo_fields_next(&cursor->documents, &field) != MONGO_NEXT_FIELD)
                return false;
        *ret_document = (struct mongo_span){ field.value, field.n_value };
        return true;
}

int mongo_cursor_next_run(struct mongo_cursor *cursor, size_t n_max, const struct mongo_span **ret_documents,
                          size_t *ret_n, struct fault *fault) {
        size_t n = 1, n_bytes;
        int r;

        while (!cursor->has_batch || !take(cursor, cursor->run)) {
                const struct mongo_batch *batch;

                release(cursor);
                r = await_batch(cursor);
                if (r)
                        return error_trace(r);
                if (!cursor->has_batch) {
                        *ret_n = 0;
                        return conclude(cursor, fault);
                }
                batch = &cursor->batches[cursor->reading];
                if (!mongo_fields_begin(batch->array, batch->n_array, &cursor->documents))
                        assert(!"the thread has looked through it");
        }
        for (n_bytes = cursor->run[0].n_bytes; n < RUN_DOCUMENTS && n < n_max && n_bytes < RUN_BYTES; n++) {
                if (!take(cursor, &cursor->run[n]))
                        break;
                n_bytes += cursor->run[n].n_bytes;
        }
        *ret_documents = cursor->run;
        *ret_n = n;
        return 0;
}

int mongo_cursor_next(struct mongo_cursor *cursor, const uint8_t **ret_document, size_t *ret_n_bytes,
                      struct fault *fault) {
        const struct mongo_span *document;
        size_t n;
        int r;

        r = mongo_cursor_next_run(cursor, 1, &document, &n, fault);
        if (r)
                return error_trace(r);
        *ret_document = n ? document->bytes : NULL;
        *ret_n_bytes = n ? document->n_bytes : 0;
        return 0;
}

int64_t mongo_cursor_estimate(const struct mongo_cursor *cursor) {
        return cursor->n_estimated;
}
