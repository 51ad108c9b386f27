/* json_payload.c - see json.h: payloads as the JSON that they hold, and back.
 *
 * The short form of a payload whose only metadata is "encoding": json/plain is its JSON; of one
 * that is json/protobuf, with "messageType", its object with a member "_protoMessageType". What is
 * not in the full form ({"metadata": {"encoding": ...}, "data": ...}) is read as the short one. */
#include "api.h"
#include "common/proto/json.h"
#include "common/proto/json_parse.h"
#include "common/proto/wire.h"

#include <stdlib.h>

#define MESSAGE_TYPE "_protoMessageType"
#define NULL_ENCODING "YmluYXJ5L251bGw=" /* binary/null */

/* ---- any JSON as Go's encoder gives it again ---- */

struct sorted_member {
    const struct json_node *name;
    size_t index;
};

static int order_of_names(const void *a, const void *b)
{
    const struct sorted_member *left = a, *right = b;
    const int order = slice_cmp(left->name->text, right->name->text);

    return order != 0 ? order : left->index < right->index ? -1 : 1;
}

static const struct json_node *member_of(const struct json_node *object, struct slice name)
{
    const struct json_node *found = NULL;

    for (const struct json_node *at = object->child; at; at = at->next)
        if (slice_eq(at->text, name))
            found = at; /* the last of equal ones counts */
    return found ? found->child : NULL;
}

/* Members by name, the last of equal ones; with room for one more at the end. */
static struct sorted_member *sort_members(struct arena *arena, const struct json_node *object,
                                          size_t *count)
{
    size_t n = 0, kept = 0;

    for (const struct json_node *at = object->child; at; at = at->next)
        n++;
    struct sorted_member *sorted = ARENA_ARRAY(arena, struct sorted_member, n + 1);
    n = 0;
    for (const struct json_node *at = object->child; at; at = at->next, n++)
        sorted[n] = (struct sorted_member){at, n};
    qsort(sorted, n, sizeof *sorted, order_of_names);
    for (size_t i = 0; i < n; i++)
        if (i + 1 == n || !slice_eq(sorted[i].name->text, sorted[i + 1].name->text))
            sorted[kept++] = sorted[i];
    *count = kept;
    return sorted;
}

static bool put_number(struct json_writer *w, struct slice raw, bool keep_integers)
{
    int64_t whole;
    double value;

    json_value(w);
    if (keep_integers && json_number_i64(raw, &whole)) {
        buf_printf(w->out, "%lld", (long long)whole);
        return true;
    }
    if (!json_number_double(raw, &value))
        return false;
    json_put_double(w->out, value);
    return true;
}

static bool put_object(struct arena *arena, struct json_writer *w, const struct json_node *object,
                       bool keep_integers)
{
    size_t count;
    const struct sorted_member *members = sort_members(arena, object, &count);

    json_open(w, '{');
    for (size_t i = 0; i < count; i++) {
        if (members[i].name->bad)
            return false;
        json_name(w, members[i].name->text);
        if (!json_write_node(arena, w, members[i].name->child, keep_integers))
            return false;
    }
    json_close(w, '}');
    return true;
}

bool json_write_node(struct arena *arena, struct json_writer *w, const struct json_node *node,
                     bool keep_integers)
{
    switch (node->kind) {
    case JSON_NULL:
        json_raw(w, "null");
        return true;
    case JSON_FALSE:
        json_raw(w, "false");
        return true;
    case JSON_TRUE:
        json_raw(w, "true");
        return true;
    case JSON_NUMBER:
        return put_number(w, node->raw, keep_integers);
    case JSON_STRING:
        if (!node->bad)
            json_string(w, node->text);
        return node->bad == NULL;
    case JSON_ARRAY:
        json_open(w, '[');
        for (const struct json_node *at = node->child; at; at = at->next)
            if (!json_write_node(arena, w, at, keep_integers))
                return false;
        json_close(w, ']');
        return true;
    case JSON_OBJECT:
        return put_object(arena, w, node, keep_integers);
    case JSON_NAME:
        break;
    }
    must(!"a name is no value");
    return false;
}

/* ---- out ---- */

static struct slice metadata_of(const api_payload *payload, const char *key)
{
    for (size_t i = 0; i < payload->n_metadata; i++)
        if (strcmp(payload->metadata[i]->key, key) == 0)
            return slice_of(payload->metadata[i]->value.data, payload->metadata[i]->value.len);
    return SLICE_EMPTY;
}

/* The payload's bytes as JSON, all of them; NULL: they are none. */
static struct json_node *parse_data(struct arena *arena, const api_payload *payload)
{
    const struct slice data = slice_of(payload->data.data, payload->data.len);
    struct json_node *node;
    struct slice rest;

    if (json_parse(arena, data, &node, &rest, NULL) != ERR_OK || rest.len > 0)
        return NULL;
    return node;
}

static void put_null(struct json_writer *w)
{
    json_open(w, '{');
    json_name(w, SLICE_LIT("metadata"));
    json_open(w, '{');
    json_name(w, SLICE_LIT("encoding"));
    json_string(w, SLICE_LIT(NULL_ENCODING));
    json_close(w, '}');
    json_close(w, '}');
}

static bool put_typed(struct arena *arena, struct json_writer *w, struct json_node *object,
                      struct slice type)
{
    struct json_node *name = ARENA_NEW(arena, struct json_node);
    struct json_node *value = ARENA_NEW(arena, struct json_node);
    struct json_node **end = &object->child;

    while (*end)
        end = &(*end)->next;
    *value = (struct json_node){.kind = JSON_STRING, .text = type};
    *name = (struct json_node){.kind = JSON_NAME, .text = SLICE_LIT(MESSAGE_TYPE), .child = value};
    *end = name;
    return json_write_node(arena, w, object, false);
}

/* Written to a side, because it may turn out that there is no short form. */
static bool put_payload(struct arena *arena, struct json_writer *w, const api_payload *payload)
{
    const struct slice encoding = metadata_of(payload, "encoding");
    const struct slice type = metadata_of(payload, "messageType");
    struct json_node *node;

    if (slice_eq(encoding, SLICE_LIT("binary/null"))) {
        put_null(w);
        return true;
    }
    if (slice_eq(encoding, SLICE_LIT("json/plain")) && payload->n_metadata == 1) {
        if (!(node = parse_data(arena, payload)))
            return false;
        if (node->kind != JSON_NULL)
            return json_write_node(arena, w, node, false);
        put_null(w);
        return true;
    }
    return slice_eq(encoding, SLICE_LIT("json/protobuf")) && type.len > 0 && wire_utf8_ok(type) &&
           payload->n_metadata == 2 && (node = parse_data(arena, payload)) &&
           node->kind == JSON_OBJECT && put_typed(arena, w, node, type);
}

static bool put_payloads(struct arena *arena, struct json_writer *w, const api_payloads *payloads)
{
    json_open(w, '[');
    for (size_t i = 0; i < payloads->n_payloads; i++)
        if (!put_payload(arena, w, payloads->payloads[i]))
            return false;
    json_close(w, ']');
    return true;
}

bool json_write_shorthand(struct arena *arena, struct json_writer *w,
                          const ProtobufCMessage *message)
{
    const struct json_writer before = *w;
    const size_t len = w->out->len;
    bool done = false;

    if (message->descriptor == &api_payload__desc)
        done = put_payload(arena, w, (const api_payload *)message);
    else if (message->descriptor == &api_payloads__desc)
        done = put_payloads(arena, w, (const api_payloads *)message);
    if (!done) {
        *w = before;
        w->out->len = len;
    }
    return done;
}

/* ---- in ---- */

static int base64_digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

bool json_read_base64(struct buf *out, struct slice text)
{
    const bool url =
        text.len && (memchr(text.ptr, '-', text.len) || memchr(text.ptr, '_', text.len));
    uint32_t bits = 0;

    if (url && (memchr(text.ptr, '+', text.len) || memchr(text.ptr, '/', text.len)))
        return false;
    if (text.len % 4 == 0) /* padded, or nothing to pad */
        for (int i = 0; i < 2 && text.len && text.ptr[text.len - 1] == '='; i++)
            text.len--;
    if (text.len % 4 == 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const int digit = base64_digit(text.ptr[i]);

        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 > 0) {
            const uint8_t byte = (uint8_t)(bits >> (6 - 2 * (i % 4)));
            buf_append(out, &byte, 1);
        }
    }
    return true;
}

static void put_metadata(struct buf *out, struct slice key, struct slice value)
{
    struct buf entry;

    buf_init(&entry, 0);
    wire_put_bytes(&entry, 1, key);
    wire_put_bytes(&entry, 2, value);
    wire_put_bytes(out, 1, buf_slice(&entry));
    buf_release(&entry);
}

static bool read_full_metadata(struct arena *arena, const struct json_node *metadata,
                               struct buf *out)
{
    size_t count;
    const struct sorted_member *members = sort_members(arena, metadata, &count);
    struct buf value;
    bool good = true;

    buf_init(&value, 0);
    for (size_t i = 0; i < count && good; i++) {
        const struct json_node *text = members[i].name->child;

        buf_clear(&value);
        good = !members[i].name->bad && text->kind == JSON_STRING && !text->bad &&
               json_read_base64(&value, text->text);
        if (good)
            put_metadata(out, members[i].name->text, buf_slice(&value));
    }
    buf_release(&value);
    return good;
}

/* {"metadata": {"encoding": base64, ...}, "data": base64}, where data may be left out of a null. */
static bool read_full(struct arena *arena, const struct json_node *node, struct buf *out)
{
    const struct json_node *metadata = member_of(node, SLICE_LIT("metadata"));
    const struct json_node *data = member_of(node, SLICE_LIT("data"));
    struct buf bytes;
    size_t count;

    if (!metadata || metadata->kind != JSON_OBJECT)
        return false;
    const struct json_node *encoding = member_of(metadata, SLICE_LIT("encoding"));
    if (!encoding)
        return false;
    if (!data && encoding->kind == JSON_STRING &&
        slice_eq(encoding->text, SLICE_LIT(NULL_ENCODING))) {
        put_metadata(out, SLICE_LIT("encoding"), SLICE_LIT("binary/null"));
        return true;
    }
    (void)sort_members(arena, node, &count);
    if (!data || count != 2 || data->kind != JSON_STRING || data->bad)
        return false;
    buf_init(&bytes, 0);
    const bool good =
        json_read_base64(&bytes, data->text) && read_full_metadata(arena, metadata, out);
    if (good && bytes.len > 0)
        wire_put_bytes(out, 2, buf_slice(&bytes));
    buf_release(&bytes);
    return good;
}

/* Take the member out that names the message type. */
static const struct json_node *take_type(struct json_node *object)
{
    const struct json_node *type = NULL;

    for (struct json_node **at = &object->child; *at;) {
        if (!slice_eq((*at)->text, SLICE_LIT(MESSAGE_TYPE))) {
            at = &(*at)->next;
            continue;
        }
        type = (*at)->child;
        *at = (*at)->next;
    }
    return type;
}

static enum err put_short(struct arena *arena, const struct json_node *node, struct buf *out,
                          struct err_detail *detail)
{
    struct buf data;
    struct json_writer w = {.out = &data, .html = true};
    struct json_node object = *node;
    const struct json_node *type = node->kind == JSON_OBJECT ? take_type(&object) : NULL;

    if (type && type->kind != JSON_STRING)
        return err_fail(detail, ERR_INVALID,
                        "unable to unmarshal payload: internal key \"%s\" "
                        "should have type string",
                        MESSAGE_TYPE);
    buf_init(&data, 0);
    const bool good = json_write_node(arena, &w, &object, true) && (!type || !type->bad);
    if (good) {
        put_metadata(out, SLICE_LIT("encoding"),
                     type ? SLICE_LIT("json/protobuf") : SLICE_LIT("json/plain"));
        if (type)
            put_metadata(out, SLICE_LIT("messageType"), type->text);
        wire_put_bytes(out, 2, buf_slice(&data));
    }
    buf_release(&data);
    return good ? ERR_OK
                : err_fail(detail, ERR_INVALID,
                           "unable to unmarshal payload: a string or number "
                           "in it is malformed");
}

enum err json_read_payload(struct arena *arena, const struct json_node *node, struct buf *out,
                           struct err_detail *detail)
{
    const size_t len = out->len;

    if (node->kind == JSON_NULL) {
        put_metadata(out, SLICE_LIT("encoding"), SLICE_LIT("binary/null"));
        return ERR_OK;
    }
    if (node->kind == JSON_OBJECT && read_full(arena, node, out))
        return ERR_OK;
    out->len = len;
    return put_short(arena, node, out, detail);
}
