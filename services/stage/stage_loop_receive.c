/* Stage loop: what a message must be to enter the inbox. */

#include <string.h>

#include "common/base/error.h"
#include "proto/gateway_to_stage.h"
#include "services/stage/stage_loop_internal.h"

int stage_loop_check(void *context, const char *key, const uint8_t *body, size_t n_bytes, struct fault *fault) {
        struct gateway_to_stage command = GATEWAY_TO_STAGE_NULL;
        struct envelope envelope = ENVELOPE_NULL;
        struct stage_loop *loop = context;
        enum message_type receives = stage_receives(loop->options.service->stage);
        int r;

        r = envelope_unpack(body, n_bytes, &envelope, fault);
        if (r)
                return r;
        if (envelope.type == MESSAGE_GATEWAY_TO_STAGE)
                return gateway_to_stage_unpack(&envelope, &command, fault);
        if (strcmp(key, envelope.run) != 0)
                return fault_set(fault, "ENVELOPE_RUN", "the envelope names run %s, the header %s", envelope.run, key);
        r = envelope_unpack_body(&envelope, receives, message_record(receives), loop->checked, fault);
        /* a message that is not for this stage says nothing about how the run stands here */
        if (r == FAULT_E_INPUT && envelope.type == receives)
                loop->refusable = envelope;
        return r;
}

int stage_loop_on_reject(void *context, const char *id _unused_, const char *key _unused_, const struct fault *fault) {
        struct stage_loop *loop = context;
        struct envelope about = loop->refusable;

        if (!*about.run)
                return 0;
        loop->refusable = (struct envelope)ENVELOPE_NULL;
        return error_trace(stage_ends_post_refusal(&loop->ends, &about, fault));
}
