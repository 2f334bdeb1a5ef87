/* Mongo client: a URI read once, and libmongoc's client for one thread. */

#include "common/source/mongo/mongo_client.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/nearest.h"
#include "common/source/mongo/mongo_errand.h"
#include "common/source/mongo/mongo_internal.h"
#include "common/source/mongo/mongo_judge.h"

#define APPLICATION "convoy"

/* libmongoc says why it cannot do a thing in its log alone, sometimes. Kept for mongo_judge(), never printed. */
static _Thread_local char last_log[MONGO_WORDS_BYTES];
/* The URI that is being read: its options that libmongoc does not know are told of. */
static _Thread_local const char *uri_in_hand;

static void on_log(mongoc_log_level_t level, const char *domain, const char *message, void *context) {
        static const char unsupported[] = "Unsupported URI option";
        char words[MONGO_WORDS_BYTES];

        (void)domain;
        (void)context;
        if (uri_in_hand && level == MONGOC_LOG_LEVEL_WARNING && !strncmp(message, unsupported, sizeof(unsupported) - 1))
                log_warn("source=mongodb %s, ignoring it", mongo_words(uri_in_hand, message, words));
        if (level <= MONGOC_LOG_LEVEL_CRITICAL)
                snprintf(last_log, sizeof(last_log), "%s", message);
}

const char *mongo_last_log(void) {
        return last_log;
}

static void init_once(void) {
        mongoc_log_set_handler(on_log, NULL);
        mongoc_init();
}

static void init(void) {
        static pthread_once_t once = PTHREAD_ONCE_INIT;

        pthread_once(&once, init_once);
        *last_log = '\0';
}

static void uri_finish(mongoc_uri_t **uri) {
        if (*uri)
                mongoc_uri_destroy(*uri);
}

/* A user name or password with a character that belongs to the URI's own grammar would be taken for a host, a database
 * or an option, and be told of as such. */
static int check_signs(const char *uri, struct fault *fault) {
        const char *scheme = strstr(uri, "://"), *authority = scheme ? scheme + 3 : uri;
        const char *end = authority + strcspn(authority, "/?"),
                   *sign = memchr(authority, '@', (size_t)(end - authority));

        if (strchr(end, '@') || (sign && memchr(sign + 1, '@', (size_t)(end - sign - 1))))
                return fault_set(fault, "SOURCE_URI_INVALID",
                                 "user name and password must be percent-encoded: %%40 for @, %%3A for :, %%2F for /, "
                                 "%%3F for ?");
        return 0;
}

/* Words about a URI may repeat any piece of it, so that they are shown only where there is no secret in it. */
static int refuse_uri(const char *uri, const bson_error_t *error, struct fault *fault) {
        bool is_open = !strchr(uri, '@') && !strcasestr(uri, "authmechanismproperties") && !strcasestr(uri, "password");

        if (is_open)
                return fault_set(fault, "SOURCE_URI_INVALID", "this is no URI of MongoDB (%.300s)", error->message);
        return fault_set(fault, "SOURCE_URI_INVALID",
                         "this is no URI of MongoDB: mongodb://USER:PASSWORD@HOST/?OPTIONS, user name and password "
                         "percent-encoded (%%40 for @)");
}

static int parse(const char *text, mongoc_uri_t **ret_uri, struct fault *fault) {
        bson_error_t error = { 0 };
        struct fault found = FAULT_NULL;
        mongoc_uri_t *uri = NULL;
        int r;

        init();
        fault_at(&found, "mongodb", 0, 0);
        r = check_signs(text, &found);
        if (!r) {
                uri_in_hand = text;
                uri = mongoc_uri_new_with_error(text, &error);
                uri_in_hand = NULL;
        }
        if (uri) {
                *ret_uri = uri;
                return 0;
        }
        if (!r)
                r = refuse_uri(text, &error, &found);
        *fault = found;
        return r;
}

int mongo_client_check(const char *uri, struct fault *fault) {
        _cleanup_(uri_finish) mongoc_uri_t *parsed = NULL;

        return error_trace(parse(uri, &parsed, fault));
}

static int set_times(mongoc_uri_t *uri, int patience_ms) {
        static const struct {
                const char *option;
                int32_t ms;
        } times[] = {
                { MONGOC_URI_SERVERSELECTIONTIMEOUTMS, MONGO_SELECTION_MS },
                { MONGOC_URI_CONNECTTIMEOUTMS, MONGO_CONNECT_MS },
                { MONGOC_URI_SOCKETTIMEOUTMS, MONGO_SOCKET_MS },
        };

        for (size_t i = 0; i < N_ELEMENTS(times); i++) {
                int32_t ms = mongoc_uri_get_option_as_int32(uri, times[i].option, times[i].ms);

                /* 0 is for ever */
                if (patience_ms && (ms > patience_ms || ms <= 0))
                        ms = patience_ms;
                if (!mongoc_uri_set_option_as_int32(uri, times[i].option, ms))
                        return error_origin(-ENOMEM, "setting an option of MongoDB");
        }
        if (!mongoc_uri_get_appname(uri) && !mongoc_uri_set_appname(uri, APPLICATION))
                return error_origin(-ENOMEM, "setting an option of MongoDB");
        return 0;
}

/* libmongoc would find out at the first connection, and say that there was none. */
static int check_files(const mongoc_uri_t *uri, struct fault *fault) {
        static const char *const options[] = { MONGOC_URI_TLSCAFILE, MONGOC_URI_TLSCERTIFICATEKEYFILE };

        for (size_t i = 0; i < N_ELEMENTS(options); i++) {
                const char *path = mongoc_uri_get_option_as_utf8(uri, options[i], NULL);

                if (path && access(path, R_OK))
                        return fault_set(fault, "SOURCE_TLS_FAILED",
                                         "the file %.256s of the URI's %s cannot be read: %s", path, options[i],
                                         strerror(errno));
        }
        return 0;
}

static void describe_servers(const mongoc_uri_t *uri, char ret_servers[MONGO_SERVERS_BYTES]) {
        const char *looked_up = mongoc_uri_get_srv_hostname(uri);
        size_t n = 0;

        snprintf(ret_servers, MONGO_SERVERS_BYTES, "%s", looked_up ? looked_up : "");
        if (looked_up)
                return;
        for (const mongoc_host_list_t *host = mongoc_uri_get_hosts(uri); host && n < MONGO_SERVERS_BYTES;
             host = host->next)
                n += (size_t)snprintf(ret_servers + n, MONGO_SERVERS_BYTES - n, "%s%s", n ? ", " : "",
                                      host->host_and_port);
}

void mongo_place(const char *uri, char ret_database[MONGO_DATABASE_BYTES], char ret_servers[MONGO_SERVERS_BYTES]) {
        _cleanup_(uri_finish) mongoc_uri_t *parsed = NULL;
        struct fault ignored = FAULT_NULL;
        const char *database;

        *ret_database = *ret_servers = '\0';
        if (parse(uri, &parsed, &ignored))
                return;
        database = mongoc_uri_get_database(parsed);
        snprintf(ret_database, MONGO_DATABASE_BYTES, "%s", database ? database : "");
        describe_servers(parsed, ret_servers);
}

static int choose_names(struct mongo_client *client, const struct mongo_options *options, struct fault *fault) {
        const char *database = options->database;

        if (!database || !*database)
                database = mongoc_uri_get_database(client->uri);
        if (!database || !*database)
                return fault_set(fault, "SOURCE_URI_INVALID",
                                 "no database is named; source.database of pipeline.yaml, or the URI's path, names it");
        if (!options->collection || !*options->collection)
                return fault_set(fault, "SOURCE_URI_INVALID",
                                 "no collection is named; source.collection of pipeline.yaml names it");
        client->database = strdup(database);
        client->collection = strdup(options->collection);
        if (!client->database || !client->collection ||
            asprintf(&client->name, "%s.%s", client->database, client->collection) < 0) {
                client->name = NULL;
                return error_origin(-ENOMEM, "opening MongoDB");
        }
        return 0;
}

/* The hosts behind mongodb+srv are asked for here. */
static int create_client(struct mongo_client *client, struct fault *fault) {
        struct mongo_verdict verdict;
        bson_error_t error = { 0 };

        client->client = mongoc_client_new_from_uri_with_error(client->uri, &error);
        if (client->client) {
                mongoc_client_set_error_api(client->client, MONGOC_ERROR_API_VERSION_2);
                return 0;
        }
        mongo_words(client->uri_text, error.message, verdict.words);
        fault_at(fault, client->name, 0, 0);
        if (error.code != MONGOC_ERROR_STREAM_NAME_RESOLUTION)
                return fault_set(fault, "SOURCE_URI_INVALID", "libmongoc cannot use this URI (%.400s)", verdict.words);
        if (strcasestr(verdict.words, "temporary"))
                return error_origin(-EHOSTUNREACH, "looking for the servers of MongoDB: %s", verdict.words);
        return fault_set(fault, "SOURCE_HOST_UNKNOWN", "the URI's host names no servers (%.400s)", verdict.words);
}

int mongo_client_create(const struct mongo_options *options, struct mongo_client **ret_client, struct fault *fault) {
        _cleanup_(mongo_client_destroy_pointer) struct mongo_client *client = calloc(1, sizeof(*client));
        int r;

        if (!client)
                return error_origin(-ENOMEM, "opening MongoDB");
        atomic_init(&client->n_owners, 1);
        pthread_mutex_init(&client->lock, NULL);
        client->uri_text = strdup(options->uri);
        if (!client->uri_text)
                return error_origin(-ENOMEM, "opening MongoDB");
        r = parse(options->uri, &client->uri, fault);
        if (!r) {
                client->patience_ms = options->patience_ms;
                describe_servers(client->uri, client->servers);
                r = choose_names(client, options, fault);
        }
        if (!r)
                r = set_times(client->uri, options->patience_ms);
        if (!r)
                r = check_files(client->uri, fault);
        if (!r)
                r = create_client(client, fault);
        if (r == FAULT_E_INPUT && !*fault->file)
                fault_at(fault, "mongodb", 0, 0);
        if (r)
                return error_trace(r);
        *ret_client = steal(client);
        return 0;
}

struct mongo_client *mongo_client_share(struct mongo_client *client) {
        atomic_fetch_add(&client->n_owners, 1);
        return client;
}

void mongo_client_hold(struct mongo_client *client) {
        pthread_mutex_lock(&client->lock);
}

void mongo_client_release(struct mongo_client *client) {
        pthread_mutex_unlock(&client->lock);
}

/* Tells the server that its sessions are over, which it may not listen to. */
static void part(void *context) {
        mongoc_client_destroy(context);
}

static void forget(void *context) {
        (void)context;
}

struct mongo_client *mongo_client_destroy(struct mongo_client *client) {
        struct mongo_errand *errand = NULL;

        if (!client || atomic_fetch_sub(&client->n_owners, 1) > 1)
                return NULL;
        if (client->client && mongo_errand_start(part, forget, client->client, &errand))
                part(client->client);
        mongo_errand_end(errand);
        pthread_mutex_destroy(&client->lock);
        uri_finish(&client->uri);
        if (client->uri_text)
                explicit_bzero(client->uri_text, strlen(client->uri_text));
        free(client->uri_text);
        free(client->database);
        free(client->collection);
        free(client->name);
        free(client);
        return NULL;
}

void mongo_client_destroy_pointer(struct mongo_client **client) {
        *client = mongo_client_destroy(*client);
}

const char *mongo_client_name(const struct mongo_client *client) {
        return client->name;
}

int64_t mongo_client_estimate(struct mongo_client *client) {
        mongoc_collection_t *collection = mongoc_client_get_collection(client->client, client->database,
                                                                       client->collection);
        bson_error_t error;
        int64_t n;

        n = mongoc_collection_estimated_document_count(collection, NULL, NULL, NULL, &error);
        mongoc_collection_destroy(collection);
        return n;
}

static bool has_name(char *const *names, const char *name) {
        for (size_t i = 0; names[i]; i++)
                if (!strcmp(names[i], name))
                        return true;
        return false;
}

static int refuse_name(const char *code, const char *kind, const char *name, char *const *names, struct fault *fault) {
        char sentence[512];
        size_t n_names = 0;

        while (names[n_names])
                n_names++;
        snprintf(sentence, sizeof(sentence), "there is no %s \"%.128s\"", kind, name);
        nearest_explain(name, (const char *const *)names, n_names, sentence, sizeof(sentence));
        return fault_set(fault, code, "%s", sentence);
}

int mongo_client_explain_empty(struct mongo_client *client, struct fault *fault) {
        char **names;
        mongoc_database_t *database;
        bson_error_t error;
        int r = 0;

        fault_at(fault, client->name, 0, 0);
        names = mongoc_client_get_database_names_with_opts(client->client, NULL, &error);
        if (names && *names && !has_name(names, client->database))
                r = refuse_name("SOURCE_DATABASE_UNKNOWN", "database", client->database, names, fault);
        bson_strfreev(names);
        if (r)
                return r;
        database = mongoc_client_get_database(client->client, client->database);
        names = mongoc_database_get_collection_names_with_opts(database, NULL, &error);
        mongoc_database_destroy(database);
        if (names && !has_name(names, client->collection))
                r = refuse_name("SOURCE_COLLECTION_UNKNOWN", "collection", client->collection, names, fault);
        bson_strfreev(names);
        return r ? r : fault_set(fault, "EMPTY_SOURCE", "there are no documents");
}
