/* shown.c - see shown.h. */
#include "admin/check/shown.h"

#include "api.h"
#include "common/proto/wire.h"
#include "history/engine/engine.h"

static bool same_field(struct slice a, struct slice b, uint32_t number)
{
    return slice_eq(wire_find_bytes(a, number), wire_find_bytes(b, number)) &&
           wire_find_number(a, number) == wire_find_number(b, number);
}

bool shown_is_run(const struct run *run, struct slice info, struct arena *arena, const char **what)
{
    const ProtobufCMessageDescriptor *desc = &api_workflow_execution_info__desc;
    const struct slice now = engine_execution_info(run, arena);

    for (unsigned i = 0; i < desc->n_fields; i++) {
        const uint32_t number = desc->fields[i].id;

        *what = desc->fields[i].name;
        if (same_field(info, now, number))
            continue;
        /* A closed run counts steps that change nothing of what is shown: a reset, a callback. */
        if (run_is_open(run) || strcmp(*what, "state_transition_count") != 0 ||
            wire_find_number(info, number) > wire_find_number(now, number))
            return false;
    }
    return true;
}
