#pragma once

/*
 * Error filter
 *
 * What libh2o answers by itself before a route is asked (a body that is too large, a broken chunk, an unknown Expect)
 * is plain text; this filter gives it the JSON shape of all other errors. Only a head that cannot be read stays
 * libh2o's own bare 400.
 */

#include <h2o.h>

/* Registers the filter for a path; on_error is called for each such answer in the thread of the loop. */
void error_filter_register(h2o_pathconf_t *path, void (*on_error)(h2o_req_t *h2o));
