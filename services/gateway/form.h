#pragma once

/*
 * Form
 *
 * application/x-www-form-urlencoded (WHATWG URL, section 5.1) read into a row, and the page that asks for one, made
 * from the schema.
 */

#include "common/base/buffer.h"
#include "common/model/predict.h"
#include "services/gateway/request.h"

/* a form is one row: bodies and fields beyond these are refused */
#define FORM_BYTES_MAX (1024 * 1024)
#define FORM_FIELDS_MAX 4096

/* Adds every field of the request's body to the row; decoded texts live in the request's memory. FAULT_E_INPUT for a
 * form that is too large (FORM_TOO_LARGE), or a field that the row refuses. */
int form_read(struct request *request, struct predict_row *row, struct fault *fault);

/* The value of a field as the client sent it, decoded into the request's memory; base NULL when it is absent. */
h2o_iovec_t form_find(struct request *request, const char *name);

/* Appends text with &, <, >, " and ' escaped. */
int form_escape(struct buffer *html, const char *text, size_t n_bytes);
