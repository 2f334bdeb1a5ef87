#pragma once

/*
 * Reference
 *
 * What new rows are held against: baseline.json of the model version that answered when the run began, verified against
 * the manifest that the order names. A champion that cannot be read is never "no champion".
 */

#include <stdbool.h>

#include "common/base/digest.h"
#include "common/base/fault.h"
#include "common/data/statistics/baseline.h"
#include "common/store/store.h"
#include "proto/order.h"

/*
 * The digest of the baseline that the order's champion has; ret_has is false where there is no champion, or one that
 * came without a baseline (which is logged). 0; FAULT_E_INPUT (CHAMPION_UNREADABLE); or a negative errno, such as when
 * the registry is away.
 */
int reference_find(struct store *registry_store, const struct order *order, bool *ret_has,
                   char ret_digest[DIGEST_SHA256_BYTES], struct fault *fault);

/* The baseline itself, NULL where there is none, and its digest, "" then. As reference_find(); the caller destroys it.
 */
int reference_read(struct store *registry_store, const struct order *order, struct baseline **ret_baseline,
                   char ret_digest[DIGEST_SHA256_BYTES], struct fault *fault);
