/*
 * What script/bench sources measures of MongoDB, in processes of their own so that nothing is warm for another:
 *
 *      mongo make SCHEMA PIPELINE ROWS FILE   documents of generated rows, as `convoy data load` makes them
 *      mongo drain URI                        libmongoc's own cursor, each document touched by nobody
 *      mongo read SCHEMA URI                  rows of the schema from the collection, and nothing made of them
 *      mongo ingest SCHEMA URI STORE          all that the ingestor does: split, digests, two datasets in the store
 *      mongo wire PORT                        the bytes of all replies by bare sockets: what the server can give
 *
 * The last four print seconds and documents (wire: bytes).
 */

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <mongoc/mongoc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/clock.h"
#include "common/source/mongo/mongo_load_batch.h"
#include "common/source/source.h"
#include "services/ingestor/ingest.h"

#define DATABASE "bench"
#define COLLECTION "rows"

static int tell(int64_t started_ns, int64_t n) {
        printf("%.6f %" PRId64 "\n", (double)(clock_monotonic_ns() - started_ns) / 1e9, n);
        return 0;
}

static int write_batch(struct mongo_load_batch *batch, FILE *file) {
        size_t n = fwrite(batch->bytes.data, 1, batch->bytes.n_bytes, file);
        bool is_short = n != batch->bytes.n_bytes;

        mongo_load_batch_clear(batch);
        return is_short ? -EIO : 0;
}

static int write_rows(const struct schema *schema, const struct table *rows, int64_t n_before,
                      struct mongo_load_batch *batch, FILE *file) {
        struct mongo_id id;
        int r = 0;

        for (size_t i = 0; i < rows->n_rows && !r; i++) {
                if (mongo_load_batch_is_full(batch))
                        r = write_batch(batch, file);
                if (!r && !mongo_id_of_key(schema, rows, i, &id))
                        r = -EINVAL;
                if (!r)
                        r = mongo_load_batch_add(batch, schema, rows, i, &id, n_before + (int64_t)i);
        }
        return r;
}

static int make(const struct schema *schema, const char *pipeline, const char *n_rows, const char *path,
                struct fault *fault) {
        _cleanup_(source_close_pointer) struct source *source = NULL;
        struct mongo_load_batch batch = MONGO_LOAD_BATCH_NULL;
        struct table rows = TABLE_NULL;
        FILE *file = fopen(path, "w");
        int64_t n = 0;
        char uri[128];
        int r;

        snprintf(uri, sizeof(uri), "generate:rows=%s,seed=1", n_rows);
        r = file ? source_open(&(struct source_options){ .uri = uri, .pipeline_path = pipeline, .schema = schema },
                               &source, fault)
                 : -errno;
        if (!r)
                r = mongo_load_batch_init(&batch);
        while (!r && !(r = source_read(source, &rows, fault)) && rows.n_rows) {
                r = write_rows(schema, &rows, n, &batch, file);
                n += (int64_t)rows.n_rows;
        }
        if (!r)
                r = write_batch(&batch, file);
        if (file && fclose(file) && !r)
                r = -errno;
        mongo_load_batch_finish(&batch);
        return r;
}

static int drain(const char *uri) {
        mongoc_client_t *client;
        mongoc_collection_t *collection;
        bson_t filter = BSON_INITIALIZER, *options = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}");
        mongoc_cursor_t *cursor;
        const bson_t *document;
        int64_t started, n = 0;
        bson_error_t error;
        bool is_broken;

        mongoc_init();
        started = clock_monotonic_ns();
        client = mongoc_client_new(uri);
        collection = mongoc_client_get_collection(client, DATABASE, COLLECTION);
        cursor = mongoc_collection_find_with_opts(collection, &filter, options, NULL);
        while (mongoc_cursor_next(cursor, &document))
                n++;
        is_broken = mongoc_cursor_error(cursor, &error);
        tell(started, n);
        mongoc_cursor_destroy(cursor);
        mongoc_collection_destroy(collection);
        mongoc_client_destroy(client);
        bson_destroy(options);
        return is_broken ? -EIO : 0;
}

static int read_rows(const struct schema *schema, const char *uri, struct fault *fault) {
        _cleanup_(source_close_pointer) struct source *source = NULL;
        int64_t started = clock_monotonic_ns(), n = 0;
        struct table rows = TABLE_NULL;
        int r;

        r = source_open(
                &(struct source_options){
                        .uri = uri, .database = DATABASE, .collection = COLLECTION, .schema = schema },
                &source, fault);
        while (!r && !(r = source_read(source, &rows, fault)) && rows.n_rows)
                n += (int64_t)rows.n_rows;
        return r ? r : tell(started, n);
}

static int ingest_rows(const struct schema *schema, const char *uri, const char *store_uri, struct fault *fault) {
        _cleanup_(store_close_pointer) struct store *store = NULL;
        static struct parameters parameters;
        struct ingestion ingestion = { 0 };
        struct ingest_input input = { .parameters = &parameters,
                                      .schema = schema,
                                      .source_uri = uri,
                                      .database = DATABASE,
                                      .collection = COLLECTION,
                                      .pipeline_folder = "." };
        int64_t started;
        int r;

        parameters_init(&parameters, "rows");
        parameters.split = (struct split){ .salt = 1, .test_ten_thousandths = 2500 };
        r = store_open(&(struct store_options){ .uri = store_uri }, &store, fault);
        started = clock_monotonic_ns();
        input.store = store;
        if (!r)
                r = ingest(&input, &ingestion, fault);
        return r ? r : tell(started, ingestion.train.n_rows + ingestion.test.n_rows);
}

static int receive_message(int fd, uint8_t **bytes, size_t *room, size_t *ret_n_bytes) {
        uint8_t head[4];
        size_t n;

        if (recv(fd, head, sizeof(head), MSG_WAITALL) != sizeof(head))
                return -EIO;
        n = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
        if (n > *room) {
                free(*bytes);
                *bytes = malloc(n);
                *room = *bytes ? n : 0;
        }
        if (!*bytes || recv(fd, *bytes, n - 4, MSG_WAITALL) != (ssize_t)n - 4)
                return -EIO;
        *ret_n_bytes = n;
        return 0;
}

static int exchange(int fd, const bson_t *command, uint8_t **bytes, size_t *room, size_t *ret_n_bytes) {
        uint8_t message[512] = { 0 };
        size_t n_message = (size_t)command->len + 21;
        int32_t header[4] = { (int32_t)n_message, 1, 0, 2013 };

        if (n_message > sizeof(message))
                return -E2BIG;
        memcpy(message, header, sizeof(header));
        memcpy(message + 21, bson_get_data(command), command->len);
        if (send(fd, message, n_message, 0) != (ssize_t)n_message)
                return -EIO;
        return receive_message(fd, bytes, room, ret_n_bytes);
}

/* The id of the cursor stands behind the batch of the reply. */
static int64_t next_cursor(const uint8_t *message, size_t n_bytes) {
        bson_iter_t iterator, cursor;
        bson_t reply;

        /* the length of the message was read before it */
        if (!bson_init_static(&reply, message + 17, n_bytes - 21) ||
            !bson_iter_init_find(&iterator, &reply, "cursor") || !bson_iter_recurse(&iterator, &cursor) ||
            !bson_iter_find(&cursor, "id"))
                return 0;
        return bson_iter_int64(&cursor);
}

static int wire(const char *port) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM, 0), r = 0;
        int64_t started, n_total = 0, id = 0;
        uint8_t *bytes = NULL;
        size_t room = 0, n = 0;

        address.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
        started = clock_monotonic_ns();
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
                return -errno;
        do {
                bson_t *command = id ? BCON_NEW("getMore", BCON_INT64(id), "collection", COLLECTION, "$db", DATABASE)
                                     : BCON_NEW("find", COLLECTION, "filter", "{", "}", "$db", DATABASE);

                r = exchange(fd, command, &bytes, &room, &n);
                bson_destroy(command);
                if (r)
                        break;
                n_total += (int64_t)n;
                id = next_cursor(bytes, n);
        } while (id);
        free(bytes);
        close(fd);
        return r ? r : tell(started, n_total);
}

int main(int argc, char **argv) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = NULL;
        struct fault fault = FAULT_NULL;
        char text[FAULT_TEXT_BYTES];
        const char *what = argc > 1 ? argv[1] : "";
        int r = -EINVAL;

        if (argc == 3 && !strcmp(what, "wire"))
                r = wire(argv[2]);
        else if (argc == 3 && !strcmp(what, "drain"))
                r = drain(argv[2]);
        else if (argc > 3)
                r = schema_load(argv[2], &fault, &schema);
        if (!r && argc == 6 && !strcmp(what, "make"))
                r = make(schema, argv[3], argv[4], argv[5], &fault);
        else if (!r && argc == 4 && !strcmp(what, "read"))
                r = read_rows(schema, argv[3], &fault);
        else if (!r && argc == 5 && !strcmp(what, "ingest"))
                r = ingest_rows(schema, argv[3], argv[4], &fault);
        if (r)
                fprintf(stderr, "mongo: %s\n", r < 0 ? strerror(-r) : fault_format(&fault, text, sizeof(text)));
        return r ? 1 : 0;
}
