/* json_time.c - see json_read.h: the texts of Timestamp and Duration. */
#include "common/proto/json_read.h"

/* Digits as a number; false: not `count` of them there. */
static bool take_digits(struct slice *text, size_t count, int64_t *out)
{
    *out = 0;
    if (text->len < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (text->ptr[i] < '0' || text->ptr[i] > '9')
            return false;
        *out = *out * 10 + (text->ptr[i] - '0');
    }
    *text = slice_of(text->ptr + count, text->len - count);
    return true;
}

static bool take_byte(struct slice *text, char c)
{
    if (text->len == 0 || *text->ptr != (uint8_t)c)
        return false;
    *text = slice_of(text->ptr + 1, text->len - 1);
    return true;
}

/* At most nine digits behind a point. */
static bool take_nanos(struct slice *text, size_t least, int64_t *out)
{
    size_t n = 0;

    *out = 0;
    for (; text->len && *text->ptr >= '0' && *text->ptr <= '9'; n++) {
        if (n == 9)
            return false;
        *out = *out * 10 + (*text->ptr - '0');
        *text = slice_of(text->ptr + 1, text->len - 1);
    }
    for (size_t i = n; i < 9; i++)
        *out *= 10;
    return n >= least;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days since 1970-01-01 in the Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    const int64_t y = year - 1;

    return y * 365 + y / 4 - y / 100 + y / 400 - (year == 0) - 719162 + before[month - 1] +
           (month > 2 && is_leap(year)) + day - 1;
}

static bool day_is_there(int64_t year, int64_t month, int64_t day)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month >= 1 && month <= 12 && day >= 1 &&
           day <= lengths[month - 1] + (month == 2 && is_leap(year));
}

/* "Z", "+01:00"; what it is ahead of UTC. */
static bool take_zone(struct slice *text, int64_t *ahead_s)
{
    int64_t hours, minutes;

    *ahead_s = 0;
    if (take_byte(text, 'Z'))
        return true;
    const bool behind = text->len && *text->ptr == '-';
    if (!take_byte(text, behind ? '-' : '+') || !take_digits(text, 2, &hours) ||
        !take_byte(text, ':') || !take_digits(text, 2, &minutes) || hours > 24 || minutes > 60)
        return false;
    *ahead_s = (hours * 60 + minutes) * 60 * (behind ? -1 : 1);
    return true;
}

bool json_read_timestamp(struct slice text, int64_t *seconds, int32_t *nanos)
{
    int64_t year, month, day, hour, minute, second, fraction = 0, ahead_s;

    if (!take_digits(&text, 4, &year) || !take_byte(&text, '-') || !take_digits(&text, 2, &month) ||
        !take_byte(&text, '-') || !take_digits(&text, 2, &day) || !take_byte(&text, 'T') ||
        !take_digits(&text, 2, &hour) || !take_byte(&text, ':') ||
        !take_digits(&text, 2, &minute) || !take_byte(&text, ':') ||
        !take_digits(&text, 2, &second))
        return false;
    if ((take_byte(&text, '.') || take_byte(&text, ',')) && !take_nanos(&text, 1, &fraction))
        return false;
    if (!take_zone(&text, &ahead_s) || text.len > 0)
        return false;
    if (!day_is_there(year, month, day) || hour > 23 || minute > 59 || second > 59)
        return false;
    *seconds = ((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second - ahead_s;
    *nanos = (int32_t)fraction;
    return true;
}

bool json_read_duration(struct slice text, int64_t *seconds, int32_t *nanos)
{
    const bool negative = text.len && *text.ptr == '-';
    int64_t fraction = 0;

    if (text.len < 2 || text.ptr[text.len - 1] != 's')
        return false;
    text.len--;
    if (!take_byte(&text, '-'))
        (void)take_byte(&text, '+');
    if (text.len == 0)
        return false;
    *seconds = 0;
    if (*text.ptr == '0') {
        (void)take_byte(&text, '0');
    } else if (*text.ptr != '.') {
        if (*text.ptr < '1' || *text.ptr > '9')
            return false;
        for (; text.len && *text.ptr >= '0' && *text.ptr <= '9';
             text = slice_of(text.ptr + 1, text.len - 1))
            if (__builtin_mul_overflow(*seconds, 10, seconds) ||
                __builtin_add_overflow(*seconds, *text.ptr - '0', seconds))
                return false;
    }
    if (text.len > 0 && (!take_byte(&text, '.') || !take_nanos(&text, 0, &fraction)))
        return false;
    *seconds = negative ? -*seconds : *seconds;
    *nanos = (int32_t)(negative ? -fraction : fraction);
    return text.len == 0;
}
