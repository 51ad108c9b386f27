/* numbers.h - a list of numbers by name: what a process tells an operator's tool of itself. Names
 * may come and go with versions; who reads them looks for those it knows, and shows the rest. */
#ifndef GNOMON_RPC_NUMBERS_H
#define GNOMON_RPC_NUMBERS_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"

enum { RPC_NUMBERS_MAX = 64 };

struct rpc_number {
    const char *name;
    int64_t value;
};

void rpc_numbers_encode(const struct rpc_number *numbers, uint32_t count, struct buf *out);
/* Names and list are in the arena. ERR_CORRUPT. */
MUST_USE enum err rpc_numbers_decode(struct arena *arena, struct slice body,
                                     struct rpc_number **numbers, uint32_t *count);
/* `absent` when there is none of that name. */
int64_t rpc_number(const struct rpc_number *numbers, uint32_t count, const char *name,
                   int64_t absent);

#endif
