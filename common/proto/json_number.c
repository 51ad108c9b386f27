/* json_number.c - see json_parse.h: numbers in and out. */
#include "common/proto/json_parse.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { INT_DIGITS_MAX = 20, EXPONENT_MAX = 100000, TEXT_MAX = 1100 };

/* ---- reading ---- */

static size_t digits_at(struct slice text, size_t from)
{
    size_t n = 0;

    while (from + n < text.len && text.ptr[from + n] >= '0' && text.ptr[from + n] <= '9')
        n++;
    return n;
}

struct parts {
    bool negative;
    struct slice whole, fraction; /* digits; without a leading 0, without trailing ones */
    int64_t exponent;
};

/* false: not a JSON number, or an exponent beyond all use. */
static bool split(struct slice raw, struct parts *out)
{
    size_t at = 0, n;

    *out = (struct parts){0};
    if (at < raw.len && raw.ptr[at] == '-') {
        out->negative = true;
        at++;
    }
    n = digits_at(raw, at);
    if (n == 0 || (n > 1 && raw.ptr[at] == '0'))
        return false;
    if (raw.ptr[at] != '0')
        out->whole = slice_of(raw.ptr + at, n);
    at += n;
    if (at < raw.len && raw.ptr[at] == '.') {
        n = digits_at(raw, ++at);
        if (n == 0)
            return false;
        out->fraction = slice_of(raw.ptr + at, n);
        while (out->fraction.len && out->fraction.ptr[out->fraction.len - 1] == '0')
            out->fraction.len--;
        at += n;
    }
    if (at < raw.len && (raw.ptr[at] | 0x20) == 'e') {
        bool down = false;

        at++;
        if (at < raw.len && (raw.ptr[at] == '+' || raw.ptr[at] == '-'))
            down = raw.ptr[at++] == '-';
        n = digits_at(raw, at);
        if (n == 0)
            return false;
        for (size_t i = 0; i < n; i++)
            if (out->exponent < EXPONENT_MAX)
                out->exponent = out->exponent * 10 + (raw.ptr[at + i] - '0');
        if (down)
            out->exponent = -out->exponent;
        at += n;
    }
    return at == raw.len;
}

bool json_is_number(struct slice text)
{
    struct parts parts;

    return split(text, &parts);
}

/* The magnitude of an integer. */
static bool magnitude(struct slice raw, bool *negative, uint64_t *out)
{
    struct parts n;
    size_t zeros = 0;

    *out = 0;
    if (!split(raw, &n))
        return false;
    *negative = n.negative;
    if (n.whole.len == 0 && n.fraction.len == 0)
        return true;
    if (n.exponent >= 0) {
        if ((int64_t)n.fraction.len > n.exponent ||
            (int64_t)n.whole.len + n.exponent > INT_DIGITS_MAX)
            return false;
        zeros = (size_t)n.exponent - n.fraction.len;
    } else {
        if (n.fraction.len > 0 || (int64_t)n.whole.len + n.exponent < 0)
            return false;
        for (int64_t i = (int64_t)n.whole.len + n.exponent; i < (int64_t)n.whole.len; i++)
            if (n.whole.ptr[i] != '0')
                return false;
        n.whole.len -= (size_t)-n.exponent;
    }
    for (size_t i = 0; i < n.whole.len + n.fraction.len + zeros; i++) {
        const uint8_t digit =
            i < n.whole.len
                ? n.whole.ptr[i]
                : (i - n.whole.len < n.fraction.len ? n.fraction.ptr[i - n.whole.len] : '0');

        if (__builtin_mul_overflow(*out, 10, out) ||
            __builtin_add_overflow(*out, (uint64_t)(digit - '0'), out))
            return false;
    }
    return true;
}

bool json_number_i64(struct slice raw, int64_t *out)
{
    const uint64_t limit = (uint64_t)INT64_MAX;
    bool negative;
    uint64_t value;

    if (!magnitude(raw, &negative, &value) || value > limit + negative)
        return false;
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

bool json_number_u64(struct slice raw, uint64_t *out)
{
    bool negative;

    return magnitude(raw, &negative, out) && !negative;
}

bool json_number_double(struct slice raw, double *out)
{
    char text[TEXT_MAX];

    if (!json_is_number(raw) || raw.len >= sizeof text)
        return false;
    memcpy(text, raw.ptr, raw.len);
    text[raw.len] = '\0';
    *out = strtod(text, NULL);
    return isfinite(*out) != 0;
}

bool json_number_float(struct slice raw, float *out)
{
    char text[TEXT_MAX];

    if (!json_is_number(raw) || raw.len >= sizeof text)
        return false;
    memcpy(text, raw.ptr, raw.len);
    text[raw.len] = '\0';
    *out = strtof(text, NULL);
    return isfinite(*out) != 0;
}

/* ---- writing ---- */

/* "d.ddde±xx" as digits with the point where `exponent` says, or with an exponent when it is far.
 */
static void put_decimal(struct buf *out, const char *text)
{
    char digits[32] = "";
    size_t count = 0;
    const char *e = strchr(text, 'e');
    const int exponent = (int)strtol(e + 1, NULL, 10);

    if (*text == '-')
        buf_append(out, text++, 1);
    for (; text < e; text++)
        if (*text != '.')
            digits[count++] = *text;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    if (digits[0] == '0') {
        buf_append(out, "0", 1);
    } else if (exponent < -6 || exponent >= 21) {
        buf_append(out, digits, 1);
        if (count > 1) {
            buf_append(out, ".", 1);
            buf_append(out, digits + 1, count - 1);
        }
        buf_printf(out, "e%c%d", exponent < 0 ? '-' : '+', abs(exponent));
    } else if (exponent < 0) {
        buf_printf(out, "0.%.*s", -exponent - 1, "000000");
        buf_append(out, digits, count);
    } else {
        for (int i = 0; i <= exponent || i < (int)count; i++) {
            if (i == exponent + 1)
                buf_append(out, ".", 1);
            buf_append(out, i < (int)count ? &digits[i] : "0", 1);
        }
    }
}

static bool put_special(struct buf *out, double value)
{
    if (isfinite(value))
        return false;
    buf_printf(out, "%s", isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    return true;
}

void json_put_double(struct buf *out, double value)
{
    char text[40];

    if (put_special(out, value))
        return;
    for (int precision = 0; precision < 18; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    put_decimal(out, text);
}

void json_put_float(struct buf *out, float value)
{
    char text[40];

    if (put_special(out, (double)value))
        return;
    for (int precision = 0; precision < 10; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    put_decimal(out, text);
}
