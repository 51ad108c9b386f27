/* update.h - updates of a workflow execution: what was asked, how far it is, who is to be told.
 *
 * An update is admitted (in memory only), sent to the worker as a message of a workflow task,
 * accepted (an event) or rejected (no trace), and completed (an event with the outcome). What is
 * admitted or sent is volatile: when the run leaves memory its waiters hear ERR_UNAVAILABLE and ask
 * again under the same update id. Accepted and completed ones are derived from events: items
 * ITEM_UPDATE, at most history.maxTotalUpdates a run, kept after the run has closed.
 *
 * The engine decides and tells through transition.updates what became of whom; the shard keeps the
 * waiters (history/shard/updates.c) and answers once the step is durable. */
#ifndef GNOMON_UPDATE_H
#define GNOMON_UPDATE_H

#include "history/engine/transition.h"

/* The stages are UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_* of the API. */

/* What a caller is told. All slices live in the arena of the transition or look-up. */
struct update_answer {
    int32_t stage;        /* reached; UNSPECIFIED with an error */
    struct slice outcome; /* encoded temporal.api.update.v1.Outcome; empty: none, or in history */
    int64_t outcome_event_id; /* with an empty outcome: the WorkflowExecutionUpdateCompleted event
                                 that holds it; 0: there is none */
    enum err err;             /* ended without an outcome (aborted, lost): with `detail` */
    struct err_detail detail;
    bool again; /* with an error: the workflow goes on as another run, where the same
                   request may be made again */
};

/* In transition.updates: an update moved. `id` in the transition's arena. */
struct update_change {
    struct slice id;
    struct update_answer answer;
};

/* Admit an update, or find the one that has its id already, and say how far it is. Schedules a
 * workflow task (speculative where it can be) when the worker has to be told; often nothing is to
 * be committed. Errors: ERR_NOT_FOUND: closed, and no such update; ERR_BUSY: too many in flight;
 * ERR_PRECONDITION: too many in all. */
MUST_USE enum err engine_update(struct transition *t,
                                const api_update_workflow_execution_request *request,
                                struct update_answer *answer);

/* How far is it? ERR_NOT_FOUND: no such update. Changes nothing. */
MUST_USE enum err engine_update_look(const struct run *run, struct slice id, struct arena *arena,
                                     struct update_answer *answer);

/* The outcome that an encoded list of events (repeated field 1 of History, beginning anywhere)
 * holds in its event `event_id`, encoded. ERR_CORRUPT: that is no such event. */
MUST_USE enum err engine_update_outcome(struct arena *arena, struct slice events, int64_t event_id,
                                        struct slice *outcome);

/* Are there updates that live in memory only, or a speculative task? Then the run is not evicted
 * for room (hs_cache_trim), unless nothing else is left to evict. */
bool run_has_volatile(const struct run *run);

/* Reset reapplies: the update of an event (Accepted or Admitted of the old run) comes into this run
 * as WorkflowExecutionUpdateAdmitted. ERR_PRECONDITION: with too many callbacks. */
MUST_USE enum err run_update_reapply(struct transition *t, const api_history_event *event);

#endif
