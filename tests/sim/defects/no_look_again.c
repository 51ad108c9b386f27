/* no_look_again.c - defect: matching trusts that offers arrive, it never pulls rows again after a
 * loss or a new owner. */
#include "tests/sim/defects/defect.h"

#include "matching/matching.h"

void __wrap_matching_history_reset(struct matching *m, int64_t now_ns);

void __wrap_matching_history_reset(struct matching *m, int64_t now_ns)
{
    UNUSED(m);
    UNUSED(now_ns);
}
