/* zone.h - time zones by name: what a wall clock somewhere shows, from the system's zone files.
 *
 * A zone is read once (TZif, RFC 8536) and kept for the life of the process; all functions are for
 * any thread. The folder is ZONEINFO's (environment) or /usr/share/zoneinfo. */
#ifndef GNOMON_ZONE_H
#define GNOMON_ZONE_H

#include "common/base/slice.h"

struct zone;

/* "UTC" and "" are always there. NULL: no such zone, an improper name, a malformed file, or more
 * different zones than a process keeps. */
const struct zone *zone_find(struct slice name);

/* Parse a TZif file's bytes (copied). NULL: malformed. */
struct zone *zone_parse(struct slice file);
void zone_free(struct zone *zone);

/* Seconds that the zone's clocks are ahead of UTC at a moment (seconds since the epoch). */
int64_t zone_offset_s(const struct zone *zone, int64_t at_s);

struct civil {
    int64_t year;
    int month, day; /* from 1 */
    int hour, minute, second;
    int weekday; /* 0: Sunday */
};
/* What the clock shows. */
struct civil zone_civil(const struct zone *zone, int64_t at_s);
/* The moment when it shows that. Fields may be out of range (day 32: the 1st of the next month). Of
 * a time that the clocks skip: one an hour off; of one that comes twice: one of the two. */
int64_t zone_moment(const struct zone *zone, const struct civil *civil);

#endif
