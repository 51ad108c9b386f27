/* reset_int.h - what the files of a reset share. Nobody else includes it. */
#ifndef GNOMON_RESET_INT_H
#define GNOMON_RESET_INT_H

#include "history/engine/rebuild.h"
#include "history/engine/transition.h"

/* What the run asked of other executions before the fork and had no answer to is asked again. The
 * children that were started go on with the new run. ERR_CORRUPT. */
MUST_USE enum err reset_externals(struct transition *t, const struct rebuilding *rebuilding);
MUST_USE enum err reset_children(struct transition *t, const struct rebuilding *rebuilding);

/* An event about a child comes again, if the run waits for it; with `event_id` in its history it
 * changes the run. */
bool reset_child_returns(struct transition *t, api_history_event *event);
void reset_child_returned(struct transition *t, const api_history_event *event, int64_t event_id);

#endif
