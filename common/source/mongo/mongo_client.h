#pragma once

/*
 * Mongo client
 *
 * A collection of a MongoDB server, set or Atlas cluster, named by a URI. This folder is the door to libmongoc and
 * libbson: nothing outside it includes their headers, and only what links the library `mongo` carries them.
 *
 * The URI is the user's: hosts, mongodb+srv, TLS, authentication, read preference and timeouts are as it says. Where it
 * is silent about a time, MONGO_*_MS holds. Options that libmongoc does not know are warned of and ignored.
 *
 * A URI holds secrets. Neither it nor any part of its user name, password or token stands in a fault, in a line of
 * the log, or in what is returned here; words of libmongoc and of the server that repeat one are left out.
 *
 * A client and what is made from it are used by one thread at a time; the threads made for them are their own matter.
 * None is waited for much longer than MONGO_LEAVE_MS (mongo_errand.h) when it is not wanted any more. A name of a host
 * that does not exist is a fault only until the first reply: later it is a failure that passes, as when a resolver
 * restarts.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/fault.h"

#define MONGO_SCHEME "mongodb://"
#define MONGO_SCHEME_SRV "mongodb+srv://"

/* Used where the URI says nothing: to find a server that is fit, to connect to one, to wait for its bytes. */
#define MONGO_SELECTION_MS 10000
#define MONGO_CONNECT_MS 5000
#define MONGO_SOCKET_MS 30000

struct mongo_client;

/* All borrowed for the call. */
struct mongo_options {
        const char *uri;
        const char *database;   /* NULL or "": the one in the URI's path */
        const char *collection; /* NULL or "": a fault */
        int patience_ms; /* for who only wants to look: no server is waited for any longer, whatever the URI says,
                          * and nothing is tried again; 0: without end, as said above */
};

/* room for the servers of a URI, as mongo_place() tells them, its end included */
#define MONGO_SERVERS_BYTES 256
/* and for the name of a database */
#define MONGO_DATABASE_BYTES 128

/* Reads the URI and asks nobody. 0, FAULT_E_INPUT (SOURCE_URI_INVALID), or -ENOMEM. */
int mongo_client_check(const char *uri, struct fault *fault);

/*
 * Does not connect, which the first reading does; only the hosts behind mongodb+srv are asked for. 0, FAULT_E_INPUT
 * (SOURCE_URI_INVALID, SOURCE_HOST_UNKNOWN), or a negative errno.
 *
 * Whatever talks to a server returns 0, FAULT_E_INPUT with one of these codes at once:
 *      SOURCE_URI_INVALID            no database or collection named, options that contradict each other
 *      SOURCE_HOST_UNKNOWN           no host of the URI has an address
 *      SOURCE_TLS_FAILED             certificate of another host, of an unknown authority, or no TLS at all
 *      SOURCE_AUTHENTICATION_FAILED  wrong user or password, or one that the server does not take
 *      SOURCE_NOT_AUTHORIZED         this user may not read there
 *      SOURCE_SERVER_UNFIT           a server too old or too new for libmongoc, or not fit for the URI's options
 *      SOURCE_READ_REFUSED           anything else that the server refuses, in its words
 * or, after MONGO_TRIES, -ECONNREFUSED, -ECONNRESET, -ETIMEDOUT, -EHOSTUNREACH, or -EREMOTEIO for a server that
 * answers but is not ready (stepping down, shutting down).
 */
int mongo_client_create(const struct mongo_options *options, struct mongo_client **ret_client, struct fault *fault);
struct mongo_client *mongo_client_destroy(struct mongo_client *client);
void mongo_client_destroy_pointer(struct mongo_client **client);

/* "database.collection", as people should see it. Borrowed from the client. */
const char *mongo_client_name(const struct mongo_client *client);

/* The same of a URI without a client, and the database in its path; "" where there is none, and both for what is no URI
 * of MongoDB. */
void mongo_place(const char *uri, char ret_database[MONGO_DATABASE_BYTES], char ret_servers[MONGO_SERVERS_BYTES]);

/* The number of documents by the collection's metadata, for progress; -1 where the server does not say. One try. */
int64_t mongo_client_estimate(struct mongo_client *client);

/* Why nothing was read: FAULT_E_INPUT with SOURCE_DATABASE_UNKNOWN, SOURCE_COLLECTION_UNKNOWN, both with the nearest
 * name that there is, or EMPTY_SOURCE, also where the server does not tell its names. */
int mongo_client_explain_empty(struct mongo_client *client, struct fault *fault);
