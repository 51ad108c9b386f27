/* fuzz_http.c - requests of the HTTP API: paths, query strings and JSON into messages, and these
 * into JSON again. An input is "VERB PATH?QUERY", a line's end, and the body. */
#include "common/base/buf.h"
#include "common/proto/json.h"
#include "common/proto/json_read.h"
#include "common/proto/wire.h"
#include "frontend/http/query.h"
#include "tests/fuzz/fuzz.h"

/* Everything up to `end`, which is taken as well; all where it is not there. */
static struct slice cut(struct slice *rest, char end)
{
    const uint8_t *at = rest->len ? memchr(rest->ptr, end, rest->len) : NULL;
    const struct slice part = slice_of(rest->ptr, at ? (size_t)(at - rest->ptr) : rest->len);

    *rest = at ? slice_of(at + 1, rest->len - part.len - 1) : SLICE_EMPTY;
    return part;
}

/* What was written as JSON is read as the same message, where all is written out. */
static void check_round(struct arena *arena, const ProtobufCMessageDescriptor *desc,
                        const void *message)
{
    static const struct json_style full = {0}, shorthand = {.shorthand = true};
    struct err_detail detail = {0};
    struct buf text, wire, again;
    void *decoded;

    buf_init(&text, 0);
    buf_init(&wire, 0);
    buf_init(&again, 0);
    const enum err short_err = json_write_message(&text, message, &shorthand, NULL);
    buf_clear(&text);
    const enum err err = json_write_message(&text, message, &full, NULL);
    if (err != short_err)
        fuzz_fail("it has a JSON form in one style only");
    if (err == ERR_OK) {
        if (json_read_message(arena, desc, buf_slice(&text), false, &wire, &detail) != ERR_OK)
            fuzz_fail("%s: what was written can't be read: %s", desc->name, detail.text);
        if (proto_decode(arena, desc, buf_slice(&wire), &decoded, &detail) != ERR_OK)
            fuzz_fail("%s: what was read is no message: %s", desc->name, detail.text);
        if (json_write_message(&again, decoded, &full, NULL) != ERR_OK ||
            !slice_eq(buf_slice(&text), buf_slice(&again)))
            fuzz_fail("%s: another message comes back", desc->name);
    }
    buf_release(&text);
    buf_release(&wire);
    buf_release(&again);
}

static void try_as(struct arena *arena, const char *verb, struct slice path, struct slice query,
                   struct slice body, bool whole)
{
    struct err_detail detail = {0};
    struct slice message = SLICE_EMPTY;
    struct http_query pairs;
    struct http_match match;
    enum err err = ERR_OK;
    struct buf wire;
    void *decoded;

    if (http_route_find(arena, verb, path, whole, &match) != HTTP_FOUND)
        return;
    const ProtobufCMessageDescriptor *desc = match.route->request;
    if (match.route->has_body) {
        buf_init(&wire, 0);
        err = json_read_message(arena, desc, body, whole, &wire, &detail);
        message = arena_copy(arena, buf_slice(&wire));
        buf_release(&wire);
    }
    if (err == ERR_OK)
        for (size_t i = 0; i < match.param_count; i++)
            message = http_set_param(arena, desc, message, &match.params[i]);
    if (err == ERR_OK && !match.route->has_body)
        err = http_query_parse(arena, query, &pairs, &detail);
    if (err == ERR_OK && !match.route->has_body)
        err = http_query_apply(arena, &match, &pairs, &message, &detail);
    if (err != ERR_OK) {
        if (detail.text[0] == '\0')
            fuzz_fail("refused without a text");
        return;
    }
    if (proto_decode(arena, desc, message, &decoded, &detail) == ERR_OK)
        check_round(arena, desc, decoded);
}

void fuzz_one(struct slice input)
{
    struct arena arena;

    arena_init(&arena);
    struct slice head = cut(&input, '\n');
    const char *verb = arena_str(&arena, cut(&head, ' '));
    const struct slice path = cut(&head, '?');
    try_as(&arena, verb, path, head, input, true);
    try_as(&arena, verb, path, head, input, false);
    arena_release(&arena);
}
