/* full_is_done.c - defect: a flush that a full disk refuses is taken for done, so that the log
 * loses what the tables do not have. */
#include "tests/sim/defects/defect.h"

#include "common/store/backend.h"

extern const struct backend __real_backend_fault;
extern struct backend __wrap_backend_fault;
struct backend __wrap_backend_fault;

static enum err commit(void *shard, const int64_t *applied)
{
    const enum err err = __real_backend_fault.flush_commit(shard, applied);

    return err == ERR_DISK_FULL ? ERR_OK : err;
}

__attribute__((constructor)) static void wrap_backend(void)
{
    __wrap_backend_fault = __real_backend_fault;
    __wrap_backend_fault.flush_commit = commit;
}
