/* effect_row.h - the row that keeps an effect's outcome at its target until the source forgets. */
#ifndef GNOMON_HISTORY_EFFECT_ROW_H
#define GNOMON_HISTORY_EFFECT_ROW_H

#include "common/rpc/effect.h"

struct effect_row {
    int64_t created_ns;       /* time of the shard that keeps it */
    struct rpc_effect effect; /* without payload */
    struct rpc_effect_outcome outcome;
};
void effect_row_encode(const struct effect_row *row, struct buf *out);
/* Slices into `value`. ERR_CORRUPT. */
MUST_USE enum err effect_row_decode(struct arena *arena, struct slice value,
                                    struct effect_row *out);

#endif
