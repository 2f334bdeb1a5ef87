/* Model: a version with references. */

#include "services/gateway/model.h"

#include <errno.h>
#include <stdlib.h>

#include "common/base/error.h"

static void destroy(struct server_shared *shared) {
        struct model *model = model_of_shared(shared);

        version_finish(&model->version);
        free(model);
}

static void model_unref_pointer(struct model **model) {
        if (*model)
                server_shared_unref(&(*model)->super);
}

int model_load(struct registry *registry, int64_t number, struct model **ret_model, struct fault *fault) {
        _cleanup_(model_unref_pointer) struct model *model = calloc(1, sizeof(*model));
        int r;

        if (!model)
                return error_origin(-ENOMEM, "loading version %lld", (long long)number);
        model->super.n_references = 1;
        model->super.destroy = destroy;
        r = version_load(registry, number, &model->version, fault);
        if (r)
                return error_trace(r);
        *ret_model = steal(model);
        return 0;
}
