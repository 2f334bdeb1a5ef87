#pragma once

/* What model_swap.c gives to model_calls.c, which runs in the same thread. */

#include "services/gateway/model_swap.h"
#include "services/gateway/version_rows.h"

const struct model_swap_options *model_swap_options(const struct model_swap *swap);
struct version_rows *model_swap_version_rows(struct model_swap *swap);
