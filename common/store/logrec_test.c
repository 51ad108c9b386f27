/* logrec_test.c - records come back as they were written; damaged ones are refused. */
#include "common/store/logrec.h"

#include "common/base/rng.h"
#include "tests/lib/test.h"

#include <stdlib.h>

static const struct logrec_header header = {
    .shard_id = 3, .seq = 1234567890123, .range_id = 9, .nonce = UINT64_MAX - 1, .op_count = 3};

#define BYTES(text)                                                                                \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    } /* a constant, unlike SLICE_LIT */

static const struct store_op ops[3] = {
    {.kind = STORE_PUT, .family = STORE_MAIN, .key = BYTES("k1"), .value = BYTES("v1")},
    {.kind = STORE_INSERT, .family = STORE_VISIBILITY, .key = BYTES("k2")},
    {.kind = STORE_DELETE, .family = STORE_MAIN, .key = BYTES("k3")}};

static void write_record(struct buf *out)
{
    buf_init(out, 0);
    logrec_begin(out);
    for (size_t i = 0; i < COUNT_OF(ops); i++)
        logrec_op(out, &ops[i]);
    logrec_seal(out, &header);
}

TEST(logrec_comes_back)
{
    struct buf bytes;
    struct logrec_header got;
    struct store_op op;
    size_t at = 0, count = 0;

    write_record(&bytes);
    check_ok(logrec_check(buf_slice(&bytes), &got, NULL));
    check_i64(got.shard_id, 3);
    check_i64(got.seq, 1234567890123);
    check_i64(got.range_id, 9);
    check(got.nonce == UINT64_MAX - 1);
    for (; logrec_next(buf_slice(&bytes), &at, &op); count++) {
        must(count < COUNT_OF(ops));
        check_i64(op.kind, ops[count].kind);
        check_i64(op.family, ops[count].family);
        check_slice(op.key, ops[count].key);
        check_slice(op.value, ops[count].value);
    }
    check_i64(count, 3);
    buf_release(&bytes);
}

TEST(logrec_refuses_every_cut_and_every_flip)
{
    struct buf bytes;
    struct logrec_header got;

    write_record(&bytes);
    for (size_t len = 0; len < bytes.len; len++) {
        uint8_t *cut = malloc(len ? len : 1); /* exactly sized: a read past it is seen */

        must(cut != NULL);
        memcpy(cut, bytes.ptr, len);
        check_err(logrec_check(slice_of(cut, len), &got, NULL), ERR_CORRUPT);
        free(cut);
    }
    for (size_t bit = 0; bit < bytes.len * 8; bit++) {
        bytes.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
        check_err(logrec_check(buf_slice(&bytes), &got, NULL), ERR_CORRUPT);
        bytes.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    buf_release(&bytes);
}

/* The digest is right, the operations are not: what a confused writer would leave. */
TEST(logrec_takes_hostile_operations)
{
    struct rng rng;

    rng_seed(&rng, 1);
    for (int round = 0; round < 20000; round++) {
        struct buf bytes;
        struct logrec_header got;
        uint8_t junk[40];
        const size_t len = rng_below(&rng, sizeof junk);

        for (size_t i = 0; i < len; i++)
            junk[i] = rng_below(&rng, 2) ? 0 : (uint8_t)rng_below(&rng, 4);
        buf_init(&bytes, 0);
        logrec_begin(&bytes);
        buf_append(&bytes, junk, len);
        logrec_seal(&bytes, &(struct logrec_header){.op_count = (uint32_t)rng_below(&rng, 3)});
        if (logrec_check(buf_slice(&bytes), &got, NULL) == ERR_OK) {
            struct store_op op;
            size_t at = 0, count = 0;

            while (logrec_next(buf_slice(&bytes), &at, &op)) {
                check(op.key.len > 0 && op.key.len <= STORE_KEY_MAX);
                count++;
            }
            check_i64(count, got.op_count);
        }
        buf_release(&bytes);
    }
}
