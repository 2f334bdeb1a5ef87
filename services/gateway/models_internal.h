#pragma once

/* What models.c gives to models_calls.c, which runs in the same thread. */

#include "services/gateway/models.h"
#include "services/gateway/version_rows.h"

const struct models_options *models_options(const struct models *models);
struct version_rows *models_version_rows(struct models *models);
