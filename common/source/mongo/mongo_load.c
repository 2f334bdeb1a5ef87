/* Mongo load: two batches, of which one is filled while the other is inserted. */

#include "common/source/mongo/mongo_load.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/source/mongo/mongo_insert.h"

struct mongo_load {
        struct mongo_load_options options;
        struct mongo_client *client;
        struct mongo_insert *insert; /* of the thread, once that runs */

        struct mongo_keys keys;          /* row + 1 of each key; without a key: how many have the content */
        struct digest_content *contents; /* of the rows of a table, without a key */
        int64_t n_rows;
        struct mongo_load_batch batches[2];
        size_t filling;  /* the batch of the caller */
        int64_t tick_ms; /* monotonic: when on_tick() is due */

        pthread_t thread;
        bool is_started;
        pthread_mutex_t lock; /* of all that follows */
        pthread_cond_t changed;
        bool is_busy; /* the thread has the other batch, or looks at the collection */
        bool is_over; /* the caller wants no more */
        int result;
        struct mongo_verdict verdict;
        struct mongo_load_progress progress;
};

static void wait_ms(struct mongo_load *load, int64_t ms) {
        struct timespec until;

        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += ms / 1000;
        until.tv_nsec += ms % 1000 * 1000000;
        if (until.tv_nsec >= 1000000000) {
                until.tv_sec++;
                until.tv_nsec -= 1000000000;
        }
        pthread_cond_timedwait(&load->changed, &load->lock, &until);
}

/* In the thread. */
static bool pause_before_try(void *context, const char *words, int64_t pause_ms) {
        struct mongo_load *load = context;
        int64_t end_ms = clock_monotonic_ms() + pause_ms, left_ms;
        bool goes_on;

        pthread_mutex_lock(&load->lock);
        snprintf(load->progress.reason, sizeof(load->progress.reason), "%s", words);
        load->progress.retry_ms = clock_realtime_ms() + pause_ms;
        while (!load->is_over && (left_ms = end_ms - clock_monotonic_ms()) > 0)
                wait_ms(load, left_ms);
        goes_on = !load->is_over;
        pthread_mutex_unlock(&load->lock);
        return goes_on;
}

static int begin(struct mongo_load *load, struct mongo_verdict *verdict) {
        struct mongo_load_progress progress = { .n_before = 0, .n_dropped = -1 };
        bool is_empty = false;
        int r = 0;

        if (load->options.must_drop)
                r = mongo_insert_drop(load->insert, &progress.n_dropped, verdict);
        if (!r)
                r = mongo_insert_look(load->insert, &is_empty, verdict);
        if (r)
                return r;
        if (!is_empty)
                progress.n_before = mongo_client_estimate(load->client);
        pthread_mutex_lock(&load->lock);
        load->progress = progress;
        pthread_mutex_unlock(&load->lock);
        return 0;
}

static int insert(struct mongo_load *load, struct mongo_load_batch *batch, struct mongo_verdict *verdict) {
        int64_t n_inserted = 0, n_present = 0;
        int r;

        r = mongo_insert_batch(load->insert, batch, &n_inserted, &n_present, verdict);
        pthread_mutex_lock(&load->lock);
        load->progress.n_inserted += n_inserted;
        load->progress.n_present += n_present;
        pthread_mutex_unlock(&load->lock);
        return r;
}

/* A job after the other: first the look at the collection, then batches. */
static void *run(void *argument) {
        struct mongo_verdict verdict = { .fault = FAULT_NULL };
        struct mongo_load *load = argument;
        struct mongo_load_batch *batch = NULL;
        int r;

        pthread_mutex_lock(&load->lock);
        for (;;) {
                while (!load->is_busy && !load->is_over)
                        pthread_cond_wait(&load->changed, &load->lock);
                if (load->is_over)
                        break;
                pthread_mutex_unlock(&load->lock);
                r = batch ? insert(load, batch, &verdict) : begin(load, &verdict);
                /* the caller hands over what it has filled, and fills this one next */
                batch = batch == &load->batches[0] ? &load->batches[1] : &load->batches[0];
                pthread_mutex_lock(&load->lock);
                load->result = r;
                if (r)
                        load->verdict = verdict;
                load->progress.reason[0] = '\0';
                load->is_busy = false;
                pthread_cond_broadcast(&load->changed);
        }
        /* a job that was handed over and not begun is not waited for */
        load->is_busy = false;
        pthread_cond_broadcast(&load->changed);
        pthread_mutex_unlock(&load->lock);
        return NULL;
}

/* What the thread met, told by the caller's. */
static int tell(struct mongo_load *load, struct fault *fault) {
        int r = load->result;

        if (r == FAULT_E_INPUT)
                *fault = load->verdict.fault;
        else if (r && r == load->verdict.code)
                return error_origin(r, "MongoDB is away, %s", load->verdict.words);
        return r;
}

void mongo_load_progress(struct mongo_load *load, struct mongo_load_progress *ret_progress) {
        pthread_mutex_lock(&load->lock);
        *ret_progress = load->progress;
        pthread_mutex_unlock(&load->lock);
}

/* True when the caller gives up. */
static bool tick(struct mongo_load *load) {
        int64_t now_ms = clock_monotonic_ms();
        struct mongo_load_progress progress;

        if (!load->options.on_tick || now_ms < load->tick_ms)
                return false;
        load->tick_ms = now_ms + MONGO_LOAD_TICK_MS;
        mongo_load_progress(load, &progress);
        return load->options.on_tick(load->options.context, &progress);
}

/* Waits until the thread has done what it has in hand; a canceled caller waits for the request alone. */
static int settle(struct mongo_load *load, struct fault *fault) {
        bool is_canceled = tick(load);
        int r;

        pthread_mutex_lock(&load->lock);
        for (;;) {
                if (is_canceled && !load->is_over) {
                        load->is_over = true;
                        pthread_cond_broadcast(&load->changed);
                }
                if (!load->is_busy)
                        break;
                wait_ms(load, MONGO_LOAD_TICK_MS);
                if (load->is_over)
                        continue;
                pthread_mutex_unlock(&load->lock);
                is_canceled = tick(load);
                pthread_mutex_lock(&load->lock);
        }
        r = load->is_over ? -ECANCELED : tell(load, fault);
        pthread_mutex_unlock(&load->lock);
        return r;
}

static void start_job(struct mongo_load *load) {
        pthread_mutex_lock(&load->lock);
        load->is_busy = true;
        pthread_cond_broadcast(&load->changed);
        pthread_mutex_unlock(&load->lock);
}

static int check(const struct mongo_load *load, struct fault *fault) {
        const struct schema *schema = load->options.schema;
        const struct schema_column *column = schema_find(schema, "_id", strlen("_id"));

        if (column && (size_t)(column - schema->columns) != schema->key) {
                fault_at(fault, schema->name, 0, 0);
                fault_in(fault, column->name, -1);
                return fault_set(fault, "KEY_UNFIT",
                                 "a column of this name must be the key: MongoDB keeps documents by it");
        }
        if (!mongoc_write_concern_is_acknowledged(mongoc_client_get_write_concern(load->client->client))) {
                fault_at(fault, load->client->name, 0, 0);
                return fault_set(fault, "SOURCE_URI_INVALID",
                                 "with the write concern w=0 nobody would know what has arrived; leave it out of the "
                                 "URI");
        }
        return 0;
}

static int init(struct mongo_load *load) {
        pthread_condattr_t attributes;
        int r;

        pthread_mutex_init(&load->lock, NULL);
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&load->changed, &attributes);
        pthread_condattr_destroy(&attributes);
        r = mongo_insert_create(&(struct mongo_insert_options){ .client = load->client,
                                                                .schema = load->options.schema,
                                                                .pause = pause_before_try,
                                                                .context = load },
                                &load->insert);
        for (size_t i = 0; i < N_ELEMENTS(load->batches) && !r; i++)
                r = mongo_load_batch_init(&load->batches[i]);
        if (r)
                return error_trace(r);
        if (load->options.schema->key == SCHEMA_NO_VALUE) {
                load->contents = calloc(TABLE_BATCH_ROWS, sizeof(*load->contents));
                if (!load->contents)
                        return error_origin(-ENOMEM, "loading rows");
        }
        r = pthread_create(&load->thread, NULL, run, load);
        if (r)
                return error_origin(-r, "starting a thread that inserts");
        load->is_started = true;
        return 0;
}

int mongo_load_create(struct mongo_client *client, const struct mongo_load_options *options,
                      struct mongo_load **ret_load, struct fault *fault) {
        _cleanup_(mongo_load_destroy_pointer) struct mongo_load *load = calloc(1, sizeof(*load));
        int r;

        if (!load)
                return error_origin(-ENOMEM, "loading rows");
        load->options = *options;
        load->client = client;
        r = init(load);
        if (!r)
                r = check(load, fault);
        if (r)
                return error_trace(r);
        start_job(load);
        r = settle(load, fault);
        if (r)
                return error_trace(r);
        *ret_load = steal(load);
        return 0;
}

struct mongo_load *mongo_load_destroy(struct mongo_load *load) {
        if (!load)
                return NULL;
        if (load->is_started) {
                pthread_mutex_lock(&load->lock);
                load->is_over = true;
                pthread_cond_broadcast(&load->changed);
                pthread_mutex_unlock(&load->lock);
                pthread_join(load->thread, NULL);
        }
        mongo_insert_destroy(load->insert);
        mongo_load_batch_finish(&load->batches[0]);
        mongo_load_batch_finish(&load->batches[1]);
        mongo_keys_finish(&load->keys);
        free(load->contents);
        pthread_cond_destroy(&load->changed);
        pthread_mutex_destroy(&load->lock);
        free(load);
        return NULL;
}

void mongo_load_destroy_pointer(struct mongo_load **load) {
        *load = mongo_load_destroy(*load);
}

/* Hands the filled batch to the thread, when that has done the one before. */
static int send_batch(struct mongo_load *load, struct fault *fault) {
        int r;

        r = settle(load, fault);
        if (r)
                return error_trace(r);
        load->filling = 1 - load->filling;
        mongo_load_batch_clear(&load->batches[load->filling]);
        start_job(load);
        return 0;
}

static int refuse_key(const struct mongo_load *load, const char *code, int64_t row, const char *sentence,
                      struct fault *fault) {
        const struct schema *schema = load->options.schema;

        fault_at(fault, load->options.name, 0, 0);
        fault_in(fault, schema->columns[schema->key].name, row);
        return fault_set(fault, code, "row %" PRId64 " %s", row + 1, sentence);
}

static int name_row(struct mongo_load *load, const struct table *batch, size_t at, char scratch[MONGO_ID_SCRATCH_BYTES],
                    struct mongo_id *ret_id, struct fault *fault) {
        char shown[VALUE_QUOTE_BYTES], sentence[256];
        int64_t row = load->n_rows, earlier;
        struct digest_content digest;

        if (load->options.schema->key == SCHEMA_NO_VALUE) {
                earlier = mongo_keys_get(&load->keys, &load->contents[at]);
                mongo_id_of_content(&load->contents[at], earlier + 1, scratch, ret_id);
                return error_trace(mongo_keys_put(&load->keys, &load->contents[at], earlier + 1));
        }
        if (!mongo_id_of_key(load->options.schema, batch, at, ret_id))
                return refuse_key(load, "KEY_MISSING", row, "has no key, which is to be the document's _id", fault);
        digest = mongo_id_digest(ret_id);
        earlier = mongo_keys_get(&load->keys, &digest);
        if (earlier) {
                snprintf(sentence, sizeof(sentence), "has the key %s, which row %" PRId64 " has already",
                         mongo_id_show(ret_id, shown), earlier);
                return refuse_key(load, "KEY_DUPLICATE", row, sentence, fault);
        }
        return error_trace(mongo_keys_put(&load->keys, &digest, row + 1));
}

int mongo_load_add(struct mongo_load *load, const struct table *batch, struct fault *fault) {
        char scratch[MONGO_ID_SCRATCH_BYTES];
        struct mongo_id id;
        int r = 0;

        assert(batch->n_rows <= TABLE_BATCH_ROWS);
        if (load->contents && batch->n_rows) {
                memset(load->contents, 0, batch->n_rows * sizeof(*load->contents));
                r = table_digest_rows(batch, load->contents);
        }
        for (size_t i = 0; i < batch->n_rows && !r; i++) {
                if (mongo_load_batch_is_full(&load->batches[load->filling]))
                        r = send_batch(load, fault);
                if (!r)
                        r = name_row(load, batch, i, scratch, &id, fault);
                if (!r)
                        r = mongo_load_batch_add(&load->batches[load->filling], load->options.schema, batch, i, &id,
                                                 load->n_rows);
                load->n_rows += !r;
        }
        return error_trace(r);
}

int mongo_load_finish(struct mongo_load *load, struct fault *fault) {
        int r;

        r = load->batches[load->filling].n_documents ? send_batch(load, fault) : 0;
        if (!r)
                r = settle(load, fault);
        return error_trace(r);
}
