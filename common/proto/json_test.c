/* json_test.c - messages to JSON and back: every type of the API with random contents, tables of
 * what is taken and refused, and random changes to well-formed text. */
#include "common/proto/json.h"

#include "api.h"
#include "common/base/rng.h"
#include "common/proto/json_parse.h"
#include "common/proto/json_read.h"
#include "common/proto/types.h"
#include "common/proto/wire.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- random messages ---- */

static void put_random(struct rng *rng, const ProtobufCMessageDescriptor *desc, int depth,
                       struct buf *out);

/* Decoded and encoded again: one form for equal messages. */
static struct slice normal(struct arena *arena, const ProtobufCMessageDescriptor *desc,
                           struct slice bytes)
{
    struct err_detail detail = {0};
    void *message = NULL;
    const enum err err = proto_decode(arena, desc, bytes, &message, &detail);

    if (err != ERR_OK)
        test_failed(__FILE__, __LINE__, "%s: %s", desc->name, detail.text);
    return err == ERR_OK ? proto_encode(arena, message) : SLICE_EMPTY;
}

static uint64_t some(struct rng *rng, uint64_t below)
{
    return rng_u64(rng) % below;
}

static void put_text(struct rng *rng, const char *const *words, size_t count, uint32_t field,
                     struct buf *out)
{
    wire_put_str(out, field, words[some(rng, count)]);
}

static void put_time(struct rng *rng, bool duration, struct buf *out)
{
    const int64_t span = duration ? INT64_C(315576000000) : INT64_C(62000000000);
    int64_t seconds = (int64_t)some(rng, (uint64_t)span);
    int64_t nanos = (int64_t[]){0, 5000000, 7000, 123456789, 1}[some(rng, 5)];

    if (some(rng, 3) == 0) {
        seconds = -seconds;
        nanos = duration ? -nanos : nanos;
    }
    wire_put_varint(out, 1, (uint64_t)seconds);
    wire_put_varint(out, 2, (uint64_t)nanos);
}

static void put_any(struct rng *rng, int depth, struct buf *out)
{
    char url[200];
    size_t count = 0;
    struct arena arena;
    struct buf inner;

    while (proto_type_at(count))
        count++;
    const ProtobufCMessageDescriptor *type = proto_type_at(some(rng, count));
    snprintf(url, sizeof url, "type.googleapis.com/%s", type->name);
    wire_put_str(out, 1, url);
    buf_init(&inner, 0);
    put_random(rng, type, depth + 1, &inner);
    arena_init(&arena);
    const struct slice bytes = normal(&arena, type, buf_slice(&inner));
    if (bytes.len)
        wire_put_bytes(out, 2, bytes);
    arena_release(&arena);
    buf_release(&inner);
}

static void put_value(struct rng *rng, const ProtobufCFieldDescriptor *field, int depth,
                      struct buf *out)
{
    static const char *const words[] = {"a",
                                        "name with blank",
                                        "\"quoted\\\"",
                                        "\n\t\x01 <&>",
                                        "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
                                        "{}"};
    struct buf inner;
    double real = (double)(int64_t)some(rng, 1000000) / 7.0;
    float small = (float)real;
    uint64_t bits;
    uint32_t bits32;

    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        put_text(rng, words, COUNT_OF(words), field->id, out);
        return;
    case PROTOBUF_C_TYPE_BYTES:
        wire_put_bytes(out, field->id, slice_of("\x00\xff\x10\x80\x7f", 1 + some(rng, 5)));
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        buf_init(&inner, 0);
        put_random(rng, field->descriptor, depth + 1, &inner);
        wire_put_bytes(out, field->id, buf_slice(&inner));
        buf_release(&inner);
        return;
    case PROTOBUF_C_TYPE_BOOL:
        wire_put_bool(out, field->id, true);
        return;
    case PROTOBUF_C_TYPE_ENUM: {
        const ProtobufCEnumDescriptor *desc = field->descriptor;
        wire_put_varint(out, field->id, (uint64_t)desc->values[some(rng, desc->n_values)].value);
        return;
    }
    case PROTOBUF_C_TYPE_DOUBLE:
        memcpy(&bits, &real, sizeof bits);
        wire_put_fixed64(out, field->id, bits);
        return;
    case PROTOBUF_C_TYPE_FLOAT:
        memcpy(&bits32, &small, sizeof bits32);
        wire_put_fixed32(out, field->id, bits32);
        return;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        wire_put_varint(out, field->id, rng_u64(rng));
        return;
    default:
        wire_put_varint(out, field->id, (uint64_t)(int64_t)(int32_t)(rng_u64(rng) & 0x7fffffff));
        return;
    }
}

static void put_map(struct rng *rng, const ProtobufCFieldDescriptor *field, int depth,
                    struct buf *out)
{
    const ProtobufCMessageDescriptor *entry = field->descriptor;
    struct buf inner;
    char key[16];

    buf_init(&inner, 0);
    for (uint64_t i = 0; i < 1 + some(rng, 3); i++) {
        buf_clear(&inner);
        snprintf(key, sizeof key, "key%d", (int)i);
        if (entry->fields[0].type == PROTOBUF_C_TYPE_STRING)
            wire_put_str(&inner, 1, key);
        else
            wire_put_varint(&inner, 1, i + 1);
        put_value(rng, &entry->fields[1], depth, &inner);
        wire_put_bytes(out, field->id, buf_slice(&inner));
    }
    buf_release(&inner);
}

/* A payload as there are: the short form can't tell others from JSON that looks like them. */
static void put_payload(struct rng *rng, struct buf *out)
{
    static const struct {
        const char *encoding, *data, *type;
    } kinds[] = {{"binary/plain", "\xff\x01", NULL},
                 {"json/plain", "{\"a\":[1,2.5]}", NULL},
                 {"json/plain", "\"\\u003c\"", NULL},
                 {"json/protobuf", "{\"b\":true}", "some.Type"}};
    const uint64_t kind = some(rng, COUNT_OF(kinds));
    struct buf entry;

    buf_init(&entry, 0);
    wire_put_str(&entry, 1, "encoding");
    wire_put_str(&entry, 2, kinds[kind].encoding);
    wire_put_bytes(out, 1, buf_slice(&entry));
    if (kinds[kind].type) {
        buf_clear(&entry);
        wire_put_str(&entry, 1, "messageType");
        wire_put_str(&entry, 2, kinds[kind].type);
        wire_put_bytes(out, 1, buf_slice(&entry));
    }
    wire_put_str(out, 2, kinds[kind].data);
    buf_release(&entry);
}

static void put_random(struct rng *rng, const ProtobufCMessageDescriptor *desc, int depth,
                       struct buf *out)
{
    unsigned oneofs[16];
    size_t oneof_count = 0;

    if (desc == &pb_timestamp__desc || desc == &pb_duration__desc) {
        put_time(rng, desc == &pb_duration__desc, out);
        return;
    }
    if (desc == &pb_field_mask__desc) {
        wire_put_str(out, 1, "task_queue.name");
        wire_put_str(out, 1, "retry_policy");
        return;
    }
    if (desc == &api_payload__desc) {
        put_payload(rng, out);
        return;
    }
    if (desc == &pb_any__desc) {
        if (depth < 3)
            put_any(rng, depth, out);
        return;
    }
    for (unsigned i = 0; i < desc->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &desc->fields[i];
        bool taken = some(rng, 4) == 0 || (depth > 3 && field->type == PROTOBUF_C_TYPE_MESSAGE);

        for (size_t k = 0; k < oneof_count && field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF; k++)
            taken = taken || oneofs[k] == field->quantifier_offset;
        if (taken)
            continue;
        if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
            oneofs[oneof_count++] = field->quantifier_offset;
        if (proto_is_map(desc, field)) {
            put_map(rng, field, depth, out);
            continue;
        }
        for (uint64_t n = field->label == PROTOBUF_C_LABEL_REPEATED ? 1 + some(rng, 2) : 1; n > 0;
             n--)
            put_value(rng, field, depth, out);
    }
}

static void check_round_trip(const ProtobufCMessageDescriptor *desc, uint64_t seed,
                             const struct json_style *style)
{
    struct rng rng;
    struct arena arena;
    struct buf bytes, text, back;
    struct err_detail detail = {0};
    void *message = NULL;

    rng_seed(&rng, seed);
    arena_init(&arena);
    buf_init(&bytes, 0);
    buf_init(&text, 0);
    buf_init(&back, 0);
    put_random(&rng, desc, 0, &bytes);
    if (proto_decode(&arena, desc, buf_slice(&bytes), &message, &detail) != ERR_OK ||
        json_write_message(&text, message, style, &detail) != ERR_OK ||
        json_read_message(&arena, desc, buf_slice(&text), style->shorthand, &back, &detail) !=
            ERR_OK) {
        test_failed(__FILE__, __LINE__, "%s seed %llu: %s in %.*s", desc->name,
                    (unsigned long long)seed, detail.text, (int)text.len, (char *)text.ptr);
    } else {
        const struct slice before = normal(&arena, desc, buf_slice(&bytes));
        const struct slice after = normal(&arena, desc, buf_slice(&back));

        if (!slice_eq(before, after))
            test_failed(__FILE__, __LINE__, "%s seed %llu changed: %.*s", desc->name,
                        (unsigned long long)seed, (int)text.len, (char *)text.ptr);
    }
    buf_release(&bytes);
    buf_release(&text);
    buf_release(&back);
    arena_release(&arena);
}

TEST(test_json_every_message_type_comes_back)
{
    static const struct json_style plain = {0}, indented = {.indent = true, .shorthand = true},
                                   full = {.defaults = true, .html = true};
    size_t count = 0;

    for (const ProtobufCMessageDescriptor *desc; (desc = proto_type_at(count)); count++) {
        for (uint64_t seed = 1; seed <= 4; seed++) {
            check_round_trip(desc, seed, &plain);
            check_round_trip(desc, seed, &indented);
            check_round_trip(desc, seed, &full);
        }
    }
    check(count > 400);
}

/* ---- what is taken, and what is said of the rest ---- */

/* Read as `desc`, written again; or the error. */
static const char *through(struct arena *arena, const ProtobufCMessageDescriptor *desc,
                           const char *json, bool shorthand)
{
    const struct json_style style = {.shorthand = shorthand};
    struct err_detail detail = {0};
    struct buf wire, text;
    void *message;

    buf_init(&wire, 0);
    buf_init(&text, 0);
    enum err err = json_read_message(arena, desc, slice_str(json), shorthand, &wire, &detail);
    if (err == ERR_OK)
        err = proto_decode(arena, desc, buf_slice(&wire), &message, &detail);
    if (err == ERR_OK)
        err = json_write_message(&text, message, &style, &detail);
    const char *result =
        err == ERR_OK ? arena_str(arena, buf_slice(&text)) : arena_printf(arena, "%s", detail.text);
    buf_release(&wire);
    buf_release(&text);
    return result;
}

struct json_case {
    const ProtobufCMessageDescriptor *desc;
    const char *in, *out;
};

static void check_cases(const struct json_case *cases, size_t count, bool shorthand)
{
    struct arena arena;

    arena_init(&arena);
    for (size_t i = 0; i < count; i++)
        check_slice_at(__FILE__, __LINE__, cases[i].in,
                       slice_str(through(&arena, cases[i].desc, cases[i].in, shorthand)),
                       slice_str(cases[i].out));
    arena_release(&arena);
}

TEST(test_json_reads_every_form)
{
    static const struct json_case cases[] = {
        {&api_history_event__desc, "", "{}"},
        {&api_history_event__desc, " \n", "{}"},
        {&api_history_event__desc, "{} trailing", "{}"},
        {&api_history_event__desc, "{\"event_id\": 5, \"taskId\":\"6\", \"version\":1e2}",
         "{\"eventId\":\"5\",\"version\":\"100\",\"taskId\":\"6\"}"},
        {&api_history_event__desc, "{\"eventType\":\"TimerFired\"}",
         "{\"eventType\":\"EVENT_TYPE_TIMER_FIRED\"}"},
        {&api_history_event__desc, "{\"eventType\":\"EVENT_TYPE_TIMER_FIRED\"}",
         "{\"eventType\":\"EVENT_TYPE_TIMER_FIRED\"}"},
        {&api_history_event__desc, "{\"eventType\":1000}", "{\"eventType\":1000}"},
        {&api_history_event__desc, "{\"eventTime\":\"2020-12-10T22:18:41.248154805+01:30\"}",
         "{\"eventTime\":\"2020-12-10T20:48:41.248154805Z\"}"},
        {&api_history_event__desc, "{\"eventTime\":null}", "{}"},
        {&api_retry_policy__desc,
         "{\"backoffCoefficient\":1.50,\"initialInterval\":\"-.5s\",\"maximumInterval\":\"3s\"}",
         "{\"initialInterval\":\"-0.500s\",\"backoffCoefficient\":1.5,\"maximumInterval\":\"3s\"}"},
        {&api_retry_policy__desc, "{\"backoffCoefficient\":\"Infinity\"}",
         "{\"backoffCoefficient\":\"Infinity\"}"},
        {&api_retry_policy__desc, "{\"nonRetryableErrorTypes\":[\"\\u00e4\\ud83d\\ude00\"]}",
         "{\"nonRetryableErrorTypes\":[\"\xc3\xa4\xf0\x9f\x98\x80\"]}"},
        {&api_payload__desc, "{\"data\":\"-_8\"}", "{\"data\":\"+/8=\"}"},
        {&api_update_namespace_request__desc, "{}", "{}"},
        {&api_update_workflow_execution_options_request__desc,
         "{\"updateMask\":\"versioningOverride,taskQueue.name\"}",
         "{\"updateMask\":\"versioningOverride,taskQueue.name\"}"},
    };

    check_cases(cases, COUNT_OF(cases), false);
}

TEST(test_json_says_what_is_wrong)
{
    static const struct json_case cases[] = {
        {&api_history_event__desc, "{", "unexpected EOF"},
        {&api_history_event__desc, "x", "invalid character 'x' looking for beginning of value"},
        {&api_history_event__desc, "{\"a\" 1}", "invalid character '1' after object key"},
        {&api_history_event__desc, "{\"a\":1 2}",
         "invalid character '2' after object key:value pair"},
        {&api_history_event__desc, "[1 2]", "invalid character '2' after array element"},
        {&api_history_event__desc, "{,}",
         "invalid character ',' looking for beginning of object key string"},
        {&api_history_event__desc, "{\"a\":nul}",
         "invalid character '}' in literal null (expecting 'l')"},
        {&api_history_event__desc, "{\"a\":-}", "invalid character '}' in numeric literal"},
        {&api_history_event__desc, "{\"a\":\"\n\"}", "invalid character '\\n' in string literal"},
        {&api_history_event__desc, "[]",
         "temporalproto: syntax error (line 1:1): unexpected token ["},
        {&api_history_event__desc, " {\n  \"nope\": 1}",
         "temporalproto: (line 2:3): unknown field \"nope\""},
        {&api_history_event__desc, "{\"eventId\":1,\"event_id\":1}",
         "temporalproto: (line 1:14): duplicate field \"event_id\""},
        {&api_history_event__desc, "{\"eventId\":1.5}",
         "temporalproto: (line 1:12): invalid value for int64 type: 1.5"},
        {&api_history_event__desc, "{\"eventType\":\"Nope\"}",
         "temporalproto: (line 1:14): invalid value for enum type: \"Nope\""},
        {&api_history_event__desc, "{\"eventTime\":\"2020\"}",
         "temporalproto: (line 1:14): invalid google.protobuf.Timestamp value \"2020\""},
        {&api_retry_policy__desc, "{\"initialInterval\":\"5\"}",
         "temporalproto: (line 1:20): invalid google.protobuf.Duration value \"5\""},
        {&api_retry_policy__desc, "{\"nonRetryableErrorTypes\":[null]}",
         "temporalproto: (line 1:28): invalid value for string type: null"},
        {&api_history_event__desc,
         "{\"timerFiredEventAttributes\":{},\"timerStartedEventAttributes\":{}}",
         "temporalproto: (line 1:33): error parsing \"timerStartedEventAttributes\", oneof "
         "temporal.api.history.v1.HistoryEvent.attributes is already set"},
        {&api_payload__desc, "{\"metadata\":{\"a\":\"\",\"a\":\"\"}}",
         "temporalproto: (line 1:21): duplicate map key \"a\""},
        {&api_retry_policy__desc, "{\"nonRetryableErrorTypes\":[\"\\ud800\"]}",
         "temporalproto: syntax error (line 1:28): invalid escape code \"\\\\ud800\" in string"},
    };

    check_cases(cases, COUNT_OF(cases), false);
}

TEST(test_json_payloads_in_short_form)
{
    static const struct json_case cases[] = {
        {&api_payloads__desc, "[1, \"two\", {\"b\":2.50,\"a\":[1]}, true]",
         "[1,\"two\",{\"a\":[1],\"b\":2.5},true]"},
        {&api_payloads__desc, "[null]", "[{\"metadata\":{\"encoding\":\"YmluYXJ5L251bGw=\"}}]"},
        {&api_payloads__desc, "[{\"_protoMessageType\":\"a.B\",\"x\":\"<\"}]",
         "[{\"_protoMessageType\":\"a.B\",\"x\":\"<\"}]"},
        {&api_payloads__desc,
         "{\"payloads\":[{\"metadata\":{\"encoding\":\"anNvbi9wbGFpbg==\"},\"data\":\"MQ==\"}]}",
         "[1]"},
        {&api_payloads__desc,
         "{\"payloads\":[{\"metadata\":{\"encoding\":\"YmluYXJ5\"},\"data\":\"MQ==\"}, 7]}",
         "{\"payloads\":[{\"metadata\":{\"encoding\":\"YmluYXJ5\"},\"data\":\"MQ==\"},7]}"},
        {&api_payload__desc, "{\"metadata\":{\"encoding\":\"x\"},\"data\":1}",
         "{\"data\":1,\"metadata\":{\"encoding\":\"x\"}}"},
        {&api_payload__desc, "9007199254740993", "9007199254740992"},
        {&api_payload__desc, "1e21", "1e+21"},
        {&api_payload__desc, "0.000000125", "1.25e-7"},
    };

    check_cases(cases, COUNT_OF(cases), true);
}

TEST(test_json_numbers_are_written_as_short_as_possible)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},
                 {-0.0, "-0"},
                 {1, "1"},
                 {0.1, "0.1"},
                 {100, "100"},
                 {1e20, "100000000000000000000"},
                 {1e21, "1e+21"},
                 {1e-6, "0.000001"},
                 {1e-7, "1e-7"},
                 {-12.75, "-12.75"},
                 {1.0 / 3, "0.3333333333333333"},
                 {5e-324, "5e-324"},
                 {1.7976931348623157e308, "1.7976931348623157e+308"}};
    struct buf out;

    buf_init(&out, 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_clear(&out);
        json_put_double(&out, cases[i].value);
        check_slice(buf_slice(&out), slice_str(cases[i].text));
    }
    buf_clear(&out);
    json_put_float(&out, 0.1F);
    check_slice(buf_slice(&out), SLICE_LIT("0.1"));
    buf_release(&out);
}

TEST(test_json_depth_and_size_are_bounded)
{
    struct arena arena;
    struct err_detail detail = {0};
    struct json_node *root;
    struct buf text, out;

    arena_init(&arena);
    buf_init(&text, 0);
    buf_init(&out, 0);
    for (int i = 0; i < JSON_DEPTH_MAX + 1; i++)
        buf_append(&text, "[", 1);
    check_err(json_parse(&arena, buf_slice(&text), &root, NULL, &detail), ERR_INVALID);
    check_str(detail.text, "exceeded max depth");
    buf_clear(&text);
    for (int i = 0; i < 200; i++)
        buf_printf(&text, "{\"cause\":");
    buf_printf(&text, "{}");
    for (int i = 0; i < 200; i++)
        buf_append(&text, "}", 1);
    check_err(json_read_message(&arena, &api_failure_failure__desc, buf_slice(&text), false, &out,
                                &detail),
              ERR_INVALID);
    check_str(detail.text, "temporalproto: exceeded max recursion depth");
    buf_clear(&text);
    buf_append(&text, "[", 1);
    for (int i = 0; i < JSON_NODES_MAX; i++)
        buf_append(&text, "1,", 2);
    check_err(json_parse(&arena, buf_slice(&text), &root, NULL, &detail), ERR_INVALID);
    buf_release(&text);
    buf_release(&out);
    arena_release(&arena);
}

/* Random damage: never more than an error. What is taken, decodes. */
TEST(test_json_survives_random_damage)
{
    static const char start[] =
        "{\"eventId\":\"5\",\"eventTime\":\"2020-12-10T22:18:41.248Z\",\"eventType\":"
        "\"TimerFired\","
        "\"workflowExecutionStartedEventAttributes\":{\"input\":[1,{\"a\":null}],\"memo\":{"
        "\"fields\":"
        "{\"k\":{\"metadata\":{\"encoding\":\"anNvbi9wbGFpbg==\"},\"data\":\"MQ==\"}}},"
        "\"workflowRunTimeout\":\"1.5s\",\"retryPolicy\":{\"backoffCoefficient\":2e0}}}";
    static const char letters[] = "{}[]\",:\\u0e-+.1tfn \n\x80";
    const char *seeds_text = getenv("FUZZ_SEEDS");
    const uint64_t seeds = seeds_text ? strtoull(seeds_text, NULL, 10) : 20000;
    struct arena arena;
    struct buf out;

    arena_init(&arena);
    buf_init(&out, 0);
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        char text[sizeof start];
        size_t len = sizeof start - 1;
        struct rng rng;

        rng_seed(&rng, seed);
        memcpy(text, start, sizeof start);
        for (uint64_t i = some(&rng, 4); i < 4; i++)
            text[some(&rng, len)] = letters[some(&rng, sizeof letters - 1)];
        if (some(&rng, 4) == 0)
            len = some(&rng, len);
        buf_clear(&out);
        arena_reset(&arena);
        struct err_detail detail = {0};
        if (json_read_message(&arena, &api_history_event__desc, slice_of(text, len), true, &out,
                              &detail) == ERR_OK)
            (void)normal(&arena, &api_history_event__desc, buf_slice(&out));
        else
            check(detail.text[0] != '\0');
    }
    buf_release(&out);
    arena_release(&arena);
}
