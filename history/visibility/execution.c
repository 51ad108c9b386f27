/* execution.c - see execution.h. */
#include "history/visibility/execution.h"

#include "common/proto/wire.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

/* Fields of temporal.api.workflow.v1.WorkflowExecutionInfo. */
enum info_field {
    INFO_EXECUTION = 1,
    INFO_TYPE = 2,
    INFO_START_TIME = 3,
    INFO_CLOSE_TIME = 4,
    INFO_STATUS = 5,
    INFO_HISTORY_LENGTH = 6,
    INFO_PARENT_EXECUTION = 8,
    INFO_EXECUTION_TIME = 9,
    INFO_SEARCH_ATTRIBUTES = 11,
    INFO_TASK_QUEUE = 13,
    INFO_STATE_TRANSITION_COUNT = 14,
    INFO_HISTORY_SIZE_BYTES = 15,
    INFO_EXECUTION_DURATION = 17,
    INFO_ROOT_EXECUTION = 18,
};

/* Timestamp and Duration have the same fields. */
static int64_t read_ns(struct slice message)
{
    struct wire_reader reader = wire_reader(message);
    struct wire_field field;
    int64_t seconds = 0, nanos = 0, ns;

    while (wire_next(&reader, &field)) {
        if (field.number == 1)
            seconds = (int64_t)field.value;
        else if (field.number == 2)
            nanos = (int32_t)field.value;
    }
    if (__builtin_mul_overflow(seconds, NS_PER_S, &ns) || __builtin_add_overflow(ns, nanos, &ns))
        return seconds < 0 ? INT64_MIN : INT64_MAX;
    return ns;
}

static struct vis_relation read_relation(struct slice message)
{
    return (struct vis_relation){wire_find_bytes(message, 1), wire_find_bytes(message, 2)};
}

static void read_bytes(struct vis_execution *out, const struct wire_field *field)
{
    switch (field->number) {
    case INFO_EXECUTION:
        out->self = read_relation(field->bytes);
        break;
    case INFO_TYPE:
        out->workflow_type = wire_find_bytes(field->bytes, 1);
        break;
    case INFO_START_TIME:
        out->start_ns = read_ns(field->bytes);
        break;
    case INFO_CLOSE_TIME:
        out->close_ns = read_ns(field->bytes);
        break;
    case INFO_PARENT_EXECUTION:
        out->parent = read_relation(field->bytes);
        break;
    case INFO_EXECUTION_TIME:
        out->execution_ns = read_ns(field->bytes);
        break;
    case INFO_SEARCH_ATTRIBUTES:
        out->attributes = field->bytes;
        break;
    case INFO_TASK_QUEUE:
        out->task_queue = field->bytes;
        break;
    case INFO_EXECUTION_DURATION:
        out->duration_ns = read_ns(field->bytes);
        break;
    case INFO_ROOT_EXECUTION:
        out->root = read_relation(field->bytes);
        break;
    default:
        break;
    }
}

bool vis_execution_read(struct slice info, struct vis_execution *out)
{
    struct wire_reader reader = wire_reader(info);
    struct wire_field field;

    *out = (struct vis_execution){0};
    while (wire_next(&reader, &field)) {
        if (field.type == WIRE_BYTES)
            read_bytes(out, &field);
        else if (field.number == INFO_STATUS)
            out->status = (int32_t)field.value;
        else if (field.number == INFO_HISTORY_LENGTH)
            out->history_length = (int64_t)field.value;
        else if (field.number == INFO_STATE_TRANSITION_COUNT)
            out->transitions = (int64_t)field.value;
        else if (field.number == INFO_HISTORY_SIZE_BYTES)
            out->history_bytes = (int64_t)field.value;
    }
    return !reader.failed;
}

/* -- system attributes ------------------------------------------------------------------------ */

enum system_name {
#define SYSTEM(name) SYSTEM_##name,
#include "history/visibility/system.def"
#undef SYSTEM
    SYSTEM_COUNT
};

static const char *const system_names[SYSTEM_COUNT] = {
#define SYSTEM(name) #name,
#include "history/visibility/system.def"
#undef SYSTEM
};

static bool text_value(struct slice text, struct vis_datum *out)
{
    *out = (struct vis_datum){.shape = VIS_SHAPE_STRING, .text = text};
    return text.len > 0;
}

static bool number_value(int64_t number, bool there, struct vis_datum *out)
{
    *out = (struct vis_datum){.shape = VIS_SHAPE_INTEGER, .number = number, .real = (double)number};
    return there;
}

bool vis_system_value(const struct vis_execution *e, struct slice name, struct vis_datum *out)
{
    const bool closed = e->close_ns != 0;
    uint32_t which = 0;

    while (which < SYSTEM_COUNT && !slice_eq(name, slice_str(system_names[which])))
        which++;
    switch ((enum system_name)which) {
    case SYSTEM_WorkflowId:
        return text_value(e->self.workflow_id, out);
    case SYSTEM_RunId:
        return text_value(e->self.run_id, out);
    case SYSTEM_WorkflowType:
        return text_value(e->workflow_type, out);
    case SYSTEM_TaskQueue:
        return text_value(e->task_queue, out);
    case SYSTEM_ParentWorkflowId:
        return text_value(e->parent.workflow_id, out);
    case SYSTEM_ParentRunId:
        return text_value(e->parent.run_id, out);
    case SYSTEM_RootWorkflowId:
        return text_value(e->root.workflow_id, out);
    case SYSTEM_RootRunId:
        return text_value(e->root.run_id, out);
    case SYSTEM_ExecutionStatus:
        return number_value(e->status, true, out);
    case SYSTEM_StartTime:
        return number_value(e->start_ns, true, out);
    case SYSTEM_ExecutionTime:
        return number_value(e->execution_ns, true, out);
    case SYSTEM_CloseTime:
        return number_value(e->close_ns, closed, out);
    case SYSTEM_ExecutionDuration:
        return number_value(e->duration_ns, closed, out);
    case SYSTEM_HistoryLength:
        return number_value(e->history_length, closed, out);
    case SYSTEM_HistorySizeBytes:
        return number_value(e->history_bytes, closed, out);
    case SYSTEM_StateTransitionCount:
        return number_value(e->transitions, closed, out);
    case SYSTEM_COUNT:
        break;
    }
    return false;
}

/* -- search attributes ------------------------------------------------------------------------- */

static const char *const type_names[] = {
    [VIS_TEXT] = "Text",
    [VIS_KEYWORD] = "Keyword",
    [VIS_INT] = "Int",
    [VIS_DOUBLE] = "Double",
    [VIS_BOOL] = "Bool",
    [VIS_DATETIME] = "Datetime",
    [VIS_KEYWORD_LIST] = "KeywordList",
};

const char *vis_type_shown(enum vis_type type)
{
    must(type >= VIS_TEXT && (size_t)type < COUNT_OF(type_names));
    return type_names[type];
}

static enum vis_type type_named(struct slice name)
{
    for (size_t i = 1; i < COUNT_OF(type_names); i++)
        if (slice_eq(name, slice_str(type_names[i])))
            return (enum vis_type)i;
    return (enum vis_type)0;
}

/* A Payload: metadata = 1 {key = 1, value = 2}, data = 2. */
static void read_payload(struct slice payload, struct vis_attribute_value *out)
{
    struct wire_reader reader = wire_reader(payload);
    struct wire_field field;

    out->json = SLICE_EMPTY;
    out->type = (enum vis_type)0;
    while (wire_next(&reader, &field)) {
        if (field.type != WIRE_BYTES)
            continue;
        if (field.number == 2)
            out->json = field.bytes;
        else if (field.number == 1 && slice_eq(wire_find_bytes(field.bytes, 1), SLICE_LIT("type")))
            out->type = type_named(wire_find_bytes(field.bytes, 2));
    }
}

static bool next_entry(struct slice *rest, struct slice *name, struct slice *payload)
{
    struct wire_reader reader = wire_reader(*rest);
    struct wire_field field;

    while (wire_next(&reader, &field)) {
        if (field.number != 1 || field.type != WIRE_BYTES)
            continue;
        *name = wire_find_bytes(field.bytes, 1);
        *payload = wire_find_bytes(field.bytes, 2);
        *rest = slice_of(reader.at, (size_t)(reader.end - reader.at));
        return true;
    }
    return false;
}

bool vis_attribute_next(struct slice *rest, struct vis_attribute_value *out)
{
    struct slice payload;

    if (!next_entry(rest, &out->name, &payload))
        return false;
    read_payload(payload, out);
    return true;
}

bool vis_attribute_find(const struct vis_execution *execution, struct slice name,
                        struct vis_attribute_value *out)
{
    struct slice rest = execution->attributes, at, payload, last = SLICE_EMPTY;
    bool found = false;

    while (next_entry(&rest, &at, &payload)) {
        if (!slice_eq(at, name))
            continue;
        last = payload; /* of two entries of a map the last one counts */
        found = true;
    }
    if (!found)
        return false;
    out->name = name;
    read_payload(last, out);
    return out->json.len > 0;
}

/* -- JSON ----------------------------------------------------------------------------------- */

static void skip_space(struct slice *in)
{
    while (in->len > 0 && isspace(in->ptr[0]))
        *in = slice_of(in->ptr + 1, in->len - 1);
}

static bool take(struct slice *in, struct slice word)
{
    if (!slice_starts_with(*in, word))
        return false;
    *in = slice_of(in->ptr + word.len, in->len - word.len);
    return true;
}

static bool hex4(const uint8_t *at, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        if (!isxdigit(at[i]))
            return false;
        const uint32_t digit =
            isdigit(at[i]) ? (uint32_t)(at[i] - '0') : (uint32_t)(tolower(at[i]) - 'a' + 10);
        *out = *out << 4 | digit;
    }
    return true;
}

static size_t put_utf8(uint8_t *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (uint8_t)(0xc0 | code >> 6);
        out[1] = (uint8_t)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (uint8_t)(0xe0 | code >> 12);
        out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | code >> 18);
    out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (code & 0x3f));
    return 4;
}

/* An escape at `in` (behind the backslash) into out (4 bytes at most, fewer than it takes); gives
 * how many bytes it took, 0: malformed. */
static size_t unescape(struct slice in, uint8_t *out, size_t *out_len)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    uint32_t code, low;

    if (in.len == 0)
        return 0;
    const char *at = in.ptr[0] ? strchr(from, in.ptr[0]) : NULL;
    if (at) {
        out[0] = (uint8_t)to[at - from];
        *out_len = 1;
        return 1;
    }
    if (in.ptr[0] != 'u' || in.len < 5 || !hex4(in.ptr + 1, &code))
        return 0;
    size_t took = 5;
    if (code >= 0xd800 && code < 0xdc00 && in.len >= 11 && in.ptr[5] == '\\' && in.ptr[6] == 'u' &&
        hex4(in.ptr + 7, &low) && low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        took = 11;
    } else if (code >= 0xd800 && code < 0xe000) {
        code = 0xfffd;
    }
    *out_len = put_utf8(out, code);
    return took;
}

static bool take_string(struct slice *in, struct arena *arena, struct slice *out)
{
    bool escaped = false;
    size_t end = 1;

    for (; end < in->len && in->ptr[end] != '"'; end++)
        if (in->ptr[end] == '\\') {
            escaped = true;
            end++;
        }
    if (end >= in->len)
        return false;
    const struct slice raw = slice_of(in->ptr + 1, end - 1);
    *in = slice_of(in->ptr + end + 1, in->len - end - 1);
    *out = raw;
    if (!escaped)
        return true;
    uint8_t *bytes = arena_alloc(arena, raw.len);
    size_t len = 0;
    for (size_t i = 0; i < raw.len;) {
        if (raw.ptr[i] != '\\') {
            bytes[len++] = raw.ptr[i++];
            continue;
        }
        size_t more = 0;
        const size_t took =
            unescape(slice_of(raw.ptr + i + 1, raw.len - i - 1), bytes + len, &more);
        if (took == 0)
            return false;
        len += more;
        i += 1 + took;
    }
    *out = slice_of(bytes, len);
    return true;
}

static bool take_number(struct slice *in, struct vis_datum *out)
{
    char text[64], *end;
    size_t len = 0;
    bool whole = true;

    while (len < in->len && len + 1 < sizeof(text) &&
           (isdigit(in->ptr[len]) || memchr("+-.eE", in->ptr[len], 5))) {
        whole = whole && !memchr(".eE", in->ptr[len], 3);
        text[len] = (char)in->ptr[len];
        len++;
    }
    text[len] = '\0';
    if (len == 0)
        return false;
    out->real = strtod(text, &end);
    if (*end != '\0' || !isfinite(out->real))
        return false;
    out->shape = VIS_SHAPE_REAL;
    if (whole && out->real > -9.3e18 && out->real < 9.3e18) {
        out->shape = VIS_SHAPE_INTEGER;
        out->number = strtoll(text, NULL, 10);
    }
    *in = slice_of(in->ptr + len, in->len - len);
    return true;
}

static bool take_scalar(struct slice *in, struct arena *arena, struct vis_datum *out)
{
    *out = (struct vis_datum){0};
    skip_space(in);
    if (in->len == 0)
        return false;
    if (in->ptr[0] == '"') {
        out->shape = VIS_SHAPE_STRING;
        return take_string(in, arena, &out->text);
    }
    const bool yes = take(in, SLICE_LIT("true"));
    if (yes || take(in, SLICE_LIT("false"))) {
        out->shape = VIS_SHAPE_BOOL;
        out->number = yes;
        return true;
    }
    return take_number(in, out);
}

bool vis_element_next(struct vis_elements *walk, struct arena *arena, struct vis_datum *out)
{
    if (walk->over)
        return false;
    skip_space(&walk->rest);
    if (!walk->begun) {
        walk->begun = true;
        walk->in_list = take(&walk->rest, SLICE_LIT("["));
        walk->over = !walk->in_list; /* after the one value */
    } else if (!take(&walk->rest, SLICE_LIT(","))) {
        walk->over = true;
        return false;
    }
    if (take_scalar(&walk->rest, arena, out))
        return true;
    walk->over = true;
    return false;
}

/* -- times ---------------------------------------------------------------------------------- */

static int64_t digits(const uint8_t *at, int count)
{
    int64_t value = 0;

    for (int i = 0; i < count; i++)
        value = value * 10 + (at[i] - '0');
    return value;
}

/* Days since 1970-01-01 of the proleptic Gregorian calendar; the year begins in March. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    const int64_t y = month <= 2 ? year - 1 : year;
    const int64_t era = y / 400, of_era = y - era * 400;
    const int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* The zone at the end: "Z" or "+07:00". */
static bool zone_of(struct slice text, int64_t *seconds)
{
    *seconds = 0;
    if (text.len == 1)
        return text.ptr[0] == 'Z' || text.ptr[0] == 'z';
    if (text.len != 6 || (text.ptr[0] != '+' && text.ptr[0] != '-') || text.ptr[3] != ':' ||
        !isdigit(text.ptr[1]) || !isdigit(text.ptr[2]) || !isdigit(text.ptr[4]) ||
        !isdigit(text.ptr[5]))
        return false;
    *seconds = (digits(text.ptr + 1, 2) * 60 + digits(text.ptr + 4, 2)) * 60;
    if (text.ptr[0] == '-')
        *seconds = -*seconds;
    return true;
}

bool vis_time_parse(struct slice text, int64_t *out_ns)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd";
    size_t at = sizeof(shape) - 1;
    int64_t nanos = 0, unit = NS_PER_S, zone;

    if (text.len <= at)
        return false;
    for (size_t i = 0; i < at; i++)
        if (shape[i] == 'd' ? !isdigit(text.ptr[i]) : toupper(text.ptr[i]) != shape[i])
            return false;
    if (text.ptr[at] == '.')
        for (at++; at < text.len && isdigit(text.ptr[at]); at++) {
            unit /= 10;
            nanos += (text.ptr[at] - '0') * unit;
        }
    if (!zone_of(slice_of(text.ptr + at, text.len - at), &zone))
        return false;
    const int64_t year = digits(text.ptr, 4), month = digits(text.ptr + 5, 2),
                  day = digits(text.ptr + 8, 2);
    if (year < 1678 || year > 2261 || month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    const int64_t seconds = days_of(year, month, day) * 86400 + digits(text.ptr + 11, 2) * 3600 +
                            digits(text.ptr + 14, 2) * 60 + digits(text.ptr + 17, 2) - zone;
    *out_ns = seconds * NS_PER_S + nanos;
    return true;
}
