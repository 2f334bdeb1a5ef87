#pragma once

/* The state of serving.h as the sealed document serving.json. */

#include "common/base/buffer.h"
#include "common/base/fault.h"
#include "services/gateway/serving.h"

int serving_state_format(const struct serving_state *state, const char *registry_uri, struct buffer *ret_text);

/* 0, FAULT_E_INPUT, or a negative errno. ret_is_ours: false when it is of another registry, and then nothing else is
 * set. */
int serving_state_parse(const struct buffer *text, const char *registry_uri, bool *ret_is_ours,
                        struct serving_state *ret_state, struct fault *fault);
