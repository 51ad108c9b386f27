/* cron_at_once.c - defect: the next run of a schedule does not wait for its time. */
#include "tests/sim/defects/defect.h"

#include "history/engine/engine_int.h"

struct chain_next __real_chain_decide(struct transition *t, const api_failure_failure *failure);
struct chain_next __wrap_chain_decide(struct transition *t, const api_failure_failure *failure);

struct chain_next __wrap_chain_decide(struct transition *t, const api_failure_failure *failure)
{
    struct chain_next next = __real_chain_decide(t, failure);

    if (next.initiator == CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE)
        next.backoff_ns = 0;
    return next;
}
