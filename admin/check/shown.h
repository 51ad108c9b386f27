/* shown.h - is what lists show of a run what the run says of itself? */
#ifndef GNOMON_ADMIN_SHOWN_H
#define GNOMON_ADMIN_SHOWN_H

#include "history/engine/run.h"

/* `info` is the WorkflowExecutionInfo of the run's visibility row. false: *what names the first
 * field that differs. */
bool shown_is_run(const struct run *run, struct slice info, struct arena *arena, const char **what);

#endif
