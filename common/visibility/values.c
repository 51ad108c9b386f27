/* values.c - what a filter's literals say: points in time, durations, statuses. */
#include "common/base/clock.h"
#include "common/dynconf/dynval.h"
#include "common/visibility/parse.h"

enum { SECOND_NS = 1000000000 };

/* `digits` digits at *at as a number no greater than `max`. */
static bool get_digits(struct slice text, size_t *at, size_t digits, int64_t max, int64_t *out)
{
    int64_t value = 0;

    if (text.len - *at < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        const uint8_t c = text.ptr[(*at)++];

        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    *out = value;
    return value <= max;
}

static bool get_char(struct slice text, size_t *at, char c)
{
    if (*at >= text.len || text.ptr[*at] != (uint8_t)c)
        return false;
    (*at)++;
    return true;
}

/* Days since 1970-01-01 of the Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    const int64_t y = month <= 2 ? year - 1 : year, era = (y >= 0 ? y : y - 399) / 400;
    const int64_t of_era = y - era * 400;
    const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool day_exists(int64_t year, int64_t month, int64_t day)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    if (month < 1 || day < 1)
        return false;
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month - 1] + (month == 2 && leap);
}

static bool get_fraction(struct slice text, size_t *at, int64_t *ns)
{
    int64_t unit = SECOND_NS;
    const size_t first = *at;

    for (; *at < text.len && text.ptr[*at] >= '0' && text.ptr[*at] <= '9'; (*at)++) {
        unit /= 10;
        *ns += unit * (text.ptr[*at] - '0');
    }
    return *at > first;
}

static bool get_zone(struct slice text, size_t *at, int64_t *offset_s)
{
    int64_t hours, minutes;

    if (get_char(text, at, 'Z')) {
        *offset_s = 0;
        return true;
    }
    const bool west = *at < text.len && text.ptr[*at] == '-';
    if (!get_char(text, at, west ? '-' : '+') || !get_digits(text, at, 2, 24, &hours) ||
        !get_char(text, at, ':') || !get_digits(text, at, 2, 60, &minutes))
        return false;
    *offset_s = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return true;
}

bool vis_datetime_parse(struct slice text, int64_t *out_ns)
{
    int64_t year, month, day, hour, minute, second, ns = 0, offset_s;
    size_t at = 0;

    if (!get_digits(text, &at, 4, 9999, &year) || !get_char(text, &at, '-') ||
        !get_digits(text, &at, 2, 12, &month) || !get_char(text, &at, '-') ||
        !get_digits(text, &at, 2, 31, &day) || !day_exists(year, month, day) ||
        !get_char(text, &at, 'T') || !get_digits(text, &at, 2, 23, &hour) ||
        !get_char(text, &at, ':') || !get_digits(text, &at, 2, 59, &minute) ||
        !get_char(text, &at, ':') || !get_digits(text, &at, 2, 59, &second))
        return false;
    if (get_char(text, &at, '.') && !get_fraction(text, &at, &ns))
        return false;
    if (!get_zone(text, &at, &offset_s) || at != text.len)
        return false;
    const int64_t s =
        days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset_s;
    if (__builtin_mul_overflow(s, (int64_t)SECOND_NS, out_ns) ||
        __builtin_add_overflow(*out_ns, ns, out_ns))
        *out_ns = s < 0 ? INT64_MIN : INT64_MAX;
    return true;
}

static bool whole_number(struct slice text, int64_t *out)
{
    const bool negative = text.len && text.ptr[0] == '-';
    size_t at = text.len && (negative || text.ptr[0] == '+') ? 1 : 0;
    int64_t value = 0;

    if (at == text.len)
        return false;
    for (; at < text.len; at++) {
        const int digit = text.ptr[at] - '0';

        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, (int64_t)10, &value) ||
            __builtin_add_overflow(value, (int64_t)(negative ? -digit : digit), &value))
            return false;
    }
    *out = value;
    return true;
}

/* "01:30:00": hours of any number of digits. NULL, or what is wrong. */
static const char *clock_parse(struct slice text, int64_t *out_ns)
{
    int64_t parts[3];
    size_t from = 0;

    for (size_t i = 0; i < 3; i++) {
        size_t end = from;

        while (end < text.len && text.ptr[end] != ':')
            end++;
        if ((end == text.len) != (i == 2) ||
            !whole_number(slice_of(text.ptr + from, end - from), &parts[i]))
            return "invalid duration";
        from = end + 1;
    }
    if (parts[0] < 0 || parts[0] > INT64_MAX / 3600 / SECOND_NS - 1)
        return "invalid duration: hours must be a positive number";
    if (parts[1] < 0 || parts[1] > 59)
        return "invalid duration: minutes must be from 0 to 59";
    if (parts[2] < 0 || parts[2] > 59)
        return "invalid duration: seconds must be from 0 to 59";
    *out_ns = (parts[0] * 3600 + parts[1] * 60 + parts[2]) * SECOND_NS;
    return NULL;
}

const char *vis_duration_parse(struct slice text, int64_t *out_ns)
{
    /* Without a unit it would be in seconds there, which is not so here. */
    const uint8_t last = text.len ? text.ptr[text.len - 1] : '0';
    const bool has_unit = (last < '0' || last > '9') && last != '.';

    if (whole_number(text, out_ns) || (has_unit && dynval_parse_duration(text, out_ns)))
        return NULL;
    return clock_parse(text, out_ns);
}

/* By number. */
static const char *const statuses[][2] = {
    {"Unspecified", "WORKFLOW_EXECUTION_STATUS_UNSPECIFIED"},
    {"Running", "WORKFLOW_EXECUTION_STATUS_RUNNING"},
    {"Completed", "WORKFLOW_EXECUTION_STATUS_COMPLETED"},
    {"Failed", "WORKFLOW_EXECUTION_STATUS_FAILED"},
    {"Canceled", "WORKFLOW_EXECUTION_STATUS_CANCELED"},
    {"Terminated", "WORKFLOW_EXECUTION_STATUS_TERMINATED"},
    {"ContinuedAsNew", "WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW"},
    {"TimedOut", "WORKFLOW_EXECUTION_STATUS_TIMED_OUT"},
    {"Paused", "WORKFLOW_EXECUTION_STATUS_PAUSED"},
};

bool vis_status_parse(struct slice text, int64_t *out)
{
    for (size_t i = 0; i < COUNT_OF(statuses); i++)
        if (slice_eq(text, slice_str(statuses[i][0])) ||
            slice_eq(text, slice_str(statuses[i][1]))) {
            *out = (int64_t)i;
            return true;
        }
    return false;
}

const char *vis_status_name(int64_t status)
{
    return status >= 0 && status < (int64_t)COUNT_OF(statuses) ? statuses[status][0] : NULL;
}
