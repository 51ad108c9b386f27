/* unstart_any.c - defect: what was not delivered un-starts whatever start the activity has now. */
#include "tests/sim/defects/defect.h"

#include "history/engine/activity.h"
#include "history/engine/engine.h"

enum err __real_engine_unstart_activity_task(struct transition *t, const struct task_token *token);
enum err __wrap_engine_unstart_activity_task(struct transition *t, const struct task_token *token);

enum err __wrap_engine_unstart_activity_task(struct transition *t, const struct task_token *token)
{
    struct map_node *node = map_get_u64(&t->run->activities, (uint64_t)token->scheduled_event_id);
    struct task_token present = *token;

    if (node) {
        const struct activity *activity = CONTAINER_OF(node, struct activity, node);

        present.start_id = activity->start_id;
        present.attempt = activity->attempt;
    }
    return __real_engine_unstart_activity_task(t, &present);
}
