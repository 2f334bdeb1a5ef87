/*
 * What an error of libmongoc means: its own codes say less than its words, since whatever stands in the way of finding
 * a server is one code, and a connection that breaks while it authenticates has the code of a wrong password.
 *
 * Source of the numbers: MongoDB's error codes (src/mongo/base/error_codes.yml of the server), and of those that pass,
 * the Retryable Reads specification.
 */

#include "common/source/mongo/mongo_judge.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/cleanup.h"
#include "common/source/mongo/mongo_internal.h"

enum {
        CODE_UNAUTHORIZED = 13,
        CODE_ATLAS = 8000,
        PLAIN_MS = 2000, /* to find out that a server has no TLS */
};

/* a server, or its part of a set, that is not ready for now */
static const uint32_t passing[] = {
        6,     /* HostUnreachable */
        7,     /* HostNotFound */
        89,    /* NetworkTimeout */
        91,    /* ShutdownInProgress */
        134,   /* ReadConcernMajorityNotAvailableYet */
        189,   /* PrimarySteppedDown */
        262,   /* ExceededTimeLimit */
        9001,  /* SocketException */
        10107, /* NotWritablePrimary */
        11600, /* InterruptedAtShutdown */
        11602, /* InterruptedDueToReplStateChange */
        13435, /* NotPrimaryNoSecondaryOk */
        13436, /* NotPrimaryOrSecondary */
        /* beyond the specification's: what a busy, recovering or rebalancing server says */
        43,    /* CursorNotFound */
        63,    /* StaleShardVersion */
        133,   /* FailedToSatisfyReadPreference */
        136,   /* CappedPositionLost */
        150,   /* StaleEpoch */
        175,   /* QueryPlanKilled */
        202,   /* NetworkInterfaceExceededTimeLimit */
        234,   /* RetryChangeStream */
        237,   /* CursorKilled */
        365,   /* TemporarilyUnavailable */
        384,   /* ConnectionError */
        462,   /* IngressRequestRateLimitExceeded */
        10058, /* LegacyNotPrimary */
        11601, /* Interrupted */
        13388, /* StaleConfig */
};

/* a cursor that is gone from a server that is well */
static const uint32_t lost[] = { 43, 136, 175, 237 };

static const char *const labels[] = { "RetryableError",
                                      "RetryableReadError",
                                      "RetryableWriteError",
                                      "ResumableChangeStreamError",
                                      "TransientTransactionError",
                                      "SystemOverloadedError" };

static bool is_among(uint32_t code, const uint32_t *codes, size_t n_codes) {
        for (size_t i = 0; i < n_codes; i++)
                if (codes[i] == code)
                        return true;
        return false;
}

static bool has_label(const bson_t *reply) {
        for (size_t i = 0; reply && i < N_ELEMENTS(labels); i++)
                if (mongoc_error_has_label(reply, labels[i]))
                        return true;
        return false;
}

static bool has(const char *words, const char *part) {
        return strcasestr(words, part);
}

/* Those that the URI names, or that SRV records name for it. */
static const mongoc_host_list_t *hosts_of(const struct mongo_client *client) {
        return mongoc_uri_get_hosts(client->client ? mongoc_client_get_uri(client->client) : client->uri);
}

/* None of the URI's hosts has an address, and the resolver is sure of it. */
static bool are_hosts_unknown(const struct mongo_client *client) {
        for (const mongoc_host_list_t *host = hosts_of(client); host; host = host->next) {
                struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
                int r = getaddrinfo(host->host, NULL, &hints, &found);

                if (!r)
                        freeaddrinfo(found);
                if (r != EAI_NONAME && r != EAI_NODATA)
                        return false;
        }
        return true;
}

/* A host of the URI answers without TLS. It learns no more than that somebody asks. */
static bool is_plain(const mongoc_host_list_t *host) {
        mongoc_read_prefs_t *any = mongoc_read_prefs_new(MONGOC_READ_NEAREST);
        mongoc_server_description_t *server = NULL;
        mongoc_client_t *client;
        bson_error_t error;
        char uri[512];

        snprintf(uri, sizeof(uri),
                 MONGO_SCHEME "%s/?tls=false&directConnection=true&connectTimeoutMS=%d&socketTimeoutMS=%d"
                              "&serverSelectionTimeoutMS=%d",
                 host->host_and_port, PLAIN_MS, PLAIN_MS, PLAIN_MS);
        client = mongoc_client_new(uri);
        if (client)
                server = mongoc_client_select_server(client, false, any, &error);
        if (server)
                mongoc_server_description_destroy(server);
        if (client)
                mongoc_client_destroy(client);
        mongoc_read_prefs_destroy(any);
        return server;
}

/* TLS is asked for and a server took the connection, but not what was said. */
static bool is_tls_missing(const struct mongo_client *client, const char *words) {
        if (client->is_known || !mongoc_uri_get_tls(client->uri) ||
            (!has(words, "calling") && !has(words, "handshake")))
                return false;
        for (const mongoc_host_list_t *host = hosts_of(client); host; host = host->next)
                if (is_plain(host))
                        return true;
        return false;
}

static bool is_network(const char *words) {
        static const char *const signs[] = {
                "socket",  "Failed to send", "Failed to read",   "Failed to buffer", "timed out",
                "timeout", "closed",         "connection error", "refused",          "Could not find stream"
        };

        for (size_t i = 0; i < N_ELEMENTS(signs); i++)
                if (has(words, signs[i]))
                        return true;
        return false;
}

static int network_errno(const char *words) {
        if (has(words, "refused"))
                return -ECONNREFUSED;
        if (has(words, "resolve"))
                return -EHOSTUNREACH;
        if (has(words, "timeout calling") || has(words, "timed out"))
                return -ETIMEDOUT;
        return -ECONNRESET;
}

/* What is judged are the server's own words; what is shown are those without secrets. */
static void refuse(struct mongo_verdict *verdict, const char *code, const char *sentence) {
        verdict->code = fault_set(&verdict->fault, code, "%s (%.400s)", sentence, verdict->words);
}

static void judge_server(uint32_t code, const char *words, const bson_t *reply, struct mongo_verdict *verdict) {
        if (is_among(code, passing, N_ELEMENTS(passing)) || has_label(reply) || has(words, "not master") ||
            has(words, "node is recovering")) {
                verdict->code = -EREMOTEIO;
                verdict->is_cursor_lost = is_among(code, lost, N_ELEMENTS(lost));
        } else if (code == 18 || code == 11 || (code == CODE_ATLAS && has(words, "auth"))) {
                refuse(verdict, "SOURCE_AUTHENTICATION_FAILED",
                       "MongoDB does not take the user and password of the URI");
        } else if (code == CODE_UNAUTHORIZED) {
                refuse(verdict, "SOURCE_NOT_AUTHORIZED",
                       "MongoDB does not let the URI's user read this collection, or the URI names none");
        } else {
                refuse(verdict, "SOURCE_READ_REFUSED", "MongoDB refuses to read");
        }
}

/* No server was found, for a reason that only the words tell. */
static void judge_selection(const struct mongo_client *client, const char *words, struct mongo_verdict *verdict) {
        const char *log = mongo_last_log();

        if (has(words, "certificate verify failed") || has(words, "hostname mismatch"))
                refuse(verdict, "SOURCE_TLS_FAILED",
                       has(words, "hostname mismatch")
                               ? "the server's certificate is that of another host"
                               : "the server's certificate is not one to be trusted; tlsCAFile names its authority");
        else if (has(log, "certificate") || has(log, "private key"))
                refuse(verdict, "SOURCE_TLS_FAILED", "the URI's certificates cannot be read");
        else if (has(words, "Failed to resolve") && !client->is_known && are_hosts_unknown(client))
                refuse(verdict, "SOURCE_HOST_UNKNOWN", "the URI's host has no address");
        else if (is_tls_missing(client, words))
                refuse(verdict, "SOURCE_TLS_FAILED", "the server has no TLS, which the URI asks for");
        else
                verdict->code = network_errno(words);
}

void mongo_judge(struct mongo_client *client, const bson_error_t *error, const bson_t *reply,
                 struct mongo_verdict *ret_verdict) {
        *ret_verdict = (struct mongo_verdict){ .fault = FAULT_NULL };
        mongo_words(client->uri_text, error->message, ret_verdict->words);
        fault_at(&ret_verdict->fault, client->name, 0, 0);
        switch (error->domain) {
        case MONGOC_ERROR_SERVER:
        case MONGOC_ERROR_WRITE_CONCERN:
                judge_server(error->code, error->message, reply, ret_verdict);
                break;
        case MONGOC_ERROR_SERVER_SELECTION:
        case MONGOC_ERROR_STREAM:
        case MONGOC_ERROR_CURSOR:
                judge_selection(client, error->message, ret_verdict);
                break;
        case MONGOC_ERROR_PROTOCOL:
                if (error->code == MONGOC_ERROR_PROTOCOL_BAD_WIRE_VERSION)
                        refuse(ret_verdict, "SOURCE_SERVER_UNFIT", "this server cannot be read from");
                else
                        ret_verdict->code = -ECONNRESET;
                break;
        case MONGOC_ERROR_CLIENT:
        case MONGOC_ERROR_SASL:
        case MONGOC_ERROR_SCRAM:
                if (is_network(error->message))
                        judge_selection(client, error->message, ret_verdict);
                else if (error->domain != MONGOC_ERROR_CLIENT || error->code == MONGOC_ERROR_CLIENT_AUTHENTICATE)
                        refuse(ret_verdict, "SOURCE_AUTHENTICATION_FAILED",
                               "MongoDB does not take the user and password of the URI");
                else if (error->code == MONGOC_ERROR_CLIENT_NOT_READY)
                        ret_verdict->code = -ECONNRESET;
                else
                        refuse(ret_verdict, "SOURCE_SERVER_UNFIT", "this server is not fit for what the URI asks");
                break;
        default:
                refuse(ret_verdict, "SOURCE_READ_REFUSED", "libmongoc refuses to read");
        }
}
