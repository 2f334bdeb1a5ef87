/* convoy data load: batches from a file to a load, a bar meanwhile, and a summary. */

#include "cli/data_load.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/follow.h"
#include "cli/load_view.h"
#include "cli/place.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/source/mongo/mongo_load.h"
#include "common/source/source.h"

static const struct option_row OPTIONS[] = {
        { "database", NULL, NULL, OPTION_TEXT, 0, 0, NULL, "NAME",
          "else the one in the URI's path, else source.database of pipeline.yaml" },
        { "collection", NULL, NULL, OPTION_TEXT, 0, 0, NULL, "NAME", "else source.collection of pipeline.yaml" },
        { "drop", NULL, NULL, OPTION_FLAG, 0, 0, NULL, NULL,
          "remove the collection first, with all that is in it, and ask nothing" },
        { NULL, "MONGODB_URL", NULL, OPTION_SECRET, 0, 0, NULL, NULL, "the URI, when none is given" },
        COMMAND_OPTION_PIPELINE,
        COMMAND_OPTION_JSON("the summary"),
};

static const struct option_table TABLE = {
        .program = "convoy data load",
        .summary = "Puts the rows of a CSV, ndjson or Arrow file, or of generate:rows=N,seed=S, into a collection of "
                   "MongoDB",
        .operands = "FILE [mongodb://USER:PASSWORD@HOST/DATABASE]",
        .n_operands_min = 1,
        .n_operands_max = 2,
        .rows = OPTIONS,
        .n_rows = N_ELEMENTS(OPTIONS),
        .sections =
                "A document has the schema's columns by name; a missing value is left out. Its _id is the row's key, "
                "or,\n"
                "where the schema has none, a digest of its values. What ends a load does no harm: called again, it\n"
                "compares the documents that are there and inserts the others. A document of the same key with\n"
                "other values is an error; nothing but --drop changes what is there.\n"
                "A command line can be seen by other users of the machine: give a URI with a password by "
                "MONGODB_URL.\n"
                "Exit codes: 0 every row is there, 1 not, 2 misconfigured, 130 Ctrl-C.\n",
};

static volatile sig_atomic_t is_interrupted;

struct loading {
        const char *path;
        const struct options *options;
        struct pipeline *pipeline;
        char *uri;
        struct schema *schema;
        struct source *source;
        struct mongo_client *client;
        struct mongo_load *load;
        struct load_view view;
};

static void loading_finish(struct loading *loading) {
        load_view_finish(&loading->view);
        mongo_load_destroy(loading->load);
        mongo_client_destroy(loading->client);
        source_close(loading->source);
        schema_destroy(loading->schema);
        free(loading->pipeline);
        free(loading->uri);
}

static void on_interrupt(int number) {
        static const char words[] = "\nconvoy: stopping when the server has answered; Ctrl-C again stops at once\n";
        ssize_t n = write(STDERR_FILENO, words, sizeof(words) - 1);

        (void)number;
        (void)n;
        is_interrupted = 1;
}

/* Once: the second one ends the process. Whoever started us with SIGINT ignored wants it so. */
static void heed_interrupt(void) {
        struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND }, former;

        if (!sigaction(SIGINT, NULL, &former) && former.sa_handler != SIG_IGN)
                sigaction(SIGINT, &action, NULL);
}

static bool on_tick(void *context, const struct mongo_load_progress *progress) {
        struct loading *loading = context;

        load_view_draw(&loading->view, progress, source_n_rows(loading->source));
        return is_interrupted;
}

static bool is_mongo(const char *uri) {
        return !strncmp(uri, MONGO_SCHEME, strlen(MONGO_SCHEME)) ||
               !strncmp(uri, MONGO_SCHEME_SRV, strlen(MONGO_SCHEME_SRV));
}

static bool names_database(const char *uri) {
        const char *path = strchr(strstr(uri, "://") + 3, '/');

        return path && path[1] && path[1] != '?';
}

/* A process's arguments can be seen by others as long as it lives, so the URI is taken out of them. */
static void hide_uri(int argc, char **argv) {
        for (int i = 1; i < argc; i++)
                if (is_mongo(argv[i]))
                        memset(strstr(argv[i], "://") + 3, '*', strlen(strstr(argv[i], "://") + 3));
}

static int find_uri(const struct options *options, char **ret_uri, struct fault *fault) {
        const char *file = options_operand(options, 0), *uri = options_operand(options, 1);

        if (is_mongo(file))
                return fault_set(fault, "OPTION_OPERANDS",
                                 "FILE is missing; usage: convoy data load FILE mongodb://HOST/");
        if (!strcmp(file, "-"))
                return fault_set(
                        fault, "OPTION_OPERANDS",
                        "standard input cannot be loaded, since its kind is told from a file; write it to one");
        if (!uri)
                uri = options_text(options, "MONGODB_URL");
        if (!uri || !*uri)
                return fault_set(fault, "SOURCE_URI_INVALID",
                                 "where to? Give a URI, mongodb://HOST/, or set MONGODB_URL to one");
        if (!is_mongo(uri))
                return fault_set(fault, "SOURCE_URI_INVALID",
                                 "%s is no URI of MongoDB: it begins with mongodb:// or mongodb+srv://",
                                 options_operand(options, 1) ? "the second operand" : "MONGODB_URL");
        *ret_uri = strdup(uri);
        return *ret_uri ? 0 : error_origin(-ENOMEM, "reading a URI");
}

static const char *choose(const char *given, const char *otherwise) {
        return given && *given ? given : otherwise;
}

/* What is misconfigured shows before anything is opened. */
static int configure(struct loading *loading, struct fault *fault) {
        const struct options *options = loading->options;
        const struct pipeline_source *source;
        const char *uri = loading->uri;
        int r;

        r = place_load_pipeline(options, &loading->pipeline, fault);
        if (!r)
                r = schema_load(loading->pipeline->schema, fault, &loading->schema);
        if (r)
                return r;
        source = &loading->pipeline->source;
        return mongo_client_create(
                &(struct mongo_options){
                        .uri = uri,
                        .database = choose(options_text(options, "database"),
                                           names_database(uri) ? NULL : source->database),
                        .collection = choose(options_text(options, "collection"), source->collection),
                },
                &loading->client, fault);
}

static int open_source(struct loading *loading, struct fault *fault) {
        char uri[PLACE_BYTES];
        int r;

        /* columns that the schema does not know are told of in one line */
        log_open("convoy", LOG_LEVEL_ERROR);
        r = place_source(loading->path, uri, fault);
        return r ? r
                 : source_open(&(struct source_options){ .uri = uri,
                                                         .pipeline_path = loading->pipeline->folder,
                                                         .schema = loading->schema },
                               &loading->source, fault);
}

/* The first batch is read before the server is asked, and a collection dropped, for nothing. */
static int copy(struct loading *loading, struct fault *fault) {
        struct mongo_load_options options = { .schema = loading->schema,
                                              .name = loading->path,
                                              .must_drop = options_flag(loading->options, "drop"),
                                              .on_tick = on_tick,
                                              .context = loading };
        struct mongo_load_progress progress;
        struct fault later = FAULT_NULL;
        struct table batch;
        int r;

        r = source_read(loading->source, &batch, fault);
        if (!r)
                r = mongo_load_create(loading->client, &options, &loading->load, fault);
        if (r)
                return r;
        mongo_load_progress(loading->load, &progress);
        load_view_begin(&loading->view, &progress, options.must_drop, source_n_rows(loading->source));
        while (!r && batch.n_rows) {
                r = mongo_load_add(loading->load, &batch, fault);
                if (!r)
                        r = source_read(loading->source, &batch, fault);
                if (!r && is_interrupted)
                        r = -ECANCELED;
        }
        /* the rows before a bad one may as well arrive */
        if (!r || r == FAULT_E_INPUT) {
                int r_finish = mongo_load_finish(loading->load, r ? &later : fault);

                r = r ? r : r_finish;
        }
        return r;
}

/* Exit codes are those of command.h, and that of Ctrl-C. */
static int conclude(struct loading *loading, int result, const struct fault *fault) {
        struct mongo_load_progress progress = { 0 };
        int exit_code;

        if (loading->load)
                mongo_load_progress(loading->load, &progress);
        if (!result)
                return load_view_end(&loading->view, &progress, loading->source) ? COMMAND_FAILED : COMMAND_DONE;
        load_view_leave(&loading->view);
        if (result == -ECANCELED) {
                exit_code = FOLLOW_EXIT_INTERRUPTED;
                command_fail(loading->load || !options_flag(loading->options, "drop")
                                     ? "interrupted"
                                     : "interrupted; --drop may have taken the former documents already");
        } else {
                exit_code = command_end(result, fault,
                                        strcmp(fault->code, "SOURCE_URI_INVALID") ? COMMAND_FAILED
                                                                                  : COMMAND_MISCONFIGURED);
        }
        if (loading->load)
                load_view_end_early(&loading->view, &progress);
        return exit_code;
}

int data_load(int argc, char **argv) {
        _cleanup_(options_destroy_pointer) struct options *options = NULL;
        _cleanup_(loading_finish) struct loading loading = { 0 };
        struct fault fault = FAULT_NULL;
        int r, exit_code;

        if (!command_options(&TABLE, argc, argv, &options, &exit_code))
                return exit_code;
        loading.path = options_operand(options, 0);
        loading.options = options;
        r = find_uri(options, &loading.uri, &fault);
        hide_uri(argc, argv);
        if (!r)
                r = configure(&loading, &fault);
        if (r)
                return command_end(r, &fault, COMMAND_MISCONFIGURED);
        load_view_init(&loading.view, mongo_client_name(loading.client), loading.path, loading.schema,
                       &loading.pipeline->source, options_flag(options, "json"));
        heed_interrupt();
        r = open_source(&loading, &fault);
        if (!r)
                r = copy(&loading, &fault);
        return conclude(&loading, r, &fault);
}
