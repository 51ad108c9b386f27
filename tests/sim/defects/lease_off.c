/* lease_off.c - defect: a deposed owner goes on, its appends are refused and taken for done. */
#include "tests/sim/defects/defect.h"

#include "common/store/backend.h"

extern const struct backend __real_backend_memory;
extern struct backend __wrap_backend_memory;
struct backend __wrap_backend_memory;

static enum err append(void *shard, int64_t seq, struct slice record, int64_t truncate)
{
    const enum err err = __real_backend_memory.log_append(shard, seq, record, truncate);

    return err == ERR_FENCED ? ERR_OK : err;
}

__attribute__((constructor)) static void wrap_backend(void)
{
    __wrap_backend_memory = __real_backend_memory;
    __wrap_backend_memory.log_append = append;
}
