/* POST /predict: a JSON object, an array of them, or a form, answered within the loop. */

#include "services/gateway/gateway.h"

#include "common/base/json.h"
#include "common/model/predict.h"
#include "services/gateway/form.h"
#include "services/gateway/model.h"

/* rows of one array, at most */
enum { ROWS_MAX = 100000 };

static int predict_object(const struct model *model, const struct json_value *object, struct json_builder *answer,
                          struct fault *fault) {
        const struct predict_model named = { model->version.manifest.model, model->version.manifest.version };
        struct prediction prediction;
        struct predict_row row;
        int r;

        predict_row_init(&row, model->version.bundle.schema);
        r = predict_row_add_object(&row, object, fault);
        if (!r)
                r = predict_row(&model->version.bundle, &row, &prediction, fault);
        if (r)
                return r;
        predict_put_json(answer, &model->version.bundle, &row, &prediction, &named);
        return 0;
}

static int predict_array(const struct model *model, const struct json_value *array, struct json_builder *answer,
                         struct fault *fault) {
        struct json_array_iterator iterator = json_iterate_array(array);
        const struct json_value *object;
        int r;

        if (json_count(array) > ROWS_MAX)
                return fault_set(fault, "ROWS_TOO_MANY", "the array holds %zu rows, at most %d are predicted at once",
                                 json_count(array), ROWS_MAX);
        json_begin_array(answer);
        for (int64_t i = 0; json_next_element(&iterator, &object); i++) {
                r = predict_object(model, object, answer, fault);
                if (r) {
                        fault->row = i;
                        return r;
                }
        }
        json_end_array(answer);
        return 0;
}

static int predict_json(const struct model *model, struct request *request, struct json_builder *answer,
                        struct fault *fault, int *ret_status) {
        _cleanup_(json_destroy_pointer) struct json *document = NULL;
        const struct json_value *root;
        int r;

        *ret_status = 400;
        r = json_parse(request->h2o->entity.base, request->h2o->entity.len, fault, &document);
        if (r)
                return r;
        *ret_status = 422;
        root = json_root(document);
        return json_is_array(root) ? predict_array(model, root, answer, fault)
                                   : predict_object(model, root, answer, fault);
}

static int predict_form(const struct model *model, struct request *request, struct json_builder *answer,
                        struct fault *fault, int *ret_status) {
        const struct predict_model named = { model->version.manifest.model, model->version.manifest.version };
        struct prediction prediction;
        struct predict_row row;
        int r;

        *ret_status = 422;
        predict_row_init(&row, model->version.bundle.schema);
        r = form_read(request, &row, fault);
        if (!r)
                r = predict_row(&model->version.bundle, &row, &prediction, fault);
        if (r)
                return r;
        predict_put_json(answer, &model->version.bundle, &row, &prediction, &named);
        return 0;
}

/* What curl sends with -d and without a header: JSON that says it is a form. No column's name begins so. */
static bool is_json_in_disguise(const struct request *request) {
        h2o_iovec_t body = request->h2o->entity;
        size_t n = 0;

        while (n < body.len &&
               (body.base[n] == ' ' || body.base[n] == '\t' || body.base[n] == '\r' || body.base[n] == '\n'))
                n++;
        return n < body.len && (body.base[n] == '{' || body.base[n] == '[');
}

static void refuse_without_model(struct request *request) {
        char sentence[MODEL_SWAP_SENTENCE_BYTES];

        model_swap_explain(gateway_of(request)->model_swap, sentence);
        request_answer_error(request, 503, "%s", sentence);
}

static int answer_prediction(struct request *request) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        const struct model *model = request->shared ? model_of_shared(request->shared) : NULL;
        struct json_builder answer = json_begin(&text, JSON_COMPACT);
        struct fault fault = FAULT_NULL;
        int r, status = 422;

        if (!model) {
                refuse_without_model(request);
                return 0;
        }
        if (request_has_type(request, "application/json")) {
                r = predict_json(model, request, &answer, &fault, &status);
        } else if (is_json_in_disguise(request)) {
                request_answer_error(request, 415, "this is JSON: send content-type: application/json");
                return 0;
        } else if (request_has_type(request, "application/x-www-form-urlencoded")) {
                r = predict_form(model, request, &answer, &fault, &status);
        } else {
                request_answer_error(request, 415,
                                     "rows are sent as application/json or application/x-www-form-urlencoded");
                return 0;
        }
        if (!r)
                r = json_end(&answer);
        if (r == FAULT_E_INPUT)
                request_answer_fault(request, status, &fault);
        else if (r)
                request_answer_error(request, 503, "out of memory, try again");
        else
                request_answer_json(request, 200, &text);
        return 0;
}

void route_predict_register(struct router *router) {
        router_add(router, "POST", "/predict", ROUTE_OPEN, answer_prediction);
}
