/* groups.h - the groups of a count: how many executions have each value of an attribute. */
#ifndef GNOMON_HISTORY_VISIBILITY_GROUPS_H
#define GNOMON_HISTORY_VISIBILITY_GROUPS_H

#include "api.h"
#include "common/base/map.h"
#include "history/visibility/execution.h"

enum { VIS_COUNTED_GROUPS_MAX = 10000 };

struct vis_groups {
    struct map by_value;
    struct arena arena;
};

void vis_groups_init(struct vis_groups *groups, uint64_t seed);
void vis_groups_release(struct vis_groups *groups);
/* So many more executions like this one. ERR_BUSY: too many values. */
MUST_USE enum err vis_groups_add(struct vis_groups *groups, const struct vis_group *by,
                                 const struct vis_execution *execution, uint64_t times,
                                 struct arena *scratch);
/* As CountWorkflowExecutions answers them, in no order; in `arena`, sharing the groups'. */
void vis_groups_show(const struct vis_groups *groups, struct arena *arena,
                     api_count_workflow_executions_response *out);

#endif
