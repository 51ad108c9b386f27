/* cron_test.c - cron schedules and time zones: syntax, next times, clocks that change. */
#include "common/cron/cron.h"

#include "common/base/base.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t utc(int year, int month, int day, int hour, int minute, int second)
{
    const struct civil c = {
        .year = year, .month = month, .day = day, .hour = hour, .minute = minute, .second = second};
    return zone_moment(zone_find(SLICE_EMPTY), &c);
}

/* "2026-03-08T01:59:00", of a zone's clock or UTC's. */
static int64_t at(const char *zone, const char *text)
{
    int f[6];

    must(sscanf(text, "%d-%d-%dT%d:%d:%d", &f[0], &f[1], &f[2], &f[3], &f[4], &f[5]) == 6);
    const struct civil c = {f[0], f[1], f[2], f[3], f[4], f[5], 0};
    return zone_moment(zone_find(slice_str(zone)), &c);
}

TEST(test_calendar)
{
    check_i64(utc(1970, 1, 1, 0, 0, 0), 0);
    check_i64(utc(2000, 2, 29, 12, 30, 15), 951827415);
    check_i64(utc(2026, 14, 32, 0, 0, 0), utc(2027, 3, 4, 0, 0, 0));
    check_i64(utc(1969, 12, 31, 23, 59, 59), -1);
    const struct civil c = zone_civil(zone_find(SLICE_EMPTY), 951827415);
    check(c.year == 2000 && c.month == 2 && c.day == 29 && c.hour == 12 && c.minute == 30 &&
          c.second == 15 && c.weekday == 2);
    for (int64_t s = -4000000000; s < 8000000000; s += 86399 * 7) {
        const struct civil back = zone_civil(zone_find(SLICE_EMPTY), s);
        check_i64(zone_moment(zone_find(SLICE_EMPTY), &back), s);
    }
}

TEST(test_zones_of_the_system)
{
    static const struct {
        const char *zone;
        int64_t at_s, offset_s;
    } cases[] = {
        {"America/New_York", 1710054000 - 1, -5 * 3600}, /* 2024-03-10 */
        {"America/New_York", 1710054000, -4 * 3600},
        {"America/New_York", 1730613600, -5 * 3600},
        {"Europe/Berlin", 1711846800 - 1, 3600},
        {"Europe/Berlin", 1711846800, 7200},
        {"Australia/Sydney", 1704067200, 11 * 3600},
        {"Australia/Sydney", 1719792000, 10 * 3600},
        {"Asia/Kolkata", 1704067200, 5 * 3600 + 1800},
        {"America/New_York", 4076553600, -5 * 3600}, /* 2099: by the rule */
        {"America/New_York", 4088052000, -4 * 3600},
        {"Asia/Tokyo", 4088052000, 9 * 3600},
    };

    if (!zone_find(SLICE_LIT("America/New_York"))) {
        puts("no zone files here: the zones of the system are not looked at");
        return;
    }
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct zone *zone = zone_find(slice_str(cases[i].zone));
        check(zone != NULL);
        if (zone)
            check_i64(zone_offset_s(zone, cases[i].at_s), cases[i].offset_s);
    }
    check(zone_find(SLICE_LIT("Europe/Berlin")) == zone_find(SLICE_LIT("Europe/Berlin")));
    check(!zone_find(SLICE_LIT("Nowhere/At_All")));
    check(!zone_find(SLICE_LIT("../etc/passwd")));
    check(!zone_find(SLICE_LIT("/etc/passwd")));
    check(!zone_find(SLICE_LIT("America")));
}

/* A file of version 2 with no transitions and a rule. */
static struct slice tzif(const char *footer, uint8_t *out)
{
    size_t len = 0;

    for (int part = 0; part < 2; part++) {
        memset(out + len, 0, 44);
        memcpy(out + len, "TZif2", 5);
        be32_put(out + len + 36, 1); /* types */
        be32_put(out + len + 40, 4); /* chars */
        len += 44;
        memcpy(out + len, "\0\0\0\0\0\0XYZ\0", 10);
        len += 10;
    }
    out[len++] = '\n';
    memcpy(out + len, footer, strlen(footer));
    len += strlen(footer);
    out[len++] = '\n';
    return slice_of(out, len);
}

TEST(test_zone_rules_and_malformed_files)
{
    uint8_t bytes[256];
    struct zone *zone = zone_parse(tzif("EST5EDT,M3.2.0,M11.1.0", bytes));

    must(zone != NULL);
    check_i64(zone_offset_s(zone, 1710054000 - 1), -5 * 3600);
    check_i64(zone_offset_s(zone, 1710054000), -4 * 3600);
    zone_free(zone);
    zone = zone_parse(tzif("AEST-10AEDT,M10.1.0,M4.1.0/3", bytes));
    must(zone != NULL);
    check_i64(zone_offset_s(zone, 1704067200), 11 * 3600);
    check_i64(zone_offset_s(zone, 1719792000), 10 * 3600);
    zone_free(zone);
    zone = zone_parse(tzif("<+0330>-3:30<+0430>,J79/24,J263/24", bytes));
    must(zone != NULL);
    check_i64(zone_offset_s(zone, 1704067200), 3 * 3600 + 1800);
    check_i64(zone_offset_s(zone, 1719792000), 4 * 3600 + 1800);
    zone_free(zone);

    static const char *const bad[] = {"E5",
                                      "EST",
                                      "EST5EDT,M13.1.0,M1.1.0",
                                      "EST5EDT",
                                      "EST5EDT,M3.2.0",
                                      "EST5EDT,M3.2.0,M11.1.0x"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        check(!zone_parse(tzif(bad[i], bytes)));
    const struct slice whole = tzif("EST5", bytes);
    for (size_t len = 0; len < whole.len; len++)
        check(!zone_parse(slice_of(whole.ptr, len)));
    for (size_t i = 0; i < whole.len; i++) { /* whatever the bytes: no crash, no leak */
        bytes[i] ^= 0xff;
        zone_free(zone_parse(whole));
        bytes[i] ^= 0xff;
    }
}

TEST(test_next_times)
{
    static const struct {
        const char *schedule, *from, *next; /* NULL: never */
    } cases[] = {
        {"0/15 * * * *", "2012-07-09T14:45:00", "2012-07-09T15:00:00"},
        {"0/15 * * * *", "2012-07-09T14:59:00", "2012-07-09T15:00:00"},
        {"20-35/15 * * * *", "2012-07-09T14:45:00", "2012-07-09T15:20:00"},
        {"*/15 * * * *", "2012-07-09T23:46:00", "2012-07-10T00:00:00"},
        {"30 23 * * *", "2012-07-09T23:46:00", "2012-07-10T23:30:00"},
        {"0 0 9 Apr-Oct ?", "2012-07-09T23:35:00", "2012-08-09T00:00:00"},
        {"0 0 */5 APR,Aug,oct Mon", "2012-07-09T23:35:00", "2012-08-01T00:00:00"},
        {"0 0 */5 Oct MON", "2012-07-09T23:35:00", "2012-10-01T00:00:00"},
        {"0 0 * Feb Mon", "2012-07-09T23:35:00", "2013-02-04T00:00:00"},
        {"0 0 * Feb Mon/2", "2012-07-09T23:35:00", "2013-02-01T00:00:00"},
        {"0 0 29 Feb ?", "2012-07-09T23:35:00", "2016-02-29T00:00:00"},
        {"0 0 30 Feb ?", "2012-07-09T23:35:00", NULL},
        {"0 0 31 Apr ?", "2012-07-09T23:35:00", NULL},
        {"* * 1 * 0", "2012-07-09T23:35:10", "2012-07-15T00:00:00"}, /* either day */
        {"* * * * *", "2012-07-09T23:59:59", "2012-07-10T00:00:00"},
        {"* * * * *", "2012-07-09T23:59:00", "2012-07-10T00:00:00"},
        {"\t 5   4 * * * ", "2012-12-31T23:59:59", "2013-01-01T04:05:00"},
        {"@hourly", "2012-07-09T14:45:00", "2012-07-09T15:00:00"},
        {"@daily", "2012-07-09T14:45:00", "2012-07-10T00:00:00"},
        {"@midnight", "2012-07-09T14:45:00", "2012-07-10T00:00:00"},
        {"@weekly", "2012-07-09T14:45:00", "2012-07-15T00:00:00"},
        {"@monthly", "2012-07-09T14:45:00", "2012-08-01T00:00:00"},
        {"@yearly", "2012-07-09T14:45:00", "2013-01-01T00:00:00"},
        {"@annually", "2012-07-09T14:45:00", "2013-01-01T00:00:00"},
        {"@every 5m30s", "2012-07-09T14:45:01", "2012-07-09T14:50:31"},
        {"@every 1.5h", "2012-07-09T14:45:00", "2012-07-09T16:15:00"},
        {"@every 10ms", "2012-07-09T14:45:00", "2012-07-09T14:45:01"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct cron cron;
        const bool parsed = cron_parse(slice_str(cases[i].schedule), &cron);

        check(parsed);
        if (!parsed)
            puts(cases[i].schedule);
        else
            check_i64(cron_next_ns(&cron, at("", cases[i].from) * NS_PER_S),
                      cases[i].next ? at("", cases[i].next) * NS_PER_S : 0);
    }
}

TEST(test_next_times_in_a_zone)
{
    static const char ny[] = "America/New_York";
    static const struct {
        const char *schedule, *from, *next;
    } cases[] = {
        {"CRON_TZ=America/New_York 0 9 * * *", "2026-07-01T08:00:00", "2026-07-01T09:00:00"},
        {"TZ=America/New_York 0 9 * * *", "2026-12-31T10:00:00", "2027-01-01T09:00:00"},
        {"CRON_TZ=America/New_York @daily", "2026-07-01T08:00:00", "2026-07-02T00:00:00"},
        /* 02:30 does not exist on the 8th of March */
        {"CRON_TZ=America/New_York 30 2 * * *", "2026-03-07T03:00:00", "2026-03-09T02:30:00"},
        {"CRON_TZ=America/New_York 0 * * * *", "2026-03-08T01:00:00", "2026-03-08T03:00:00"},
        {"CRON_TZ=America/New_York 0 0 * * *", "2026-11-01T00:00:00", "2026-11-02T00:00:00"},
    };

    if (!zone_find(slice_str(ny)))
        return;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct cron cron;
        check(cron_parse(slice_str(cases[i].schedule), &cron));
        check_i64(cron_next_ns(&cron, at(ny, cases[i].from) * NS_PER_S),
                  at(ny, cases[i].next) * NS_PER_S);
    }
    struct cron cron; /* midnight is skipped there: the day begins at one */
    if (cron_parse(SLICE_LIT("CRON_TZ=America/Sao_Paulo 0 1 * * *"), &cron))
        check_i64(cron_next_ns(&cron, at("America/Sao_Paulo", "2018-11-03T12:00:00") * NS_PER_S),
                  at("America/Sao_Paulo", "2018-11-04T01:00:00") * NS_PER_S);
}

TEST(test_bad_schedules)
{
    static const char *const bad[] = {
        "",
        "xyz",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 7",
        "5-1 * * * *",
        "*/0 * * * *",
        "1-2-3 * * * *",
        "1/2/3 * * * *",
        "a * * * *",
        "-5 * * * *",
        "@every",
        "@every x",
        "@every 5",
        "@every .s",
        "@nonsense",
        "TZ=UTC",
        "CRON_TZ=",
        "CRON_TZ=Nowhere/x * * * * *",
        "* * * foo *",
        "1- * * * *",
        "*/ * * * *",
        "* * * * Monday",
    };
    struct cron cron;

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (cron_parse(slice_str(bad[i]), &cron))
            test_failed(__FILE__, __LINE__, "\"%s\" is taken", bad[i]);
    check(cron_fault(SLICE_EMPTY, 0) == NULL);
    check(cron_fault(SLICE_LIT("0 0 * * *"), 0) == NULL);
    check_str(cron_fault(SLICE_LIT("nonsense"), 0), "invalid CronSchedule.");
    check_str(cron_fault(SLICE_LIT("0 0 31 2 *"), 0),
              "invalid CronSchedule, no time can be found to satisfy the schedule");
}

TEST(test_backoff_to_the_next_run)
{
    static const struct {
        const char *schedule, *scheduled, *now;
        int64_t now_ns, backoff_s; /* -1 ns: none */
    } cases[] = {
        {"0 10 * * *", "2018-12-17T08:00:00", "2018-12-17T09:00:00", 0, 3600},
        {"0 10 * * *", "2018-12-18T01:00:00", "2018-12-17T01:00:00", 0, 86400},
        {"0 10 * * *", "2018-12-17T08:00:00", "2018-12-20T00:00:00", 0, 36000},
        {"*/10 * * * *", "2018-12-17T00:04:00", "2018-12-17T01:05:00", 0, 300},
        {"*/10 * * * *", "2018-12-17T00:04:00", "2018-12-17T01:10:00", 0, 0},
        {"*/10 * * * *", "2018-12-17T01:10:00", "2018-12-17T01:10:00", 0, 600},
        {"* * * * *", "2018-12-17T00:04:00", "2018-12-17T00:04:59", 300 * NS_PER_MS, 1},
        {"@every 5h", "2018-12-17T08:00:00", "2018-12-17T09:00:00", 0, 4 * 3600},
        {"@every 5h", "2018-12-17T08:00:00", "2018-12-18T00:00:00", 0, 4 * 3600},
        {"@every 1h", "2018-12-17T08:00:00", "2018-12-17T09:00:00", 0, 0},
        {"@every 3s", "2018-12-17T08:00:00", "2018-12-17T08:00:01", 500 * NS_PER_MS, 2},
        {"0 3 * * 0-6", "2018-12-17T08:00:00", "2018-12-17T08:00:00", 0, 19 * 3600},
        {"0 0 31 2 *", "2018-12-17T08:00:00", "2018-12-17T08:00:00", 0, -1},
        {"wrong", "2018-12-17T08:00:00", "2018-12-17T08:00:00", 0, -1},
        {"", "2018-12-17T08:00:00", "2018-12-17T08:00:00", 0, -1},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_i64(cron_backoff_ns(slice_str(cases[i].schedule),
                                  at("", cases[i].scheduled) * NS_PER_S,
                                  at("", cases[i].now) * NS_PER_S + cases[i].now_ns),
                  cases[i].backoff_s < 0 ? -1 : cases[i].backoff_s * NS_PER_S);
}
