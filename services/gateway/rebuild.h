#pragma once

/*
 * Rebuild
 *
 * The ledger made anew from the manifests in the store, for a home whose spool was lost: every run.json becomes a run,
 * every <stage>.json the row of a stage. Of the runs that were in flight
 *
 *      whose pusher has left its manifest   SUCCEEDED with that release: the alias has moved, if it was to
 *      RUNNING                              PENDING, as a new attempt: the stages know what they have done
 *      CANCELING                            CANCELED, unless the registry knows a release of the run, after which
 *                                           nothing can be canceled: then it goes on as if it had been RUNNING
 */

#include "common/bus/spool.h"
#include "common/store/registry.h"
#include "common/store/store.h"
#include "services/gateway/ledger.h"

struct rebuild_counts {
        int64_t n_runs;
        int64_t n_stages;
        int64_t n_unreadable; /* manifests that could not be read; named in the log */
};

/* One transaction; runs that the ledger knows already are replaced. 0 or a negative errno. */
int rebuild_ledger(struct store *store, struct registry *registry, struct spool *spool, struct ledger *ledger,
                   struct rebuild_counts *ret_counts);
