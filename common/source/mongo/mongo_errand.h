#pragma once

/*
 * Mongo errand
 *
 * A thread for what talks to a server. libmongoc has no way to break off what it waits for, and a server that falls
 * silent keeps it waiting for the URI's timeouts, a minute and more. Whoever wants no more of an errand therefore does
 * not wait that long: the thread is left to itself, and undoes what it has when its wait is over.
 */

/* how long an errand that nobody wants any more is waited for: healthy servers answer sooner */
#define MONGO_LEAVE_MS 2000

struct mongo_errand;

/* run() is called in the thread; what it uses belongs to the errand until undo(), which is called once, after run() has
 * returned, in either thread. 0 or a negative errno: neither is called. */
int mongo_errand_start(void (*run)(void *context), void (*undo)(void *context), void *context,
                       struct mongo_errand **ret_errand);

/* Waits MONGO_LEAVE_MS at most for run() to return. The context is not the caller's any more. NULL is nothing. */
void mongo_errand_end(struct mongo_errand *errand);
