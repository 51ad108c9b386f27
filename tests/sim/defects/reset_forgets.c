/* reset_forgets.c - defect: what stands behind the fork of a reset does not come again. */
#include "tests/sim/defects/defect.h"

#include "history/engine/reset.h"

bool __wrap_reset_event_returns(const api_history_event *event, uint32_t excluded);

bool __wrap_reset_event_returns(const api_history_event *event, uint32_t excluded)
{
    UNUSED(event);
    UNUSED(excluded);
    return false;
}
