/* Dataset writer: two builders, one filling while a thread writes the other. */

#include "services/ingestor/dataset_writer.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"

struct dataset_writer {
        struct store_writer *blob;
        struct arrow_writer *arrow;
        struct table_builder *builders[2];
        size_t filling; /* the caller's builder; the other one is the thread's while is_full */

        pthread_t thread;
        bool has_thread;
        pthread_mutex_t lock;
        pthread_cond_t changed;
        bool is_full;     /* the other builder waits to be written */
        bool is_ended;    /* nothing follows what was handed over, but the rows in the filling builder */
        bool is_given_up; /* what is there is not to be written */
        int result;       /* the first failure */
        char reason[ERROR_REASON_BYTES];

        struct digest_content content; /* the thread's until it has ended, as dataset */
        struct dataset dataset;
};

static size_t text_bytes(const struct table *table) {
        size_t n = 0;

        for (size_t k = 0; k < table->n_columns; k++)
                if (table->columns[k].type == COLUMN_UTF8 && table->columns[k].offsets)
                        n += (size_t)(table->columns[k].offsets[table->n_rows] - table->columns[k].offsets[0]);
        return n;
}

static size_t row_text_bytes(const struct table *table, size_t row) {
        size_t n = 0, n_bytes;

        for (size_t k = 0; k < table->n_columns; k++)
                if (table->columns[k].type == COLUMN_UTF8) {
                        (void)column_text(&table->columns[k], row, &n_bytes);
                        n += n_bytes;
                }
        return n;
}

static int write_batch(struct dataset_writer *writer, struct table_builder *builder) {
        struct table batch = table_builder_view(builder);
        int r;

        r = table_add_content(&batch, &writer->content);
        if (!r)
                r = arrow_writer_add(writer->arrow, &batch);
        return error_trace(r);
}

/* Ends the file and makes it a blob. */
static int publish(struct dataset_writer *writer) {
        struct arrow_summary summary;
        int r;

        r = arrow_writer_finish(writer->arrow, &summary);
        if (!r)
                r = store_writer_publish(writer->blob, summary.sha256, NULL);
        if (r)
                return error_trace(r);
        memcpy(writer->dataset.sha256, summary.sha256, sizeof(writer->dataset.sha256));
        digest_content_format(&writer->content, writer->dataset.content);
        writer->dataset.n_rows = summary.n_rows;
        writer->dataset.n_bytes = summary.n_bytes;
        return 0;
}

static void keep_result(struct dataset_writer *writer, int r) {
        writer->result = r;
        if (r < 0)
                snprintf(writer->reason, sizeof(writer->reason), "%s", error_reason(r));
}

/* The thread's failure becomes the caller's. */
static int give_result(const struct dataset_writer *writer) {
        if (writer->result < 0)
                error_adopt(writer->result, writer->reason);
        return error_trace(writer->result);
}

static void *writer_main(void *argument) {
        struct dataset_writer *writer = argument;
        bool is_given_up;
        size_t other;
        int r = 0;

        pthread_mutex_lock(&writer->lock);
        for (;;) {
                while (!writer->is_full && !writer->is_ended)
                        pthread_cond_wait(&writer->changed, &writer->lock);
                if (!writer->is_full || writer->is_given_up)
                        break;
                other = 1 - writer->filling;
                pthread_mutex_unlock(&writer->lock);
                if (!r)
                        r = write_batch(writer, writer->builders[other]);
                table_builder_clear(writer->builders[other]);
                pthread_mutex_lock(&writer->lock);
                keep_result(writer, r);
                writer->is_full = false;
                pthread_cond_signal(&writer->changed);
        }
        is_given_up = writer->is_given_up;
        pthread_mutex_unlock(&writer->lock);
        if (r || is_given_up)
                return NULL;
        r = write_batch(writer, writer->builders[writer->filling]);
        if (!r)
                r = publish(writer);
        keep_result(writer, r);
        return NULL;
}

static int create_builders(struct dataset_writer *writer, const struct table *shape) {
        int r;

        for (size_t i = 0; i < N_ELEMENTS(writer->builders); i++) {
                r = table_builder_create(&writer->builders[i]);
                for (size_t k = 0; k < shape->n_columns && !r; k++)
                        r = table_builder_add_column(writer->builders[i], shape->columns[k].name,
                                                     shape->columns[k].type);
                if (r)
                        return error_trace(r);
        }
        return 0;
}

int dataset_writer_create(struct store *store, const struct table *shape, const struct arrow_note *notes,
                          size_t n_notes, struct dataset_writer **ret_writer) {
        _cleanup_(dataset_writer_destroy_pointer) struct dataset_writer *writer = calloc(1, sizeof(*writer));
        int r;

        if (!writer)
                return error_origin(-ENOMEM, "creating a dataset");
        pthread_mutex_init(&writer->lock, NULL);
        pthread_cond_init(&writer->changed, NULL);
        r = create_builders(writer, shape);
        if (!r)
                r = store_writer_create(store, &writer->blob);
        if (!r)
                r = arrow_writer_create(store_writer_fd(writer->blob), shape, notes, n_notes, &writer->arrow);
        if (r)
                return error_trace(r);
        r = pthread_create(&writer->thread, NULL, writer_main, writer);
        if (r)
                return error_origin(-r, "starting a thread for a dataset");
        writer->has_thread = true;
        *ret_writer = steal(writer);
        return 0;
}

static void join(struct dataset_writer *writer) {
        if (writer->has_thread)
                pthread_join(writer->thread, NULL);
        writer->has_thread = false;
}

struct dataset_writer *dataset_writer_destroy(struct dataset_writer *writer) {
        if (!writer)
                return NULL;
        pthread_mutex_lock(&writer->lock);
        writer->is_ended = writer->is_given_up = true;
        pthread_cond_signal(&writer->changed);
        pthread_mutex_unlock(&writer->lock);
        join(writer);
        arrow_writer_destroy(writer->arrow);
        store_writer_destroy(writer->blob);
        for (size_t i = 0; i < N_ELEMENTS(writer->builders); i++)
                table_builder_destroy(writer->builders[i]);
        pthread_cond_destroy(&writer->changed);
        pthread_mutex_destroy(&writer->lock);
        free(writer);
        return NULL;
}

void dataset_writer_destroy_pointer(struct dataset_writer **writer) {
        *writer = dataset_writer_destroy(*writer);
}

/* Hands the full builder to the thread as soon as that has written the other one. */
static int hand_over(struct dataset_writer *writer) {
        int r;

        pthread_mutex_lock(&writer->lock);
        while (writer->is_full)
                pthread_cond_wait(&writer->changed, &writer->lock);
        r = give_result(writer);
        if (!r) {
                writer->filling = 1 - writer->filling;
                writer->is_full = true;
                pthread_cond_signal(&writer->changed);
        }
        pthread_mutex_unlock(&writer->lock);
        return error_trace(r);
}

/* How many of the rows still belong to the batch in hand, which then has *ret_n_text bytes of text. At least one. */
static size_t count_fitting(const struct table_builder *builder, size_t n_text, const struct table *table,
                            const uint32_t *rows, size_t n_rows, size_t *ret_n_text) {
        size_t n_max = TABLE_BATCH_ROWS - table_builder_n_rows(builder), n = 0;

        if (n_max > n_rows)
                n_max = n_rows;
        if (n_text + text_bytes(table) < DATASET_WRITER_TEXT_BYTES) {
                *ret_n_text = 0;
                return n_max;
        }
        while (n < n_max && n_text < DATASET_WRITER_TEXT_BYTES)
                n_text += row_text_bytes(table, rows[n++]);
        *ret_n_text = n_text;
        return n;
}

int dataset_writer_add(struct dataset_writer *writer, const struct table *table, const uint32_t *rows, size_t n_rows) {
        assert(!writer->is_ended);
        while (n_rows) {
                struct table_builder *builder = writer->builders[writer->filling];
                struct table batch = table_builder_view(builder);
                size_t n_text, n = count_fitting(builder, text_bytes(&batch), table, rows, n_rows, &n_text);
                int r;

                r = table_builder_add_rows(builder, table, rows, n);
                if (!r && (table_builder_n_rows(builder) == TABLE_BATCH_ROWS || n_text >= DATASET_WRITER_TEXT_BYTES))
                        r = hand_over(writer);
                if (r)
                        return error_trace(r);
                rows += n;
                n_rows -= n;
        }
        return 0;
}

void dataset_writer_end(struct dataset_writer *writer) {
        pthread_mutex_lock(&writer->lock);
        writer->is_ended = true;
        pthread_cond_signal(&writer->changed);
        pthread_mutex_unlock(&writer->lock);
}

int dataset_writer_finish(struct dataset_writer *writer, struct dataset *ret_dataset) {
        assert(writer->is_ended);
        join(writer);
        if (writer->result)
                return give_result(writer);
        *ret_dataset = writer->dataset;
        return 0;
}
