/* effect_twice.c - defect: outcomes of effects on other executions are kept where nobody finds
 * them, so that a repeated effect is carried out again. */
#include "tests/sim/defects/defect.h"

#include "common/rpc/effect.h"
#include "history/engine/rows.h"

void __real_row_key_effect(struct row_key *key, uint8_t tablet, const struct rpc_effect *effect);
void __wrap_row_key_effect(struct row_key *key, uint8_t tablet, const struct rpc_effect *effect);

void __wrap_row_key_effect(struct row_key *key, uint8_t tablet, const struct rpc_effect *effect)
{
    static int64_t lost_id = 1000;
    struct rpc_effect lost = *effect;

    lost.initiated_event_id = ++lost_id;
    __real_row_key_effect(key, tablet, &lost);
}
