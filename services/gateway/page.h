#pragma once

/*
 * Page
 *
 * The HTML that the gateway serves: a form with one control for each column of the schema, and the answer to it. It
 * works without JavaScript; nothing is loaded from elsewhere.
 */

#include "common/base/buffer.h"
#include "common/data/schema/schema.h"
#include "common/model/predict.h"
#include "services/gateway/request.h"

/* What the page says above the form. */
struct page_answer {
        const struct prediction *prediction; /* NULL: none yet */
        const struct predict_model *model;   /* NULL: none is loaded */
        const char *absence;                 /* why no model answers */
        const struct fault *fault;           /* NULL: none */
};

/* Appends the page. Controls keep what the request sent; schema is the one by which rows are read. */
int page_write(struct request *request, const struct schema *schema, const struct page_answer *answer,
               struct buffer *html);
