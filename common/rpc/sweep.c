/* sweep.c - see sweep.h. */
#include "common/rpc/sweep.h"

#include "common/pack/record.h"

enum { SWEPT_FOUND = 1 };

void rpc_swept_encode(const struct rpc_swept *swept, struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    rec_put_u64(&w, SWEPT_FOUND, swept->found);
    rec_end(&w);
}

enum err rpc_swept_decode(struct arena *arena, struct slice body, struct rpc_swept *out)
{
    struct rec r;
    const enum err err = rec_decode(arena, body, &r);

    if (err != ERR_OK)
        return err;
    const uint64_t found = rec_u64(&r, SWEPT_FOUND, 0);
    if (r.malformed || found > UINT32_MAX)
        return ERR_CORRUPT;
    *out = (struct rpc_swept){.found = (uint32_t)found};
    return ERR_OK;
}
