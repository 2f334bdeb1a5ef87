/* GET /, POST /: the form, and its answer. */

#include "services/gateway/gateway.h"

#include "services/gateway/form.h"
#include "services/gateway/model.h"
#include "services/gateway/page.h"

static const struct model *model_of(const struct request *request) {
        return request->shared ? model_of_shared(request->shared) : NULL;
}

static const struct schema *schema_of(const struct request *request) {
        const struct model *model = model_of(request);

        return model ? model->version.bundle.schema : gateway_of(request)->schema;
}

/* The form with what is to be said above it: an answer (prediction), a complaint (fault), or neither. */
static int answer_page(struct request *request, int status, const struct prediction *prediction,
                       const struct fault *fault) {
        _cleanup_(buffer_finish) struct buffer html = BUFFER_NULL;
        const struct model *model = model_of(request);
        struct predict_model named = { model ? model->version.manifest.model : "",
                                       model ? model->version.manifest.version : 0 };
        char absence[MODEL_SWAP_SENTENCE_BYTES];
        struct page_answer answer = { prediction, model ? &named : NULL, absence, fault };

        model_swap_explain(gateway_of(request)->model_swap, absence);
        if (page_write(request, schema_of(request), &answer, &html)) {
                request_answer_error(request, 503, "out of memory, try again");
                return 0;
        }
        request_add_header(request, "content-security-policy",
                           "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'");
        request_answer(request, status, "text/html; charset=utf-8", html.data, html.n_bytes);
        return 0;
}

static int show_form(struct request *request) {
        return answer_page(request, 200, NULL, NULL);
}

static int predict_form(struct request *request) {
        const struct model *model = model_of(request);
        struct fault fault = FAULT_NULL;
        struct prediction prediction;
        struct predict_row row;
        int r;

        if (!request_has_type(request, "application/x-www-form-urlencoded")) {
                request_answer_error(request, 415, "the form is sent as application/x-www-form-urlencoded");
                return 0;
        }
        if (!model)
                return answer_page(request, 503, NULL, NULL);
        predict_row_init(&row, model->version.bundle.schema);
        r = form_read(request, &row, &fault);
        if (!r)
                r = predict_row(&model->version.bundle, &row, &prediction, &fault);
        if (r < 0) {
                request_answer_error(request, 503, "out of memory, try again");
                return 0;
        }
        return r ? answer_page(request, 422, NULL, &fault) : answer_page(request, 200, &prediction, NULL);
}

void route_page_register(struct router *router) {
        router_add(router, "GET", "/", ROUTE_OPEN, show_form);
        router_add(router, "POST", "/", ROUTE_OPEN, predict_form);
}
