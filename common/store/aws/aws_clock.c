/* AWS clock: the machine's, corrected by what answers say. */

#include "common/store/aws/aws_clock.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/store/aws/aws_time.h"

enum {
        /* the header has whole seconds and the answer was some seconds under way; AWS takes five minutes and more */
        TOLERANCE_MS = 60000,
        MS_PER_SECOND = 1000,
};

void aws_clock_init(struct aws_clock *ret_clock, int64_t (*now_ms)(void)) {
        ret_clock->now_ms = now_ms ? now_ms : clock_realtime_ms;
        atomic_init(&ret_clock->offset_ms, 0);
}

int64_t aws_clock_now_ms(const struct aws_clock *clock) {
        return clock->now_ms() + atomic_load(&clock->offset_ms);
}

bool aws_clock_observe(struct aws_clock *clock, const char *date) {
        int64_t theirs, ours = clock->now_ms(), offset;

        if (!aws_time_parse_date(date, &theirs))
                return false;
        offset = theirs - ours;
        if (llabs(offset - atomic_load(&clock->offset_ms)) <= TOLERANCE_MS)
                return false;
        if (llabs(offset) <= TOLERANCE_MS) {
                atomic_store(&clock->offset_ms, 0);
                log_info("the clock of this machine agrees with that of AWS again");
                return true;
        }
        atomic_store(&clock->offset_ms, offset);
        log_warn("the clock of this machine is %lld seconds %s that of AWS; signing by theirs; set it with NTP",
                 llabs(offset) / MS_PER_SECOND, offset < 0 ? "ahead of" : "behind");
        return true;
}
