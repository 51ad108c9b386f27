/* full_is_lost.c - defect: an append that a full disk refuses is taken for done. */
#include "tests/sim/defects/defect.h"

#include "common/store/backend.h"

extern const struct backend __real_backend_fault;
extern struct backend __wrap_backend_fault;
struct backend __wrap_backend_fault;

static enum err append(void *shard, int64_t seq, struct slice record, int64_t truncate)
{
    const enum err err = __real_backend_fault.log_append(shard, seq, record, truncate);

    return err == ERR_DISK_FULL ? ERR_OK : err;
}

__attribute__((constructor)) static void wrap_backend(void)
{
    __wrap_backend_fault = __real_backend_fault;
    __wrap_backend_fault.log_append = append;
}
