/* Stage loop: what a message must be to enter the inbox. */

#include <string.h>

#include "common/base/error.h"
#include "common/base/uuid.h"
#include "proto/gateway_to_stage.h"
#include "services/stage/stage_loop_internal.h"

int stage_loop_check(void *context, const char *key, const uint8_t *body, size_t n_bytes, struct fault *fault) {
        struct stage_loop *loop = context;
        struct gateway_to_stage command = GATEWAY_TO_STAGE_NULL;
        struct envelope envelope = ENVELOPE_NULL;
        enum message_type receives = stage_receives(loop->options.service->stage);
        int r;

        r = envelope_unpack(body, n_bytes, &envelope, fault);
        if (r)
                return r;
        if (envelope.type == MESSAGE_GATEWAY_TO_STAGE)
                return gateway_to_stage_unpack(&envelope, &command, fault);
        if (strcmp(key, envelope.run) != 0)
                return fault_set(fault, "ENVELOPE_RUN", "the envelope names run %s, the header %s", envelope.run, key);
        return envelope_unpack_body(&envelope, receives, message_record(receives), loop->checked, fault);
}

/* The run whose work was refused is told to have failed. Where the envelope could not be read, the courier's key names
 * the run; a message that was read and is not this stage's work says nothing about how a run stands here. */
int stage_loop_on_reject(void *context, const char *id _unused_, const char *key, const uint8_t *body, size_t n_bytes,
                         const struct fault *fault) {
        struct stage_loop *loop = context;
        struct envelope about = ENVELOPE_NULL;
        struct fault unread = FAULT_NULL;
        bool is_read;
        int r;

        r = envelope_unpack(body, n_bytes, &about, &unread);
        if (r < 0)
                return error_trace(r);
        is_read = !r;
        if (is_read && (about.type != stage_receives(loop->options.service->stage) || strcmp(key, about.run) != 0))
                return 0;
        if (!is_read && !uuid_is_valid(key))
                return 0;
        if (!is_read)
                envelope_init(&about, key, 0, 0, "");
        return error_trace(stage_ends_post_refusal(&loop->ends, &about, fault));
}
