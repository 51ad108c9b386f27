/* codec_test.c - tables of the small encodings, gzip there and back. */
#include "common/grpc/codec.h"

#include "common/base/rng.h"
#include "tests/lib/test.h"

#include <stdlib.h>

TEST(test_codec_timeouts)
{
    static const struct {
        const char *text;
        int64_t ns; /* -1: refused */
    } cases[] = {
        {"1n", 1},
        {"20u", 20000},
        {"300m", 300 * NS_PER_MS},
        {"5S", 5 * NS_PER_S},
        {"2M", 120 * NS_PER_S},
        {"1H", 3600 * NS_PER_S},
        {"0S", 0},
        {"99999999H", INT64_MAX},
        {"99999999n", 99999999},
        {"", -1},
        {"S", -1},
        {"5", -1},
        {"5s", -1},
        {"-5S", -1},
        {"123456789S", -1},
        {"1.5S", -1},
        {" 5S", -1},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err_detail detail = {0};
        int64_t ns = -1;
        const enum err err = grpc_timeout_parse(slice_str(cases[i].text), &ns, &detail);

        check_err(err, cases[i].ns == -1 ? ERR_INTERNAL : ERR_OK);
        check_i64(ns, cases[i].ns);
        check((err == ERR_OK) == (detail.text[0] == 0));
    }
}

TEST(test_codec_messages_are_percent_encoded)
{
    static const struct {
        const char *text, *encoded;
    } cases[] = {
        {"", ""},
        {"plain text.", "plain text."},
        {"100%", "100%25"},
        {"a\nb\x7f", "a%0Ab%7F"},
        {"caf\xc3\xa9", "caf%C3%A9"},
        {"\xf0\x9f\x98\x80!", "%F0%9F%98%80!"},
        {"\xff\xc3", "%EF%BF%BD%EF%BF%BD"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out;

        buf_init(&out, 0);
        grpc_message_encode(&out, slice_str(cases[i].text));
        check_slice(buf_slice(&out), slice_str(cases[i].encoded));
        buf_release(&out);
    }
}

TEST(test_codec_base64)
{
    static const struct {
        const char *text, *encoded;
    } cases[] = {{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"}};
    struct buf out;

    buf_init(&out, 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_clear(&out);
        grpc_base64_encode(&out, slice_str(cases[i].text));
        check_slice(buf_slice(&out), slice_str(cases[i].encoded));
        buf_clear(&out);
        check(grpc_base64_decode(&out, slice_str(cases[i].encoded)));
        check_slice(buf_slice(&out), slice_str(cases[i].text));
    }
    buf_clear(&out);
    check(grpc_base64_decode(&out, SLICE_LIT("Zm8=")));
    check_slice(buf_slice(&out), SLICE_LIT("fo"));
    check(!grpc_base64_decode(&out, SLICE_LIT("Z")));
    check(!grpc_base64_decode(&out, SLICE_LIT("Zm 8")));
    buf_release(&out);
}

TEST(test_codec_gzip_comes_back_and_is_bounded)
{
    enum { SIZE = 300000 };
    uint8_t *text = calloc(1, SIZE);
    struct err_detail detail = {0};
    struct arena arena;
    struct slice back;
    struct buf zipped;

    must(text != NULL);
    arena_init(&arena);
    buf_init(&zipped, 0);
    for (size_t i = 0; i < SIZE; i += 97)
        text[i] = (uint8_t)i;
    const struct slice parts[] = {slice_of(text, 1000), SLICE_EMPTY,
                                  slice_of(text + 1000, SIZE - 1000)};
    grpc_gzip(&zipped, parts, COUNT_OF(parts));
    check(buf_ok(&zipped) && zipped.len < SIZE / 10);
    check_ok(grpc_gunzip(&arena, buf_slice(&zipped), SIZE, &back, &detail));
    check(slice_eq(back, slice_of(text, SIZE)));
    check_err(grpc_gunzip(&arena, buf_slice(&zipped), SIZE - 1, &back, &detail), ERR_BUSY);
    check_str(detail.text, "grpc: received message after decompression larger than max 299999");
    check_err(grpc_gunzip(&arena, slice_of(zipped.ptr, zipped.len - 9), SIZE, &back, &detail),
              ERR_INTERNAL);
    check_err(grpc_gunzip(&arena, SLICE_LIT("no gzip at all"), SIZE, &back, &detail), ERR_INTERNAL);
    check_err(grpc_gunzip(&arena, SLICE_EMPTY, SIZE, &back, &detail), ERR_INTERNAL);
    buf_release(&zipped);
    arena_release(&arena);
    free(text);
}
