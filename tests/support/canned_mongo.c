/*
 * canned_mongo FILE [--first N] [--bytes N] [--heed N] [--fail COMMAND:N:CODE[:LABEL]]… [--refuse INDEX:CODE] : a
 * server of MongoDB's wire protocol with one collection, whatever its name, whose replies are prepared before the first
 * request, so that it is not what limits a client. FILE holds BSON documents one behind the other, in the order of
 * their _id.
 *
 * The first batch has N documents (101), each further one as many as fit into N bytes (16 MiB), as MongoDB deals them
 * where no batchSize is given; projection and sort are not heeded, and batchSize only with --heed N: who names one that
 * is no smaller gets N documents at a time. A filter is: the documents after the _id
 * of its $gt, wherever that stands. limit and count are answered as well.
 *
 * --fail: the N-th (from 1) find, getMore or insert is answered with that error, N = 0: each; of other inserts it says
 * that they are done, and forgets them. --refuse: the first insert brings the documents of FILE, which no find sees
 * before, and one more that is refused with that error. It listens on a free port of 127.0.0.1, prints "listening on
 * ADDRESS", and when its standard input ends, what it was asked, as JSON.
 *
 * Source of the formats: MongoDB Wire Protocol (OP_MSG, OP_QUERY, OP_REPLY).
 */

#include <arpa/inet.h>
#include <bson/bson.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
        OP_REPLY = 1,
        OP_QUERY = 2004,
        OP_MSG = 2013,
        HEADER_BYTES = 16,
        MESSAGE_BYTES_MAX = 48000000,
        FAULTS_MAX = 128,
        FIRST_DOCUMENTS = 101,
        BATCH_BYTES = 16 * 1024 * 1024 - 64 * 1024,
};

struct fault {
        char command[16];
        long at; /* 0: always */
        int32_t code;
        char label[64];
};

/* The body of a reply behind the header, ready to be sent. */
struct canned {
        uint8_t *bytes;
        size_t n_bytes;
};

static const uint8_t **documents; /* n_documents + 1 */
static size_t n_documents;
static size_t *starts; /* of each batch, n_batches + 1 */
static struct canned *batches;
static size_t n_batches;
static size_t n_heeded; /* documents of a batch for who asks for so many; 0: nobody is heeded */
static struct canned *heeded;
static size_t n_heeded_batches;
static struct fault faults[FAULTS_MAX];
static size_t n_faults;
static int32_t refused_at, refused_code; /* of the first insert; no code: it is none's */
static atomic_long n_find, n_get_more, n_insert, n_kill, n_other, n_connections;

static _Noreturn void give_up(const char *what) {
        perror(what);
        exit(1);
}

static void load(const char *path) {
        FILE *file = fopen(path, "rb");
        size_t n_bytes = 0, n_room = 0, n = 0;
        uint8_t *bytes = NULL;

        if (!file)
                give_up(path);
        do {
                n_room = n_room ? 2 * n_room : 1 << 20;
                bytes = realloc(bytes, n_room);
                if (!bytes)
                        give_up("memory");
                n = fread(bytes + n_bytes, 1, n_room - n_bytes, file);
                n_bytes += n;
        } while (n_bytes == n_room);
        fclose(file);
        for (size_t at = 0, k = 0; at <= n_bytes; at += k) {
                int32_t length = 0;

                if (!(n_documents & (n_documents - 1)) || !n_documents)
                        documents = realloc(documents, (2 * n_documents + 2) * sizeof(*documents));
                if (!documents)
                        give_up("memory");
                documents[n_documents] = bytes + at;
                if (at == n_bytes)
                        return;
                memcpy(&length, bytes + at, sizeof(length));
                k = (size_t)BSON_UINT32_FROM_LE((uint32_t)length);
                if (k < 5 || k > n_bytes - at)
                        break;
                n_documents++;
        }
        fprintf(stderr, "canned_mongo: %s holds no BSON documents\n", path);
        exit(1);
}

static size_t bytes_between(size_t first, size_t end) {
        return (size_t)(documents[end] - documents[first]);
}

/* {cursor: {firstBatch|nextBatch: documents first … end-1, id, ns}, ok: 1} as an OP_MSG's body. */
static struct canned make_batch(size_t first, size_t end, bool is_first, int64_t id) {
        bson_t reply = BSON_INITIALIZER, cursor, array;
        struct canned canned;
        char scratch[16];
        const char *key;

        BSON_APPEND_DOCUMENT_BEGIN(&reply, "cursor", &cursor);
        BSON_APPEND_ARRAY_BEGIN(&cursor, is_first ? "firstBatch" : "nextBatch", &array);
        for (size_t i = first; i < end; i++) {
                bson_t document;

                bson_uint32_to_string((uint32_t)(i - first), &key, scratch, sizeof(scratch));
                if (!bson_init_static(&document, documents[i], bytes_between(i, i + 1)) ||
                    !BSON_APPEND_DOCUMENT(&array, key, &document))
                        give_up("document");
        }
        bson_append_array_end(&cursor, &array);
        BSON_APPEND_INT64(&cursor, "id", id);
        BSON_APPEND_UTF8(&cursor, "ns", "canned.canned");
        bson_append_document_end(&reply, &cursor);
        BSON_APPEND_DOUBLE(&reply, "ok", 1.0);
        canned.n_bytes = 5 + reply.len;
        canned.bytes = calloc(1, canned.n_bytes);
        if (!canned.bytes)
                give_up("memory");
        memcpy(canned.bytes + 5, bson_get_data(&reply), reply.len);
        bson_destroy(&reply);
        return canned;
}

/* The cursor after batch k has the id k + 1 and needs no other state; behind the last one it is 0. */
static int64_t id_after(size_t k) {
        return k + 1 < n_batches ? (int64_t)k + 1 : 0;
}

static void prepare(size_t n_first, size_t n_bytes) {
        size_t at = 0, end;

        starts = calloc(n_documents + 2, sizeof(*starts));
        batches = calloc(n_documents + 1, sizeof(*batches));
        if (!starts || !batches)
                give_up("memory");
        do {
                for (end = at;
                     end < n_documents && (end == at || (at ? bytes_between(at, end + 1) <= n_bytes : end < n_first));)
                        end++;
                starts[n_batches++] = at;
                at = end;
        } while (at < n_documents);
        starts[n_batches] = n_documents;
        for (size_t k = 0; k < n_batches; k++)
                batches[k] = make_batch(starts[k], starts[k + 1], !k, id_after(k));
}

/* The same documents after the first batch, n_heeded at a time. Their cursors count on from those above. */
static void prepare_heeded(void) {
        size_t n_first = starts[1], end;

        n_heeded_batches = n_heeded ? (n_documents - n_first + n_heeded - 1) / n_heeded : 0;
        heeded = calloc(n_heeded_batches + 1, sizeof(*heeded));
        if (!heeded)
                give_up("memory");
        for (size_t k = 0; k < n_heeded_batches; k++) {
                end = n_first + (k + 1) * n_heeded;
                heeded[k] = make_batch(n_first + k * n_heeded, end < n_documents ? end : n_documents, false,
                                       k + 1 < n_heeded_batches ? (int64_t)(n_batches + k + 1) : 0);
        }
}

static bool send_all(int fd, struct iovec *parts, int n_parts) {
        while (n_parts) {
                ssize_t n = writev(fd, parts, n_parts);

                if (n <= 0)
                        return false;
                for (; n_parts && (size_t)n >= parts->iov_len; parts++, n_parts--)
                        n -= (ssize_t)parts->iov_len;
                if (n_parts) {
                        parts->iov_base = (char *)parts->iov_base + n;
                        parts->iov_len -= (size_t)n;
                }
        }
        return true;
}

static bool send_body(int fd, int32_t request, int32_t code, const void *body, size_t n_bytes) {
        int32_t header[4] = { (int32_t)(HEADER_BYTES + n_bytes), 1, request, code };
        struct iovec parts[] = { { header, sizeof(header) }, { (void *)(uintptr_t)body, n_bytes } };

        return send_all(fd, parts, 2);
}

static bool send_document(int fd, int32_t request, bool is_legacy, const bson_t *document) {
        uint8_t body[4096] = { 0 };
        size_t n = is_legacy ? 20 : 5;

        if (is_legacy)
                body[16] = 1; /* one document */
        memcpy(body + n, bson_get_data(document), document->len);
        return send_body(fd, request, is_legacy ? OP_REPLY : OP_MSG, body, n + document->len);
}

static bool send_hello(int fd, int32_t request, bool is_legacy) {
        bson_t reply = BSON_INITIALIZER;
        bool is_sent;

        BSON_APPEND_BOOL(&reply, "ismaster", true);
        BSON_APPEND_BOOL(&reply, "isWritablePrimary", true);
        BSON_APPEND_INT32(&reply, "maxBsonObjectSize", 16777216);
        BSON_APPEND_INT32(&reply, "maxMessageSizeBytes", MESSAGE_BYTES_MAX);
        BSON_APPEND_INT32(&reply, "maxWriteBatchSize", 100000);
        BSON_APPEND_INT32(&reply, "logicalSessionTimeoutMinutes", 30);
        BSON_APPEND_INT32(&reply, "minWireVersion", 0);
        BSON_APPEND_INT32(&reply, "maxWireVersion", 17);
        BSON_APPEND_BOOL(&reply, "readOnly", false);
        BSON_APPEND_DOUBLE(&reply, "ok", 1.0);
        is_sent = send_document(fd, request, is_legacy, &reply);
        bson_destroy(&reply);
        return is_sent;
}

static bool send_ok(int fd, int32_t request, int64_t n) {
        bson_t reply = BSON_INITIALIZER;
        bool is_sent;

        BSON_APPEND_INT64(&reply, "n", n);
        BSON_APPEND_DOUBLE(&reply, "ok", 1.0);
        is_sent = send_document(fd, request, false, &reply);
        bson_destroy(&reply);
        return is_sent;
}

static bool send_fault(int fd, int32_t request, const struct fault *fault) {
        bson_t reply = BSON_INITIALIZER, list;
        bool is_sent;

        BSON_APPEND_DOUBLE(&reply, "ok", 0.0);
        BSON_APPEND_UTF8(&reply, "errmsg", "a canned error");
        BSON_APPEND_INT32(&reply, "code", fault->code);
        if (*fault->label) {
                BSON_APPEND_ARRAY_BEGIN(&reply, "errorLabels", &list);
                BSON_APPEND_UTF8(&list, "0", fault->label);
                bson_append_array_end(&reply, &list);
        }
        is_sent = send_document(fd, request, false, &reply);
        bson_destroy(&reply);
        return is_sent;
}

/* What the first insert has come to: one of its documents was refused. */
static bool send_refusal(int fd, int32_t request) {
        bson_t reply = BSON_INITIALIZER, list, error;
        bool is_sent;

        BSON_APPEND_INT64(&reply, "n", (int64_t)n_documents);
        BSON_APPEND_ARRAY_BEGIN(&reply, "writeErrors", &list);
        BSON_APPEND_DOCUMENT_BEGIN(&list, "0", &error);
        BSON_APPEND_INT32(&error, "index", refused_at);
        BSON_APPEND_INT32(&error, "code", refused_code);
        BSON_APPEND_UTF8(&error, "errmsg", "a canned refusal");
        bson_append_document_end(&list, &error);
        bson_append_array_end(&reply, &list);
        BSON_APPEND_DOUBLE(&reply, "ok", 1.0);
        is_sent = send_document(fd, request, false, &reply);
        bson_destroy(&reply);
        return is_sent;
}

static const struct fault *find_fault(const char *command, long n) {
        for (size_t i = 0; i < n_faults; i++)
                if (!strcmp(faults[i].command, command) && (!faults[i].at || faults[i].at == n))
                        return &faults[i];
        return NULL;
}

/* The first $gt, however deep; its value is an _id. */
static bool find_greater(const bson_iter_t *from, bson_iter_t *ret_value) {
        bson_iter_t iter = *from, inner;

        while (bson_iter_next(&iter)) {
                if (!strcmp(bson_iter_key(&iter), "$gt")) {
                        *ret_value = iter;
                        return true;
                }
                if (bson_iter_recurse(&iter, &inner) && find_greater(&inner, ret_value))
                        return true;
        }
        return false;
}

/* The place behind the document with that _id. */
static size_t find_after(const bson_iter_t *value) {
        bson_t wanted = BSON_INITIALIZER;
        size_t i;

        bson_append_iter(&wanted, "_id", 3, value);
        for (i = 0; i < n_documents; i++) {
                bson_t document, found = BSON_INITIALIZER;
                bson_iter_t id;
                bool is_it;

                bson_init_static(&document, documents[i], bytes_between(i, i + 1));
                is_it = bson_iter_init_find(&id, &document, "_id") && bson_append_iter(&found, "_id", 3, &id) &&
                        bson_equal(&found, &wanted);
                bson_destroy(&found);
                if (is_it)
                        break;
        }
        bson_destroy(&wanted);
        return i < n_documents ? i + 1 : n_documents;
}

static bool answer_find(int fd, int32_t request, const bson_t *command) {
        bson_iter_t iter, filter, value;
        size_t first = 0, end, k = 0;
        struct canned canned;
        int64_t limit = 0;
        bool is_sent;

        if (bson_iter_init_find(&iter, command, "limit"))
                limit = bson_iter_as_int64(&iter);
        if (bson_iter_init_find(&iter, command, "filter") && bson_iter_recurse(&iter, &filter) &&
            find_greater(&filter, &value))
                first = find_after(&value);
        if (refused_code && !n_insert)
                first = n_documents;
        if (!first && !limit)
                return send_body(fd, request, OP_MSG, batches[0].bytes, batches[0].n_bytes);
        while (k + 1 < n_batches && starts[k + 1] <= first)
                k++;
        end = starts[k + 1];
        if (limit && (size_t)limit < n_documents - first)
                end = first + (size_t)limit;
        canned = make_batch(first, end, true, limit || first == n_documents ? 0 : id_after(k));
        is_sent = send_body(fd, request, OP_MSG, canned.bytes, canned.n_bytes);
        free(canned.bytes);
        return is_sent;
}

static bool answer_get_more(int fd, int32_t request, const bson_t *command) {
        static const struct fault forgotten = { .code = 43 };
        bson_iter_t iter;
        int64_t id = bson_iter_init_find(&iter, command, "getMore") ? bson_iter_as_int64(&iter) : 0;

        if (id == 1 && n_heeded_batches && bson_iter_init_find(&iter, command, "batchSize") &&
            bson_iter_as_int64(&iter) >= (int64_t)n_heeded)
                id = (int64_t)n_batches;
        if (id >= (int64_t)n_batches && id < (int64_t)(n_batches + n_heeded_batches)) {
                const struct canned *canned = &heeded[(size_t)id - n_batches];

                return send_body(fd, request, OP_MSG, canned->bytes, canned->n_bytes);
        }
        if (id <= 0 || (size_t)id >= n_batches)
                return send_fault(fd, request, &forgotten);
        return send_body(fd, request, OP_MSG, batches[id].bytes, batches[id].n_bytes);
}

static bool answer(int fd, int32_t request, bool is_legacy, const bson_t *command) {
        const struct fault *fault = NULL;
        bson_iter_t iter;
        const char *name;

        if (!bson_iter_init(&iter, command) || !bson_iter_next(&iter))
                return false;
        name = bson_iter_key(&iter);
        if (!strcasecmp(name, "ismaster") || !strcmp(name, "hello"))
                return send_hello(fd, request, is_legacy);
        if (!strcmp(name, "find")) {
                fault = find_fault(name, atomic_fetch_add(&n_find, 1) + 1);
                return fault ? send_fault(fd, request, fault) : answer_find(fd, request, command);
        }
        if (!strcmp(name, "getMore")) {
                fault = find_fault(name, atomic_fetch_add(&n_get_more, 1) + 1);
                return fault ? send_fault(fd, request, fault) : answer_get_more(fd, request, command);
        }
        if (!strcmp(name, "insert")) {
                fault = find_fault(name, atomic_fetch_add(&n_insert, 1) + 1);
                if (fault)
                        return send_fault(fd, request, fault);
                return refused_code && n_insert == 1 ? send_refusal(fd, request) : send_ok(fd, request, 0);
        }
        atomic_fetch_add(!strcmp(name, "killCursors") ? &n_kill : &n_other, 1);
        return send_ok(fd, request, (int64_t)n_documents);
}

static bool receive(int fd, void *bytes, size_t n_bytes) {
        for (size_t at = 0; at < n_bytes;) {
                ssize_t n = read(fd, (char *)bytes + at, n_bytes - at);

                if (n <= 0)
                        return false;
                at += (size_t)n;
        }
        return true;
}

/* Where the command lies in the body of a message. */
static size_t find_command(int32_t code, const char *body, size_t n_bytes) {
        size_t n = code == OP_QUERY ? 4 + strnlen(body + 4, n_bytes - 4) + 1 + 8 : 5;

        return n < n_bytes ? n : 0;
}

static void *serve(void *argument) {
        int fd = (int)(intptr_t)argument;
        static const size_t n_max = 1 << 20;
        char *body = malloc(n_max);
        int32_t header[4];
        bson_t command;

        while (body && receive(fd, header, sizeof(header))) {
                size_t n = (size_t)header[0] - HEADER_BYTES, at;

                if (header[0] < HEADER_BYTES + 5 || n > n_max || !receive(fd, body, n))
                        break;
                at = find_command(header[3], body, n);
                int32_t length = 0;
                if (at && at + sizeof(length) <= n)
                        memcpy(&length, body + at, sizeof(length));
                if (!at || length < 5 || (size_t)length > n - at ||
                    !bson_init_static(&command, (uint8_t *)body + at, (size_t)length) ||
                    !answer(fd, header[1], header[3] == OP_QUERY, &command))
                        break;
        }
        free(body);
        close(fd);
        return NULL;
}

static void *accept_all(void *argument) {
        int listener = (int)(intptr_t)argument, on = 1;

        for (;;) {
                int fd = accept(listener, NULL, NULL);
                pthread_t thread;

                if (fd < 0)
                        return NULL;
                atomic_fetch_add(&n_connections, 1);
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
                if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd))
                        give_up("thread");
                pthread_detach(thread);
        }
}

static void read_options(int argc, char **argv, size_t *ret_first, size_t *ret_bytes) {
        for (int i = 2; i + 1 < argc; i += 2) {
                struct fault *fault = &faults[n_faults];

                if (!strcmp(argv[i], "--first"))
                        *ret_first = strtoul(argv[i + 1], NULL, 10);
                else if (!strcmp(argv[i], "--bytes"))
                        *ret_bytes = strtoul(argv[i + 1], NULL, 10);
                else if (!strcmp(argv[i], "--heed"))
                        n_heeded = strtoul(argv[i + 1], NULL, 10);
                else if (!strcmp(argv[i], "--refuse"))
                        refused_code = (int32_t)strtol(strchr(argv[i + 1], ':') + 1, NULL, 10),
                        refused_at = (int32_t)strtol(argv[i + 1], NULL, 10);
                /* NOLINTNEXTLINE(cert-err34-c): a test's own numbers */
                else if (n_faults < FAULTS_MAX && sscanf(argv[i + 1], "%15[^:]:%ld:%d:%63s", fault->command, &fault->at,
                                                         &fault->code, fault->label) >= 3)
                        n_faults++;
        }
}

int main(int argc, char **argv) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n_address = sizeof(address);
        size_t n_first = FIRST_DOCUMENTS, n_bytes = BATCH_BYTES;
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        pthread_t thread;

        if (argc < 2) {
                fprintf(stderr, "usage: canned_mongo FILE [--first N] [--bytes N] [--heed N] [--fail "
                                "COMMAND:N:CODE[:LABEL]] [--refuse INDEX:CODE]\n");
                return 2;
        }
        signal(SIGPIPE, SIG_IGN);
        read_options(argc, argv, &n_first, &n_bytes);
        load(argv[1]);
        prepare(n_first, n_bytes);
        prepare_heeded();
        if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 64) ||
            getsockname(listener, (struct sockaddr *)&address, &n_address))
                give_up("listen");
        if (pthread_create(&thread, NULL, accept_all, (void *)(intptr_t)listener))
                give_up("thread");
        printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
        fflush(stdout);
        while (getchar() != EOF)
                ;
        printf("{\"connections\": %ld, \"find\": %ld, \"getMore\": %ld, \"insert\": %ld, \"killCursors\": %ld, "
               "\"other\": %ld}\n",
               n_connections, n_find, n_get_more, n_insert, n_kill, n_other);
        fflush(stdout);
        _exit(0);
}
