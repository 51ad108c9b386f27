/* cron.c - cron schedules: parsing, and the next time of one.
 *
 * Spec: the syntax and the search of github.com/robfig/cron/v3 (ParseStandard), which the reference
 * server uses. */
#include "common/cron/cron.h"

#include "common/base/base.h"

#include <string.h>

#define STAR (UINT64_C(1) << 63)

struct field {
    int min, max;
    const char *names; /* three letters each, the first is `first` */
    int first;
};

static const struct field minute_field = {0, 59, NULL, 0}, hour_field = {0, 23, NULL, 0},
                          day_field = {1, 31, NULL, 0},
                          month_field = {1, 12, "janfebmaraprmayjunjulaugsepoctnovdec", 1},
                          weekday_field = {0, 6, "sunmontuewedthufrisat", 0};

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct slice trim(struct slice s)
{
    while (s.len && is_space(s.ptr[0]))
        s = slice_of(s.ptr + 1, s.len - 1);
    while (s.len && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* Up to `by`, which is passed over; false: nothing is left. `rest` of length 0 with a NULL pointer
 * means that the end was given. */
static bool cut(struct slice *rest, char by, struct slice *piece)
{
    if (!rest->ptr)
        return false;
    const uint8_t *at = rest->len ? memchr(rest->ptr, by, rest->len) : NULL;
    if (!at) {
        *piece = *rest;
        *rest = (struct slice){0};
        return true;
    }
    *piece = slice_of(rest->ptr, (size_t)(at - rest->ptr));
    *rest = slice_of(at + 1, rest->len - piece->len - 1);
    return true;
}

/* -- parsing --------------------------------------------------------------------------------- */

static bool parse_int(struct slice s, int *out)
{
    int64_t n = 0;

    if (s.len > 1 && s.ptr[0] == '+')
        s = slice_of(s.ptr + 1, s.len - 1);
    if (s.len == 0 || s.len > 18)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        n = n * 10 + (s.ptr[i] - '0');
    }
    *out = n > 1000000 ? 1000000 : (int)n;
    return true;
}

static bool parse_value(struct slice s, const struct field *field, int *out)
{
    for (const char *name = field->names; s.len == 3 && name && *name; name += 3)
        if (lower(s.ptr[0]) == (uint8_t)name[0] && lower(s.ptr[1]) == (uint8_t)name[1] &&
            lower(s.ptr[2]) == (uint8_t)name[2]) {
            *out = (int)(name - field->names) / 3 + field->first;
            return true;
        }
    return parse_int(s, out);
}

static bool parse_range(struct slice expr, const struct field *field, uint64_t *bits)
{
    struct slice rest = expr, range, low, high, step_text, more;
    int start, end, step = 1;
    uint64_t star = 0;

    if (!cut(&rest, '/', &range))
        return false;
    const bool stepped = cut(&rest, '/', &step_text);
    if (stepped && cut(&rest, '/', &more))
        return false;
    rest = range;
    if (!cut(&rest, '-', &low))
        return false;
    const bool single = !cut(&rest, '-', &high);
    if (slice_eq(low, SLICE_LIT("*")) || slice_eq(low, SLICE_LIT("?"))) {
        start = field->min;
        end = field->max;
        star = STAR;
    } else {
        if (!parse_value(low, field, &start))
            return false;
        end = start;
        if (!single && (cut(&rest, '-', &more) || !parse_value(high, field, &end)))
            return false;
    }
    if (stepped) {
        if (!parse_int(step_text, &step) || step == 0)
            return false;
        if (single)
            end = field->max;
        if (step > 1)
            star = 0;
    }
    if (start < field->min || end > field->max || start > end)
        return false;
    for (int i = start; i <= end; i += step)
        *bits |= UINT64_C(1) << i;
    *bits |= star;
    return true;
}

static bool parse_field(struct slice text, const struct field *field, uint64_t *bits)
{
    struct slice expr;

    *bits = 0;
    while (cut(&text, ',', &expr))
        if (expr.len && !parse_range(expr, field, bits))
            return false;
    return true;
}

/* A Go duration: "1h30m", "1.5s", "500ms". In whole seconds, rounded down. */
static bool parse_duration(struct slice s, int64_t *seconds)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {{"ns", 1},         {"us", 1000},    {"\xc2\xb5s", 1000},  {"\xce\xbcs", 1000},
                 {"ms", NS_PER_MS}, {"s", NS_PER_S}, {"m", 60 * NS_PER_S}, {"h", 3600 * NS_PER_S}};
    const bool negative = s.len && s.ptr[0] == '-';
    double total = 0;

    if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+'))
        s = slice_of(s.ptr + 1, s.len - 1);
    if (slice_eq(s, SLICE_LIT("0"))) {
        *seconds = 0;
        return true;
    }
    if (s.len == 0)
        return false;
    while (s.len) {
        double value = 0, place = 1;
        bool digits = false, point = false;
        size_t i = 0, unit_len = 0, unit;

        for (; i < s.len && ((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] == '.' && !point));
             i++) {
            if (s.ptr[i] == '.') {
                point = true;
                continue;
            }
            digits = true;
            value = value * 10 + (s.ptr[i] - '0');
            if (point)
                place *= 10;
        }
        while (i + unit_len < s.len && s.ptr[i + unit_len] != '.' &&
               !(s.ptr[i + unit_len] >= '0' && s.ptr[i + unit_len] <= '9'))
            unit_len++;
        for (unit = 0; unit < COUNT_OF(units); unit++)
            if (slice_eq(slice_of(s.ptr + i, unit_len), slice_str(units[unit].name)))
                break;
        if (!digits || unit == COUNT_OF(units))
            return false;
        total += value / place * (double)units[unit].ns;
        if (total > 9.2e18)
            return false;
        s = slice_of(s.ptr + i + unit_len, s.len - i - unit_len);
    }
    *seconds = negative ? -1 : (int64_t)(total / (double)NS_PER_S);
    return true;
}

static bool parse_descriptor(struct slice text, struct cron *out)
{
    static const struct {
        const char *name, *fields;
    } known[] = {{"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
                 {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
                 {"@hourly", "0 * * * *"}};
    static const char every[] = "@every ";
    const size_t every_len = sizeof every - 1;

    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (slice_eq(text, slice_str(known[i].name))) {
            struct cron fields;
            if (!cron_parse(slice_str(known[i].fields), &fields))
                return false;
            fields.zone = out->zone;
            *out = fields;
            return true;
        }
    if (!slice_starts_with(text, slice_str(every)) ||
        !parse_duration(slice_of(text.ptr + every_len, text.len - every_len), &out->every_s))
        return false;
    if (out->every_s < 1)
        out->every_s = 1;
    return true;
}

bool cron_parse(struct slice text, struct cron *out)
{
    const struct field *const fields[] = {&minute_field, &hour_field, &day_field, &month_field,
                                          &weekday_field};
    uint64_t *const bits[] = {&out->minutes, &out->hours, &out->days, &out->months, &out->weekdays};
    size_t count = 0;

    *out = (struct cron){.zone = zone_find(SLICE_EMPTY)};
    if (slice_starts_with(text, SLICE_LIT("TZ=")) ||
        slice_starts_with(text, SLICE_LIT("CRON_TZ="))) {
        struct slice rest = text, zone, name;
        if (!cut(&rest, ' ', &zone) || !rest.ptr)
            return false;
        (void)cut(&zone, '=', &name);
        out->zone = zone_find(zone);
        if (!out->zone)
            return false;
        text = trim(rest);
    }
    if (text.len && text.ptr[0] == '@')
        return parse_descriptor(text, out);
    for (text = trim(text); text.len; text = trim(text)) {
        size_t len = 0;
        while (len < text.len && !is_space(text.ptr[len]))
            len++;
        if (count == COUNT_OF(fields) ||
            !parse_field(slice_of(text.ptr, len), fields[count], bits[count]))
            return false;
        count++;
        text = slice_of(text.ptr + len, text.len - len);
    }
    return count == COUNT_OF(fields);
}

/* -- the next time --------------------------------------------------------------------------- */

static bool has(uint64_t bits, int i)
{
    return bits >> i & 1;
}

static bool day_matches(const struct cron *cron, const struct civil *c)
{
    const bool day = has(cron->days, c->day), weekday = has(cron->weekdays, c->weekday);

    return (cron->days & STAR) || (cron->weekdays & STAR) ? day && weekday : day || weekday;
}

static int64_t start_of_month(const struct zone *zone, const struct civil *c, int months)
{
    return zone_moment(zone,
                       &(struct civil){.year = c->year, .month = c->month + months, .day = 1});
}

/* Midnight of the next day, or what stands for it when the clocks skip midnight. */
static int64_t next_day(const struct zone *zone, const struct civil *c)
{
    const int64_t at_s =
        zone_moment(zone, &(struct civil){.year = c->year, .month = c->month, .day = c->day + 1});
    const int hour = zone_civil(zone, at_s).hour;

    return hour == 0 ? at_s : hour > 12 ? at_s + (24 - hour) * 3600 : at_s - hour * 3600;
}

/* Each step goes to the beginning of the next month, day, hour or minute that may match: time only
 * goes forward, so that at most a few thousand steps lead over five years. */
static int64_t search(const struct cron *cron, int64_t at_s)
{
    const struct zone *zone = cron->zone;
    const int64_t last_year = zone_civil(zone, at_s).year + 5;

    for (;;) {
        const struct civil c = zone_civil(zone, at_s);
        int64_t next_s;

        if (c.year > last_year)
            return 0;
        if (!has(cron->months, c.month)) {
            next_s = start_of_month(zone, &c, 1);
        } else if (!day_matches(cron, &c)) {
            next_s = next_day(zone, &c);
        } else if (!has(cron->hours, c.hour)) {
            next_s = at_s - c.minute * 60 - c.second + 3600;
        } else if (c.second != 0 || !has(cron->minutes, c.minute)) {
            next_s = at_s - c.second + 60;
        } else {
            return at_s;
        }
        at_s = next_s > at_s ? next_s : at_s + 3600;
    }
}

static int64_t floor_s(int64_t ns)
{
    return ns / NS_PER_S - (ns % NS_PER_S < 0);
}

int64_t cron_next_ns(const struct cron *cron, int64_t after_ns)
{
    int64_t ns;

    if (__builtin_mul_overflow(cron->every_s > 0 ? floor_s(after_ns) + cron->every_s
                                                 : search(cron, floor_s(after_ns) + 1),
                               NS_PER_S, &ns))
        return 0;
    return ns;
}

int64_t cron_backoff_ns(struct slice text, int64_t scheduled_ns, int64_t now_ns)
{
    struct cron cron;
    int64_t next_ns = scheduled_ns;

    if (text.len == 0 || !cron_parse(text, &cron))
        return -1;
    if (now_ns >= scheduled_ns && cron.every_s > 0) {
        const int64_t period_ns = cron.every_s * NS_PER_S;
        next_ns = cron_next_ns(&cron, scheduled_ns);
        if (next_ns == 0 || period_ns <= 0)
            return -1;
        if (next_ns < now_ns) /* of many that were missed only the next counts */
            next_ns += (now_ns - next_ns + period_ns - 1) / period_ns * period_ns;
    } else if (now_ns >= scheduled_ns) {
        next_ns = cron_next_ns(&cron, scheduled_ns > now_ns - 1 ? scheduled_ns : now_ns - 1);
        if (next_ns == 0)
            return -1;
    }
    return (next_ns - now_ns + NS_PER_S - 1) / NS_PER_S * NS_PER_S;
}

const char *cron_fault(struct slice text, int64_t now_ns)
{
    struct cron cron;

    if (text.len == 0)
        return NULL;
    if (!cron_parse(text, &cron))
        return "invalid CronSchedule.";
    if (cron_next_ns(&cron, now_ns) == 0)
        return "invalid CronSchedule, no time can be found to satisfy the schedule";
    return NULL;
}
