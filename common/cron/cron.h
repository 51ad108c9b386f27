/* cron.h - cron schedules as the API takes them: five fields, descriptors, time zones.
 *
 *     [CRON_TZ=Zone|TZ=Zone] minute hour day-of-month month day-of-week
 *     @yearly @annually @monthly @weekly @daily @midnight @hourly
 *     @every <duration as Go writes it: 1h30m10s>
 *
 * Fields hold *, ?, numbers, names (JAN, mon), ranges, steps and lists of these. A day matches when
 * both day fields do, or, when neither is *, either. Pure but for reading zone files. */
#ifndef GNOMON_CRON_H
#define GNOMON_CRON_H

#include "common/cron/zone.h"

struct cron {
    int64_t every_s;                                 /* > 0: @every, and nothing else */
    uint64_t minutes, hours, days, months, weekdays; /* bits; bit 63: the field is * */
    const struct zone *zone;
};

MUST_USE bool cron_parse(struct slice text, struct cron *out);

/* The first time after `after_ns`; 0: none within five years. */
int64_t cron_next_ns(const struct cron *cron, int64_t after_ns);

/* How long the run that follows one scheduled for `scheduled_ns` waits, in whole seconds (rounded
 * up); -1: nothing follows. */
int64_t cron_backoff_ns(struct slice text, int64_t scheduled_ns, int64_t now_ns);

/* NULL: a schedule that one can wait for. Else what is wrong, in the reference server's words. */
const char *cron_fault(struct slice text, int64_t now_ns);

#endif
