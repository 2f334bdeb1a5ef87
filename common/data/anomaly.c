/* Anomalies: the names, from the one table. */

#include "common/data/anomaly.h"

#include <assert.h>

const char *anomaly_name(enum anomaly anomaly) {
        static const char *const names[] = { [ANOMALY_NONE] = "",
#define ANOMALY_TEXT(name) [ANOMALY_##name] = #name,
                                             ANOMALY_TABLE(ANOMALY_TEXT)
#undef ANOMALY_TEXT
        };

        assert(anomaly < N_ANOMALIES);
        return names[anomaly];
}

const char *severity_name(enum severity severity) {
        static const char *const names[] = { "ignore", "warning", "error" };

        assert(severity <= SEVERITY_ERROR);
        return names[severity];
}
