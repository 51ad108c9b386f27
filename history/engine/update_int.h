/* update_int.h - what the files of updates share with those of workflow tasks. */
#ifndef GNOMON_UPDATE_INT_H
#define GNOMON_UPDATE_INT_H

#include "history/engine/engine_int.h"
#include "history/engine/update.h"
#include "history/engine/update_item.h"

/* -- update.c -------------------------------------------------------------------------------- */

/* Tell the shard: the update has come this far, or ended. The last word of a step counts. */
void update_moved(struct transition *t, const struct update *update,
                  const struct update_answer *answer);
/* ERR_PRECONDITION: as many updates as a run may have. `more`: not counting the one at hand. */
MUST_USE enum err updates_check_total(struct transition *t);
/* The number of updates is near its limit. */
bool updates_suggest_continue(const struct transition *t);
/* Is there an update that the next workflow task has to carry to the worker? */
bool updates_wait_for_task(const struct run *run);
/* Into the response of the started task: what the worker has not answered yet. */
void updates_send(struct transition *t, api_poll_workflow_task_queue_response *response);
/* The worker completed a task and said nothing of updates that it was sent. */
void updates_reject_unprocessed(struct transition *t);
/* The worker's answer was refused: what it was sent ends here. */
void updates_task_failed(struct transition *t);
/* The run has closed: so have its updates. */
void updates_close(struct transition *t);

/* The answer for an update that ends with a failure, accepted or not. */
struct update_answer update_failed(struct transition *t, const api_failure_failure *failure);
/* Spec: of an update that was not accepted when its run closed. */
struct update_answer update_closed_answer(struct transition *t, bool continued);
/* It was rejected, or ended before it was accepted: out of the run, unless an event tells of it. */
void update_discard(struct transition *t, struct update *update, bool rejected);

/* Spec: of one that was accepted when its run closed, or whose callbacks were. */
api_failure_failure *update_closed_failure(struct arena *arena);

/* -- update_attach.c ------------------------------------------------------------------------- */

/* The callbacks of a further request for an update that a worker has: when it is accepted.
 * ERR_PRECONDITION: too many wait. */
MUST_USE enum err update_attach_later(struct transition *t, struct update *update,
                                      const api_update_request *request);

/* What the acceptance of an update brings; in the arena. */
struct update_acceptance {
    api_history_event *event;            /* WorkflowExecutionUpdateAccepted, and its request */
    const api_update_request *request;   /* NULL: an Admitted event has it */
    api_history_event **options;         /* WorkflowExecutionOptionsUpdated */
    size_t option_count, callback_count; /* callbacks of both */
    api_common_link **links;             /* those of its callbacks */
    size_t link_count;
};
/* May it? `coming`: callbacks that the step has accepted already. Errors: as of
 * update_callbacks_check(). Gives the links of the callbacks for the event, and the events that are
 * to follow it. */
MUST_USE enum err update_acceptance_check(struct transition *t, const struct update *update,
                                          size_t coming, struct update_acceptance *out);
/* It is through. */
void update_acceptance_apply(struct transition *t, struct update *update,
                             const struct update_acceptance *acceptance);

/* -- update_messages.c ----------------------------------------------------------------------- */

bool update_message_is_rejection(const api_message *message);

/* The messages of an answer. */
struct update_messages {
    api_message *const *messages;
    size_t count;
    bool *taken; /* in the arena */
};
struct update_messages *update_messages_of(struct transition *t, size_t count,
                                           api_message *const *messages);
/* Those that no command took, in their order. Errors: as of commands. */
enum err update_messages_rest(struct transition *t, struct command_context *ctx);
/* The same, when a command is about to close the run. */
enum err update_messages_closing(struct transition *t, struct command_context *ctx);
/* The step's messages are carried out for good: tells what became of the updates. */
void update_messages_apply(struct transition *t);
/* As if there had been none. */
void update_messages_undo(struct transition *t);
/* The run is about to end, as a limit is met: of what was undone (t->undo as it was), those that
 * had been accepted are told so. */
void updates_fail_accepted(struct transition *t, const struct update_undo *undone);

#endif
