/*
 * store_tool URI CACHE COMMAND …: one call of the store for tests that are written in Python. Prints what came of it,
 * "0", "MISSING", "CONFLICT", "CORRUPT" or the name of an errno, and then what the call gave, a line each.
 *
 *   put NAME TEXT | create NAME TEXT | swap NAME ETAG TEXT | get NAME | remove NAME | list FOLDER
 *   remove-older NAME MS
 *   put-many N BYTES     objects many/0 … of so many bytes
 *   push FILE            publishes the file as a blob through a writer: its digest
 *   fetch DIGEST         the path of the local copy
 *   claim FOLDER N       creates FOLDER/0 … FOLDER/N-1 as fast as possible: how many it made, how many it found
 *   increment NAME N     adds 1 to the number in the object so often, by comparing and swapping
 *
 * DEADLINE_MS sets a deadline so far ahead; with END_ON_INPUT a byte on the standard input brings it forward for good.
 * The last line is "rss KIB", the most memory that the process ever had.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/store/store.h"

struct tool {
        struct store *store;
        char **arguments; /* of the command, ending in NULL */
};

static void print_result(int r) {
        static const char *const conditions[] = { "0", "MISSING", "CONFLICT", "CORRUPT" };

        printf("%s\n", r < 0 ? strerrorname_np(-r) : conditions[r]);
}

static int put(struct tool *tool) {
        return store_put(tool->store, tool->arguments[0], tool->arguments[1], strlen(tool->arguments[1]));
}

static int create(struct tool *tool) {
        return store_create(tool->store, tool->arguments[0], tool->arguments[1], strlen(tool->arguments[1]));
}

static int swap(struct tool *tool) {
        return store_swap(tool->store, tool->arguments[0], tool->arguments[1], tool->arguments[2],
                          strlen(tool->arguments[2]));
}

static int take(struct tool *tool) {
        _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;
        char etag[STORE_ETAG_BYTES];
        int r = store_get(tool->store, tool->arguments[0], &content, etag);

        if (!r)
                printf("%s\n%s\n", etag, buffer_text(&content));
        return r;
}

static int drop(struct tool *tool) {
        return store_remove(tool->store, tool->arguments[0]);
}

static int drop_older(struct tool *tool) {
        return store_remove_older(tool->store, tool->arguments[0], strtoll(tool->arguments[1], NULL, 10));
}

static int print_entry(void *context, const struct store_entry *entry) {
        (void)context;
        printf("%s %lld %lld\n", entry->name, (long long)entry->n_bytes, (long long)entry->modified_ms);
        return 0;
}

static int list(struct tool *tool) {
        return store_walk(tool->store, tool->arguments[0], print_entry, NULL);
}

static int put_many(struct tool *tool) {
        size_t n = strtoul(tool->arguments[0], NULL, 10), n_bytes = strtoul(tool->arguments[1], NULL, 10);
        struct store_item *items = calloc(n, sizeof(*items));
        char(*names)[32] = calloc(n, sizeof(*names));
        void *bytes = calloc(n_bytes, 1);
        int r = -ENOMEM;

        for (size_t i = 0; items && names && bytes && i < n; i++) {
                snprintf(names[i], sizeof(names[i]), "many/%zu", i);
                items[i] = (struct store_item){ names[i], bytes, n_bytes };
        }
        if (items && names && bytes)
                r = store_put_many(tool->store, items, n);
        free(items);
        free(names);
        free(bytes);
        return r;
}

static int push(struct tool *tool) {
        _cleanup_(store_writer_destroy_pointer) struct store_writer *writer = NULL;
        _cleanup_(close_descriptor) int fd = open(tool->arguments[0], O_RDONLY | O_CLOEXEC);
        _cleanup_(digest_destroy_pointer) struct digest *computed = NULL;
        char digest[DIGEST_SHA256_BYTES], chunk[65536];
        int64_t started_ns;
        ssize_t n = -1;
        int r;

        r = fd < 0 ? -errno : digest_create(&computed);
        if (!r)
                r = store_writer_create(tool->store, &writer);
        while (!r && (n = read(fd, chunk, sizeof(chunk))) > 0) {
                r = digest_update(computed, chunk, (size_t)n);
                if (!r)
                        r = file_write_all(store_writer_fd(writer), chunk, (size_t)n);
        }
        if (!r)
                r = digest_end(computed, digest);
        started_ns = clock_monotonic_ns();
        if (!r)
                r = n < 0 ? -errno : store_writer_publish(writer, digest, NULL);
        if (!r)
                printf("%s\nms %.3f\n", digest, (double)(clock_monotonic_ns() - started_ns) / 1e6);
        return r;
}

static int fetch(struct tool *tool) {
        char path[STORE_PATH_BYTES];
        int r = store_fetch_blob(tool->store, tool->arguments[0], path);

        if (!r)
                printf("%s\n", path);
        return r;
}

static int claim(struct tool *tool) {
        long n = strtol(tool->arguments[1], NULL, 10), n_made = 0, n_found = 0;
        char name[STORE_NAME_BYTES], text[32];

        snprintf(text, sizeof(text), "%d", (int)getpid());
        for (long i = 0; i < n; i++) {
                int r;

                snprintf(name, sizeof(name), "%s/%ld", tool->arguments[0], i);
                r = store_create(tool->store, name, text, strlen(text));
                if (r && r != STORE_E_CONFLICT)
                        return r;
                n_made += !r;
                n_found += r == STORE_E_CONFLICT;
        }
        printf("%ld %ld %s\n", n_made, n_found, text);
        return 0;
}

static int increment(struct tool *tool) {
        long n = strtol(tool->arguments[1], NULL, 10);

        while (n) {
                _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;
                char etag[STORE_ETAG_BYTES], text[32];
                int r = store_get(tool->store, tool->arguments[0], &content, etag);

                if (r)
                        return r;
                snprintf(text, sizeof(text), "%ld", strtol(buffer_text(&content), NULL, 10) + 1);
                r = store_swap(tool->store, tool->arguments[0], etag, text, strlen(text));
                if (r && r != STORE_E_CONFLICT)
                        return r;
                n -= !r;
        }
        return 0;
}

static const struct {
        const char *name;
        int n_arguments;
        int (*work)(struct tool *tool);
} commands[] = {
        { "put", 2, put },           { "create", 2, create }, { "swap", 3, swap },
        { "get", 1, take },          { "remove", 1, drop },   { "list", 1, list },
        { "put-many", 2, put_many }, { "push", 1, push },     { "remove-older", 2, drop_older },
        { "fetch", 1, fetch },       { "claim", 2, claim },   { "increment", 2, increment },
};

/* getrusage(2) would count what the parent had when it forked. */
static long peak_kib(void) {
        FILE *status = fopen("/proc/self/status", "re");
        char line[256];
        long kib = -1;

        while (status && fgets(line, sizeof(line), status))
                if (!strncmp(line, "VmHWM:", 6))
                        kib = strtol(line + 6, NULL, 10);
        if (status)
                fclose(status);
        return kib;
}

static void *end_on_input(void *argument) {
        struct store *store = argument;
        char byte;

        if (read(STDIN_FILENO, &byte, 1) == 1)
                store_set_deadline(store, STORE_DEADLINE_ENDED);
        return NULL;
}

int main(int argc, char **argv) {
        struct store_options options = { .uri = argc > 3 ? argv[1] : "", .cache_folder = argc > 3 ? argv[2] : "" };
        const char *deadline = getenv("DEADLINE_MS"), *limit = getenv("CACHE_BYTES");
        struct fault fault = FAULT_NULL;
        struct tool tool = { 0 };
        bool has_thread = getenv("END_ON_INPUT");
        pthread_t thread;
        int r = -EINVAL;

        log_open("store_tool", LOG_LEVEL_DEBUG);
        options.cache_bytes_max = limit ? strtoll(limit, NULL, 10) : 0;
        if (argc < 4 || store_open(&options, &tool.store, &fault)) {
                fprintf(stderr, "%s %s\n", fault.code, fault.message);
                return 2;
        }
        if (deadline)
                store_set_deadline(tool.store, clock_monotonic_ms() + strtol(deadline, NULL, 10));
        if (has_thread && pthread_create(&thread, NULL, end_on_input, tool.store))
                return 2;
        tool.arguments = argv + 4;
        for (size_t i = 0; i < N_ELEMENTS(commands); i++)
                if (!strcmp(argv[3], commands[i].name) && argc == 4 + commands[i].n_arguments)
                        r = commands[i].work(&tool);
        /* its input must end, then */
        if (has_thread)
                pthread_join(thread, NULL);
        store_close(tool.store);
        print_result(r);
        printf("rss %ld\n", peak_kib());
        return 0;
}
