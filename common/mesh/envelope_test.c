/* envelope_test.c - the wire form: round trips, unknown keys, and bytes from nowhere. */
#include "common/base/rng.h"
#include "common/mesh/envelope.h"
#include "tests/lib/test.h"

#include <stdlib.h>

static struct envelope sample(void)
{
    return (struct envelope){
        .kind = ENVELOPE_REPLY,
        .method = 300,
        .call = UINT64_MAX,
        .shard = 3,
        .err = ERR_NOT_FOUND,
        .detail_text = SLICE_LIT("workflow not found for ID: x"),
        .detail_type = SLICE_LIT("temporal.api.errordetails.v1.NotFoundFailure"),
        .detail_payload = SLICE_LIT("\x0a\x01"),
        .undelivered = SLICE_LIT("start id"),
    };
}

TEST(envelope_round_trip)
{
    const struct envelope want = sample();
    const struct slice parts[] = {SLICE_LIT("one "), SLICE_EMPTY, SLICE_LIT("two")};
    const struct mesh_header header = {
        .version = 1, .process = UINT64_MAX, .role = 3, .number = 7, .metadata_version = INT64_MAX};
    struct mesh_header got_header;
    struct envelope got;
    struct buf buf;

    buf_init(&buf, 0);
    check(buf_reserve(&buf, MESH_HEADER_BYTES));
    mesh_header_write(buf.ptr, &header);
    buf.len = MESH_HEADER_BYTES;
    envelope_write(&buf, &want, parts, COUNT_OF(parts));
    envelope_write(&buf, &(struct envelope){.kind = ENVELOPE_CALL, .call = 1, .remaining_ms = 1234},
                   NULL, 0);

    struct slice rest = buf_slice(&buf);
    check_ok(mesh_header_read(&rest, &got_header));
    check_i64(got_header.version, 1);
    check(got_header.process == UINT64_MAX);
    check_i64(got_header.role, 3);
    check_i64(got_header.number, 7);
    check_i64(got_header.metadata_version, INT64_MAX);
    check_ok(envelope_read(&rest, &got));
    check_i64(got.kind, want.kind);
    check_i64(got.method, want.method);
    check(got.call == want.call);
    check_i64(got.shard, want.shard);
    check_i64(got.err, want.err);
    check_slice(got.detail_text, want.detail_text);
    check_slice(got.detail_type, want.detail_type);
    check_slice(got.detail_payload, want.detail_payload);
    check_slice(got.undelivered, want.undelivered);
    check_slice(got.body, SLICE_LIT("one two"));
    check_ok(envelope_read(&rest, &got));
    check_i64(got.kind, ENVELOPE_CALL);
    check_i64(got.remaining_ms, 1234);
    check_i64(got.err, ERR_OK);
    check_i64(rest.len, 0);
    buf_release(&buf);
}

TEST(envelope_skips_what_it_does_not_know)
{
    /* {1: 3, 99: [[{1: "x"}, nil, -1, 1.5], ext], 2: 5} */
    const struct slice in =
        SLICE_LIT("\x83\x01\x03\x63\x92\x94\x81\x01\xa1x\xc0\xff\xcb\x3f\xf8\x00\x00\x00\x00\x00"
                  "\x00\xd4\x01\x02\x02\x05");
    struct slice rest = in;
    struct envelope got;

    check_ok(envelope_read(&rest, &got));
    check_i64(got.kind, ENVELOPE_CAST);
    check_i64((int64_t)got.call, 5);
    check_i64(rest.len, 0);
}

TEST(envelope_unknown_error_is_internal)
{
    struct slice in = SLICE_LIT("\x82\x01\x02\x06\xa7NO_SUCH");
    struct envelope got;

    check_ok(envelope_read(&in, &got));
    check_i64(got.err, ERR_INTERNAL);
}

static void read_all(const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    struct mesh_header header;
    struct envelope envelope;

    must(copy != NULL);
    if (len)
        memcpy(copy, bytes, len);
    struct slice rest = slice_of(copy, len);
    if (mesh_header_read(&rest, &header) != ERR_OK)
        rest = slice_of(copy, len);
    while (rest.len && envelope_read(&rest, &envelope) == ERR_OK)
        continue;
    free(copy);
}

TEST(envelope_takes_hostile_bytes)
{
    const struct envelope want = sample();
    const struct slice body = SLICE_LIT("body");
    struct rng rng;
    struct buf buf;

    rng_seed(&rng, 7);
    buf_init(&buf, 0);
    envelope_write(&buf, &want, &body, 1);
    for (size_t len = 0; len <= buf.len; len++)
        read_all(buf.ptr, len);
    for (int i = 0; i < 50000; i++) {
        uint8_t bytes[512];

        must(buf.len <= sizeof bytes);
        memcpy(bytes, buf.ptr, buf.len);
        for (uint64_t n = 1 + rng_below(&rng, 6); n > 0; n--)
            bytes[rng_below(&rng, buf.len)] = (uint8_t)rng_u64(&rng);
        read_all(bytes, buf.len);
        for (size_t j = 0; j < 64; j++)
            bytes[j] = (uint8_t)rng_u64(&rng);
        read_all(bytes, 64);
    }
    /* A deep nest and a count that lies cost nothing. */
    static uint8_t deep[1 << 20];
    memset(deep, 0x91, sizeof deep);
    deep[0] = 0x81;
    deep[1] = 0x63;
    read_all(deep, sizeof deep);
    read_all((const uint8_t *)"\x81\x63\xdd\xff\xff\xff\xff", 7);
    buf_release(&buf);
}
