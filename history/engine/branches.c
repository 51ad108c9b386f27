/* branches.c - see branches.h. */
#include "history/engine/branches.h"

#include "common/base/base.h"

#include <string.h>

/* version(1), then for each branch: run id (16), to (8) */
enum { VERSION = 1, ENTRY_LEN = 24 };

bool branches_decode(struct slice bytes, struct branches *out)
{
    int64_t before = 1;

    out->count = 0;
    if (bytes.len == 0)
        return true;
    if (bytes.ptr[0] != VERSION || bytes.len % ENTRY_LEN != 1 ||
        bytes.len / ENTRY_LEN > BRANCHES_MAX)
        return false;
    for (const uint8_t *at = bytes.ptr + 1; at < bytes.ptr + bytes.len; at += ENTRY_LEN) {
        struct branch *branch = &out->list[out->count++];

        uuid_format(at, branch->run_id);
        branch->to = (int64_t)be64_get(at + 16);
        if (branch->to <= before)
            return false;
        before = branch->to;
    }
    return true;
}

struct slice branches_encode(struct arena *arena, const struct branches *branches)
{
    const size_t len = 1 + (size_t)branches->count * ENTRY_LEN;

    if (branches->count == 0)
        return SLICE_EMPTY;
    uint8_t *bytes = arena_alloc(arena, len), *at = bytes + 1;
    bytes[0] = VERSION;
    for (uint32_t i = 0; i < branches->count; i++, at += ENTRY_LEN) {
        const bool ok = uuid_parse(slice_str(branches->list[i].run_id), at);

        must(ok);
        be64_put(at + 16, (uint64_t)branches->list[i].to);
    }
    return slice_of(bytes, len);
}

bool branches_fork(const struct branches *base, const char *run_id, int64_t fork,
                   struct branches *out)
{
    must(fork > 1);
    out->count = 0;
    for (uint32_t i = 0; i < base->count; i++) {
        out->list[out->count] = base->list[i];
        if (base->list[i].to >= fork) { /* the base's own events are all behind the fork */
            out->list[out->count++].to = fork;
            return true;
        }
        out->count++;
    }
    if (out->count == BRANCHES_MAX)
        return false;
    struct branch *last = &out->list[out->count++];
    memcpy(last->run_id, run_id, sizeof last->run_id);
    last->to = fork;
    return true;
}

const char *branches_owner(const struct branches *branches, const char *run_id, int64_t event_id,
                           int64_t *to)
{
    for (uint32_t i = 0; i < branches->count; i++)
        if (event_id < branches->list[i].to) {
            *to = branches->list[i].to;
            return branches->list[i].run_id;
        }
    *to = INT64_MAX;
    return run_id;
}
