/* logrec.c - writes and checks log records, field by field. */
#include "common/store/logrec.h"

#include "common/base/hash.h"

static const uint32_t MAGIC = 0x474e5231; /* "GNR1" */
enum { DIGEST_AT = LOGREC_HEADER - 8 };

void logrec_begin(struct buf *out)
{
    static const uint8_t empty[LOGREC_HEADER];

    must(out->len == 0);
    buf_append(out, empty, sizeof empty);
}

void logrec_op(struct buf *out, const struct store_op *op)
{
    uint8_t header[LOGREC_OP_HEADER];

    must(op->key.len <= UINT16_MAX && op->value.len <= UINT32_MAX);
    header[0] = (uint8_t)((unsigned)op->kind | (unsigned)op->family << 4);
    header[1] = (uint8_t)(op->key.len >> 8);
    header[2] = (uint8_t)op->key.len;
    be32_put(header + 3, (uint32_t)op->value.len);
    if (!buf_reserve(out, sizeof header + op->key.len + op->value.len))
        return;
    buf_append(out, header, sizeof header);
    buf_append_slice(out, op->key);
    buf_append_slice(out, op->value);
}

static uint64_t digest_of(struct slice record)
{
    const uint64_t seed = hash_bytes(slice_of(record.ptr, DIGEST_AT), 0);

    return hash_bytes(slice_of(record.ptr + LOGREC_HEADER, record.len - LOGREC_HEADER), seed);
}

void logrec_seal(struct buf *out, const struct logrec_header *header)
{
    uint8_t *at = out->ptr;

    must(buf_ok(out) && out->len >= LOGREC_HEADER && out->len <= LOGREC_MAX);
    be32_put(at, MAGIC);
    be32_put(at + 4, header->shard_id);
    be64_put(at + 8, (uint64_t)header->seq);
    be64_put(at + 16, (uint64_t)header->range_id);
    be64_put(at + 24, header->nonce);
    be32_put(at + 32, header->op_count);
    be32_put(at + 36, (uint32_t)(out->len - LOGREC_HEADER));
    be64_put(at + DIGEST_AT, digest_of(buf_slice(out)));
}

/* One operation at *at; false: malformed. */
static bool parse_op(struct slice record, size_t *at, struct store_op *op)
{
    if (record.len - *at < LOGREC_OP_HEADER)
        return false;
    const uint8_t *p = record.ptr + *at;
    const size_t key_len = (size_t)p[1] << 8 | p[2], value_len = be32_get(p + 3);
    const size_t left = record.len - *at - LOGREC_OP_HEADER;
    const unsigned kind = p[0] & 15, family = p[0] >> 4;

    if (kind > STORE_DELETE || family >= STORE_FAMILY_COUNT)
        return false;
    if (key_len == 0 || key_len > STORE_KEY_MAX || key_len > left || value_len > left - key_len)
        return false;
    if (kind == STORE_DELETE && value_len != 0)
        return false;
    op->kind = (enum store_op_kind)kind;
    op->family = (enum store_family)family;
    op->key = slice_of(p + LOGREC_OP_HEADER, key_len);
    op->value = slice_of(p + LOGREC_OP_HEADER + key_len, value_len);
    *at += LOGREC_OP_HEADER + key_len + value_len;
    return true;
}

enum err logrec_check(struct slice record, struct logrec_header *header, struct err_detail *detail)
{
    struct store_op op;
    size_t at = LOGREC_HEADER;

    if (record.len < LOGREC_HEADER || record.len > LOGREC_MAX || be32_get(record.ptr) != MAGIC)
        return err_fail(detail, ERR_CORRUPT, "log record of %zu bytes: not a record", record.len);
    if (be32_get(record.ptr + 36) != record.len - LOGREC_HEADER)
        return err_fail(detail, ERR_CORRUPT, "log record of %zu bytes: cut", record.len);
    if (be64_get(record.ptr + DIGEST_AT) != digest_of(record))
        return err_fail(detail, ERR_CORRUPT, "log record of %zu bytes: wrong digest", record.len);
    *header = (struct logrec_header){.shard_id = be32_get(record.ptr + 4),
                                     .seq = (int64_t)be64_get(record.ptr + 8),
                                     .range_id = (int64_t)be64_get(record.ptr + 16),
                                     .nonce = be64_get(record.ptr + 24),
                                     .op_count = be32_get(record.ptr + 32)};
    for (uint32_t i = 0; i < header->op_count; i++)
        if (!parse_op(record, &at, &op))
            return err_fail(detail, ERR_CORRUPT, "log record: operation %u is malformed", i);
    if (at != record.len)
        return err_fail(detail, ERR_CORRUPT, "log record: %zu bytes too many", record.len - at);
    return ERR_OK;
}

bool logrec_next(struct slice record, size_t *at, struct store_op *op)
{
    if (*at < LOGREC_HEADER)
        *at = LOGREC_HEADER;
    if (*at == record.len)
        return false;
    const bool parsed = parse_op(record, at, op);
    must(parsed); /* logrec_check() has seen it */
    return true;
}
