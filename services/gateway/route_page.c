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

static int answer_page(struct request *request, int status, struct page_answer *answer) {
        _cleanup_(buffer_finish) struct buffer html = BUFFER_NULL;
        char sentence[MODEL_SWAP_SENTENCE_BYTES];

        if (!answer->model) {
                model_swap_explain(gateway_of(request)->model_swap, sentence);
                answer->absence = sentence;
        }
        if (page_write(request, schema_of(request), answer, &html)) {
                request_answer_error(request, 503, "out of memory, try again");
                return 0;
        }
        request_add_header(request, "content-security-policy",
                           "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'");
        request_answer(request, status, "text/html; charset=utf-8", html.data, html.n_bytes);
        return 0;
}

static int show_form(struct request *request) {
        const struct model *model = model_of(request);
        struct predict_model named = { model ? model->version.manifest.model : "",
                                       model ? model->version.manifest.version : 0 };
        struct page_answer answer = { .model = model ? &named : NULL };

        return answer_page(request, 200, &answer);
}

static int predict_form(struct request *request) {
        const struct model *model = model_of(request);
        struct predict_model named = { model ? model->version.manifest.model : "",
                                       model ? model->version.manifest.version : 0 };
        struct page_answer answer = { .model = model ? &named : NULL };
        struct fault fault = FAULT_NULL;
        struct prediction prediction;
        struct predict_row row;
        int r;

        if (!request_has_type(request, "application/x-www-form-urlencoded")) {
                request_answer_error(request, 415, "the form is sent as application/x-www-form-urlencoded");
                return 0;
        }
        if (!model)
                return answer_page(request, 503, &answer);
        predict_row_init(&row, model->version.bundle.schema);
        r = form_read(request, &row, &fault);
        if (!r)
                r = predict_row(&model->version.bundle, &row, &prediction, &fault);
        if (r < 0) {
                request_answer_error(request, 503, "out of memory, try again");
                return 0;
        }
        answer.fault = r ? &fault : NULL;
        answer.prediction = r ? NULL : &prediction;
        return answer_page(request, r ? 422 : 200, &answer);
}

void route_page_register(struct router *router) {
        router_add(router, "GET", "/", ROUTE_OPEN, show_form);
        router_add(router, "POST", "/", ROUTE_OPEN, predict_form);
}
