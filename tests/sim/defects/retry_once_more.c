/* retry_once_more.c - defect: the attempts of a workflow are counted one too few. */
#include "tests/sim/defects/defect.h"

#include "history/engine/engine_int.h"

struct chain_next __real_chain_decide(struct transition *t, const api_failure_failure *failure);
struct chain_next __wrap_chain_decide(struct transition *t, const api_failure_failure *failure);

struct chain_next __wrap_chain_decide(struct transition *t, const api_failure_failure *failure)
{
    struct run *run = t->run;

    run->attempt--;
    const struct chain_next next = __real_chain_decide(t, failure);
    run->attempt++;
    return next;
}
