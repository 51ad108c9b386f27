/* zone.c - time zones by name: TZif files, and the rule at their end for what lies ahead. */
#include "common/cron/zone.h"

#include "common/base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ZONES_MAX = 1024, /* more than there are */
    FILE_MAX = 256 * 1024,
    NAME_MAX_LEN = 64,
    HEADER_LEN = 44,
    DAY_S = 86400,
};

struct transition {
    int64_t at_s;
    int32_t offset_s;
};

/* A change of a year: "M3.2.0/2", "J60", "59". */
struct change {
    char kind; /* 'M', 'J', '0' */
    int month, week, day;
    int32_t at_s; /* of that day, by the clock before */
};

struct zone {
    char name[NAME_MAX_LEN + 1];
    struct transition *transitions;
    size_t count;
    int32_t first_offset_s; /* before the first transition */
    bool has_rule, has_summer;
    int32_t standard_s, summer_s;
    struct change begins, ends; /* of summer time */
};

/* -- the calendar ---------------------------------------------------------------------------- */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year += floor_div(month - 1, 12);
    month = month - 1 - floor_div(month - 1, 12) * 12 + 1;
    year -= month <= 2;
    const int64_t era = floor_div(year, 400), of_era = year - era * 400;
    const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468 + day - 1;
}

static struct civil civil_of(int64_t local_s)
{
    const int64_t days = floor_div(local_s, DAY_S), rest = local_s - days * DAY_S;
    const int64_t z = days + 719468, era = floor_div(z, 146097), doe = z - era * 146097;
    const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    struct civil c = {.day = (int)(doy - (153 * mp + 2) / 5 + 1),
                      .month = (int)(mp < 10 ? mp + 3 : mp - 9),
                      .hour = (int)(rest / 3600),
                      .minute = (int)(rest / 60 % 60),
                      .second = (int)(rest % 60),
                      .weekday = (int)(days + 4 - floor_div(days + 4, 7) * 7)};

    c.year = yoe + era * 400 + (c.month <= 2);
    return c;
}

static int64_t local_of(const struct civil *c)
{
    return days_of(c->year, c->month, c->day) * DAY_S + (int64_t)c->hour * 3600 +
           (int64_t)c->minute * 60 + c->second;
}

/* -- the rule of the footer ------------------------------------------------------------------ */

static bool number(const char **at, int max, int *out)
{
    const char *p = *at;
    int n = 0;

    while (*p >= '0' && *p <= '9' && n <= max)
        n = n * 10 + (*p++ - '0');
    if (p == *at || n > max)
        return false;
    *at = p;
    *out = n;
    return true;
}

static bool zone_name(const char **at)
{
    const char *p = *at;

    if (*p == '<') {
        while (*p && *p != '>')
            p++;
        if (*p != '>')
            return false;
        *at = p + 1;
        return true;
    }
    while ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'))
        p++;
    const bool some = p - *at >= 3;
    *at = p;
    return some;
}

/* "[+-]h[h][:mm[:ss]]" */
static bool span(const char **at, int32_t *out)
{
    int h = 0, m = 0, s = 0;
    const bool negative = **at == '-';

    if (**at == '-' || **at == '+')
        ++*at;
    if (!number(at, 167, &h))
        return false;
    if (**at == ':' && (++*at, !number(at, 59, &m)))
        return false;
    if (**at == ':' && (++*at, !number(at, 59, &s)))
        return false;
    *out = (negative ? -1 : 1) * (h * 3600 + m * 60 + s);
    return true;
}

static bool change(const char **at, struct change *out)
{
    if (**at != ',')
        return false;
    ++*at;
    *out = (struct change){.kind = '0', .at_s = 2 * 3600};
    if (**at == 'M') {
        out->kind = 'M';
        ++*at;
        if (!number(at, 12, &out->month) || out->month < 1 || *(*at)++ != '.' ||
            !number(at, 5, &out->week) || out->week < 1 || *(*at)++ != '.' ||
            !number(at, 6, &out->day))
            return false;
    } else {
        if (**at == 'J') {
            out->kind = 'J';
            ++*at;
        }
        if (!number(at, 365, &out->day) || (out->kind == 'J' && out->day < 1))
            return false;
    }
    if (**at == '/') {
        ++*at;
        return span(at, &out->at_s);
    }
    return true;
}

static bool rule(struct zone *zone, const char *text)
{
    int32_t west;

    if (!zone_name(&text) || !span(&text, &west))
        return false;
    zone->has_rule = true;
    zone->standard_s = zone->summer_s = -west;
    if (*text == '\0')
        return true;
    if (!zone_name(&text))
        return false;
    zone->summer_s = zone->standard_s + 3600;
    if (*text != ',') {
        if (!span(&text, &west))
            return false;
        zone->summer_s = -west;
    }
    zone->has_summer = change(&text, &zone->begins) && change(&text, &zone->ends);
    return zone->has_summer && *text == '\0';
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Local seconds of the change in a year. */
static int64_t change_at(const struct change *c, int64_t year)
{
    int64_t day;

    if (c->kind == 'M') {
        const int64_t first = days_of(year, c->month, 1);
        const int64_t weekday = first + 4 - floor_div(first + 4, 7) * 7;

        day = first + (c->day - weekday + 7) % 7 + (c->week - 1) * 7;
        if (day >= days_of(year, c->month + 1, 1))
            day -= 7;
    } else {
        day = days_of(year, 1, 1) + c->day;
        if (c->kind == 'J' && !(is_leap(year) && c->day >= 60))
            day--;
    }
    return day * DAY_S + c->at_s;
}

static int32_t rule_offset(const struct zone *zone, int64_t at_s)
{
    if (!zone->has_summer)
        return zone->standard_s;
    const int64_t year = civil_of(at_s + zone->standard_s).year;
    const int64_t begins = change_at(&zone->begins, year) - zone->standard_s;
    const int64_t ends = change_at(&zone->ends, year) - zone->summer_s;
    const bool summer =
        begins < ends ? at_s >= begins && at_s < ends : at_s >= begins || at_s < ends;

    return summer ? zone->summer_s : zone->standard_s;
}

/* -- the file -------------------------------------------------------------------------------- */

struct header {
    size_t isut, isstd, leaps, times, types, chars;
};

static bool read_header(struct slice file, size_t at, struct header *out)
{
    if (file.len < at + HEADER_LEN || memcmp(file.ptr + at, "TZif", 4) != 0)
        return false;
    const uint8_t *p = file.ptr + at + 20;
    size_t *const counts[] = {&out->isut,  &out->isstd, &out->leaps,
                              &out->times, &out->types, &out->chars};
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        *counts[i] = be32_get(p + i * 4);
        if (*counts[i] > FILE_MAX)
            return false;
    }
    return out->types > 0;
}

static size_t body_len(const struct header *h, size_t time_len)
{
    return h->times * (time_len + 1) + h->types * 6 + h->chars + h->leaps * (time_len + 4) +
           h->isstd + h->isut;
}

static bool read_body(struct zone *zone, const struct header *h, const uint8_t *body)
{
    const uint8_t *index = body + h->times * 8, *types = index + h->times;

    zone->first_offset_s = (int32_t)be32_get(types);
    zone->transitions = h->times ? calloc(h->times, sizeof *zone->transitions) : NULL;
    must(!h->times || zone->transitions);
    zone->count = h->times;
    for (size_t i = 0; i < h->times; i++) {
        if (index[i] >= h->types)
            return false;
        zone->transitions[i].at_s = (int64_t)be64_get(body + i * 8);
        zone->transitions[i].offset_s = (int32_t)be32_get(types + (size_t)index[i] * 6);
        if (i > 0 && zone->transitions[i].at_s <= zone->transitions[i - 1].at_s)
            return false;
    }
    return true;
}

static bool read_footer(struct zone *zone, struct slice file, size_t at)
{
    char text[128];
    size_t len = 0;

    if (at >= file.len || file.ptr[at] != '\n')
        return false;
    while (++at < file.len && file.ptr[at] != '\n' && len < sizeof text - 1)
        text[len++] = (char)file.ptr[at];
    if (at >= file.len || file.ptr[at] != '\n')
        return false;
    text[len] = '\0';
    return len == 0 || rule(zone, text);
}

static bool read_zone(struct zone *zone, struct slice file)
{
    struct header first, h;

    if (file.len > FILE_MAX || !read_header(file, 0, &first) || file.ptr[4] < '2')
        return false;
    const size_t second = HEADER_LEN + body_len(&first, 4);
    if (!read_header(file, second, &h))
        return false;
    const size_t body = second + HEADER_LEN, end = body + body_len(&h, 8);
    return end <= file.len && read_body(zone, &h, file.ptr + body) && read_footer(zone, file, end);
}

struct zone *zone_parse(struct slice file)
{
    struct zone *zone = calloc(1, sizeof *zone);

    must(zone != NULL);
    if (read_zone(zone, file))
        return zone;
    zone_free(zone);
    return NULL;
}

void zone_free(struct zone *zone)
{
    if (zone)
        free(zone->transitions);
    free(zone);
}

/* -- by name --------------------------------------------------------------------------------- */

static pthread_mutex_t zones_lock = PTHREAD_MUTEX_INITIALIZER;
static struct zone *zones[ZONES_MAX];
static size_t zone_count;
static const struct zone utc = {.name = "UTC"};

static bool proper(struct slice name)
{
    if (name.len == 0 || name.len > NAME_MAX_LEN || name.ptr[0] == '/')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        const char c = (char)name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-' || c == '+' || c == '/'))
            return false;
    }
    return true;
}

static struct zone *read_file(const char *name)
{
    const char *folder = getenv("ZONEINFO");
    char path[512];
    struct zone *zone = NULL;
    struct stat st;

    if (snprintf(path, sizeof path, "%s/%s", folder ? folder : "/usr/share/zoneinfo", name) >=
        (int)sizeof path)
        return NULL;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= FILE_MAX) {
        uint8_t *bytes = malloc((size_t)st.st_size);
        size_t len = 0;
        must(bytes != NULL);
        while (len < (size_t)st.st_size) {
            const ssize_t got = read(fd, bytes + len, (size_t)st.st_size - len);
            if (got < 0 && errno == EINTR)
                continue;
            if (got <= 0)
                break;
            len += (size_t)got;
        }
        zone = zone_parse(slice_of(bytes, len));
        free(bytes);
    }
    close(fd);
    return zone;
}

const struct zone *zone_find(struct slice name)
{
    struct zone *found = NULL;

    if (name.len == 0 || slice_eq(name, SLICE_LIT("UTC")))
        return &utc;
    if (!proper(name))
        return NULL;
    must(pthread_mutex_lock(&zones_lock) == 0);
    for (size_t i = 0; i < zone_count && !found; i++)
        if (slice_eq(slice_str(zones[i]->name), name))
            found = zones[i];
    if (!found && zone_count < ZONES_MAX) {
        char text[NAME_MAX_LEN + 1] = {0};
        memcpy(text, name.ptr, name.len);
        found = read_file(text);
        if (found) {
            memcpy(found->name, text, sizeof text);
            zones[zone_count++] = found;
        }
    }
    must(pthread_mutex_unlock(&zones_lock) == 0);
    return found;
}

/* -- reading --------------------------------------------------------------------------------- */

int64_t zone_offset_s(const struct zone *zone, int64_t at_s)
{
    size_t low = 0, high = zone->count;

    while (low < high) { /* the first transition after at_s */
        const size_t middle = low + (high - low) / 2;
        if (zone->transitions[middle].at_s <= at_s)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->count && zone->has_rule)
        return rule_offset(zone, at_s);
    return low == 0 ? zone->first_offset_s : zone->transitions[low - 1].offset_s;
}

struct civil zone_civil(const struct zone *zone, int64_t at_s)
{
    return civil_of(at_s + zone_offset_s(zone, at_s));
}

int64_t zone_moment(const struct zone *zone, const struct civil *civil)
{
    const int64_t local = local_of(civil), guess = local - zone_offset_s(zone, local);

    return local - zone_offset_s(zone, guess);
}
