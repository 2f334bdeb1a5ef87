#pragma once

/*
 * Request
 *
 * What a route sees of one HTTP request, and the ways to answer it. Everything belongs to one loop thread; memory taken
 * with h2o_mem_alloc_pool(&request->h2o->pool, …) lives as long as the request. Every error is JSON:
 * {"error":"…","code":"…"} with "column" and "row" where they are known.
 */

#include <stdbool.h>
#include <stddef.h>

#include <h2o.h>

#include "common/base/buffer.h"
#include "common/base/fault.h"

enum {
        REQUEST_PARAMETERS_MAX = 4,
        REQUEST_PARAMETER_BYTES = 256,
        REQUEST_STATUS_CLASSES = 6, /* [2] is 2xx */
};

struct server_shared;

/* What a loop counts, for everybody to read. */
struct request_tally {
        _Atomic uint64_t n_by_class[REQUEST_STATUS_CLASSES]; /* answers; [2] is 2xx */
        _Atomic size_t n_handed_over;                        /* requests that another thread is to answer (handoff.h) */
};

struct request {
        h2o_req_t *h2o;
        void *context;                                  /* of server_options */
        struct server_shared *shared;                   /* what the loop has been given (server.h); NULL: nothing yet */
        h2o_multithread_receiver_t *receiver;           /* of this loop, for answers from other threads (handoff.h) */
        struct request_tally *tally;                    /* of this loop */
        h2o_iovec_t parameters[REQUEST_PARAMETERS_MAX]; /* what the pattern's {…} matched, in order */
        size_t n_parameters;
};

/* Copies parameter i into ret_text and ends it; false when it does not fit or has a NUL. */
bool request_parameter(const struct request *request, size_t i, char *ret_text, size_t n_bytes);

/* The value of the first header of that lower-case name, or an empty vector. */
h2o_iovec_t request_header(const struct request *request, const char *name);

/* The value of a query parameter, still percent-encoded; base NULL when it is absent. */
h2o_iovec_t request_query(const struct request *request, const char *name);

/* The same as a whole number of at most 18 digits; 0 when it is absent, -1 when it is none. */
int64_t request_query_number(const struct request *request, const char *name);

/* The media type of Content-Type without parameters equals type, ignoring case. */
bool request_has_type(const struct request *request, const char *type);

/* True, and answered by 415, when there is a body of another type. */
bool request_refuses_type(struct request *request, const char *type);

/* Answer with a body that is copied into the request's memory. type is a literal. */
void request_answer(struct request *request, int status, const char *type, const void *body, size_t n_bytes);
void request_answer_nothing(struct request *request, int status);
void request_answer_json(struct request *request, int status, const struct buffer *json);

/* Adds a header; name is lower-case and a literal, value is copied. */
void request_add_header(struct request *request, const char *name, const char *value);

/* {"error":message,"code":…}, and the fault's column and row where known. The code is the fault's, or else the status
 * in words: NOT_FOUND, UNAUTHORIZED. */
void request_answer_error(struct request *request, int status, const char *format, ...) _printf_(3, 4);
void request_answer_fault(struct request *request, int status, const struct fault *fault);

/* 400 for a body that is no JSON, 422 for one that says what it may not. */
int request_fault_status(const struct fault *fault);

/* Appends that JSON object to json. 0 or -ENOMEM. */
int request_error_json(int status, const struct fault *fault, struct buffer *json);

/* The standard phrase of a status code. */
const char *request_status_phrase(int status);
