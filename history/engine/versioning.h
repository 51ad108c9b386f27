/* versioning.h - the worker deployment that a run's last completed workflow task came from: what
 * Describe shows of it, and the search attributes. */
#ifndef GNOMON_VERSIONING_H
#define GNOMON_VERSIONING_H

#include "api.h"
#include "common/base/buf.h"
#include "history/engine/run.h"

/* A task was completed: true when what is shown of the deployment changes. `arena` is scratch. */
bool run_note_deployment(struct run *run, struct arena *arena,
                         const api_workflow_task_completed_event_attributes *completed);

/* worker_deployment_name and versioning_info. */
void run_describe_deployment(const struct run *run, struct arena *arena,
                             api_workflow_execution_info *info);

/* The first entry of the search attribute BuildIds, with a comma before it where `list` has more
 * than its bracket. */
void run_list_deployment(const struct run *run, struct arena *arena, struct buf *list);
/* Has a versioned worker of this build worked on the run? Such a build is in no list of
 * unversioned ones. */
bool run_used_version(const struct run *run, const char *build_id);

/* At most this many search attributes are added to `shown`, which has room for them. */
enum { DEPLOYMENT_ATTRIBUTES_MAX = 4 };
void run_add_deployment(const struct run *run, struct arena *arena, api_search_attributes *shown);

#endif
