/* effect_row.c - see effect_row.h. */
#include "history/shard/effect_row.h"

#include "common/pack/record.h"

enum { ROW_VERSION = 1 };
enum effect_row_key { ROW_KEY_VERSION = 1, ROW_CREATED, ROW_OUTCOME, ROW_EFFECT };

void effect_row_encode(const struct effect_row *row, struct buf *out)
{
    struct rpc_effect effect = row->effect;
    struct rec_writer w;
    struct buf inner;

    buf_init(&inner, 0);
    rec_begin(&w, out);
    rec_put_u64(&w, ROW_KEY_VERSION, ROW_VERSION);
    rec_put_i64(&w, ROW_CREATED, row->created_ns);
    rpc_effect_outcome_encode(&row->outcome, &inner);
    rec_put_bytes(&w, ROW_OUTCOME, buf_slice(&inner));
    buf_clear(&inner);
    effect.payload = SLICE_EMPTY;
    rpc_effect_encode(&effect, &inner);
    rec_put_bytes(&w, ROW_EFFECT, buf_slice(&inner));
    rec_end(&w);
    must(buf_ok(&inner));
    buf_release(&inner);
}

enum err effect_row_decode(struct arena *arena, struct slice value, struct effect_row *out)
{
    struct rec r;
    enum err err = rec_decode(arena, value, &r);

    *out = (struct effect_row){0};
    if (err != ERR_OK)
        return err;
    out->created_ns = rec_i64(&r, ROW_CREATED, 0);
    const struct slice outcome = rec_bytes(&r, ROW_OUTCOME), effect = rec_bytes(&r, ROW_EFFECT);
    if (r.malformed || rec_u64(&r, ROW_KEY_VERSION, 0) == 0)
        return ERR_CORRUPT;
    err = rpc_effect_outcome_decode(arena, outcome, &out->outcome);
    return err != ERR_OK ? err : rpc_effect_decode(arena, effect, &out->effect);
}
