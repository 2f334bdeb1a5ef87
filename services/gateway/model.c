/* Model: a version with references. */

#include "services/gateway/model.h"

#include <errno.h>
#include <stdlib.h>

#include "common/base/error.h"
#include "common/base/log.h"

static void destroy(struct server_shared *shared) {
        struct model *model = model_of_shared(shared);

        version_finish(&model->version);
        free(model);
}

static void model_unref_pointer(struct model **model) {
        if (*model)
                server_shared_unref(&(*model)->super);
}

int model_load(struct registry *registry, int64_t number, struct model **ret_model) {
        _cleanup_(model_unref_pointer) struct model *model = calloc(1, sizeof(*model));
        struct fault fault = FAULT_NULL;
        char text[FAULT_TEXT_BYTES];
        int r;

        if (!model)
                return error_origin(-ENOMEM, "loading version %lld", (long long)number);
        model->super.n_references = 1;
        model->super.destroy = destroy;
        r = version_load(registry, number, &model->version, &fault);
        if (r == FAULT_E_INPUT)
                log_error("version=%lld code=%s %s", (long long)number, fault.code,
                          fault_format(&fault, text, sizeof(text)));
        if (r)
                return error_trace(r);
        *ret_model = steal(model);
        return 0;
}
