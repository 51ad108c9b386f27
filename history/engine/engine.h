/* engine.h - every step that a run can make: (state, request, now) -> (events, tasks, reply).
 *
 * Requests are decoded and validated API messages (borrowed). All functions want an initialised
 * transition with its `in` part set. Errors other than ERR_OK mean: nothing changed, tell the
 * caller. Spec: behaviours.md and the reference server's history engine. */
#ifndef GNOMON_ENGINE_H
#define GNOMON_ENGINE_H

#include "history/engine/transition.h"

/* -- start (start.c, id_policy.c) ----------------------------------------------------------- */

struct engine_start {
    const api_start_workflow_execution_request *request;
    struct slice namespace_id, namespace_name;
    int64_t retention_s;
    const char *run_id;                                  /* drawn by the shard, UUIDv7 */
    const api_signal_workflow_execution_request *signal; /* comes with the start; may be NULL */
    const struct rpc_effect *parent; /* EFFECT_START_CHILD that asks for it; NULL: a client does */
};

/* What the current run of the workflow id means for a start request. The request id is in the
 * memory that row_current_decode() was given, or the owner's. */
struct current_run {
    char run_id[UUID_TEXT_LEN + 1];
    char first_run_id[UUID_TEXT_LEN + 1];
    int32_t status;
    const char *start_request_id;
    int64_t start_ns, close_ns;
    uint8_t tablet;
    bool has_attached; /* other request ids than the start's are known to the run */
};
enum start_decision {
    START_NEW,
    START_SAME_REQUEST, /* a repeated request id: answer with the current run, started = true */
    START_USE_EXISTING, /* conflict policy: answer with the current run, started = false */
    START_TERMINATE_EXISTING, /* end the current run, then start the new one in the same commit */
    START_REFUSE              /* *detail says why: ERR_EXISTS with details */
};
enum start_decision engine_start_policy(const api_start_workflow_execution_request *request,
                                        const struct current_run *current, int64_t now_ns,
                                        struct arena *arena, struct err_detail *detail);

/* Spec: where history.enableWorkflowIdReuseStartTimeValidation is on, a start that would follow
 * another of its workflow id within the minimal interval is refused: true, ERR_BUSY in *detail. */
struct start_again {
    const char *workflow_id;
    enum start_decision decision;
    int64_t now_ns;
};
bool engine_start_too_soon(const struct engine_limits *limits, const struct current_run *current,
                           const struct start_again *again, struct arena *arena,
                           struct err_detail *detail);

/* After a step, before anything of it is written. true: the run has become too large, and why is
 * in *limit. The caller then throws the run in memory away, with the step, reads it again and ends
 * it by engine_end_for_limit(). `run_memory_bytes`: what the run takes in memory, which is never
 * less than what counts. */
bool engine_check_limits(struct transition *t, size_t run_memory_bytes, struct engine_limit *limit);
/* Terminate the run, which is open; the caller hears of it (t->reply_err). */
void engine_end_for_limit(struct transition *t, const struct engine_limit *limit);

/* t->run is a fresh run_new(): writes WorkflowExecutionStarted and WorkflowTaskScheduled. A request
 * for eager execution starts that task at once for the client: t->started. */
MUST_USE enum err engine_start(struct transition *t, const struct engine_start *start);

/* A repeated start that asked for the first workflow task with its answer: sets t->started while
 * that task is still with the client. */
void engine_start_again(struct transition *t);

/* The response for a run that a repeated start meets. */
struct slice engine_start_reply(struct arena *arena, const char *run_id, const char *first_run_id,
                                struct slice namespace_name, struct slice workflow_id,
                                int32_t status, bool started);

/* The response of SignalWithStart for the run that got the signal. */
struct slice engine_signal_with_start_reply(struct arena *arena, const struct run *run,
                                            const char *request_id, bool started);

/* -- from outside (external.c) -------------------------------------------------------------- */

MUST_USE enum err engine_signal(struct transition *t,
                                const api_signal_workflow_execution_request *request);
/* The signal of a SignalWithStart that meets an open run: a delayed start is hastened. */
MUST_USE enum err engine_signal_at_once(struct transition *t,
                                        const api_signal_workflow_execution_request *request);
MUST_USE enum err
engine_request_cancel(struct transition *t,
                      const api_request_cancel_workflow_execution_request *request);
MUST_USE enum err engine_terminate(struct transition *t,
                                   const api_terminate_workflow_execution_request *request);
/* The current run makes room for a new one (START_TERMINATE_EXISTING). */
MUST_USE enum err engine_terminate_for_new_run(struct transition *t, const char *new_run_id);

/* An open run that is to be deleted ends first. */
MUST_USE enum err engine_terminate_for_deletion(struct transition *t);

/* -- workflow tasks (workflow_task.c, wft_completed.c, commands.c) --------------------------- */

/* Record the start for a poll. ERR_STALE: no such scheduled task (refuse the match). A repeat with
 * the same poll id gives the same response again. Sets t->started. */
MUST_USE enum err engine_start_workflow_task(struct transition *t, const struct rpc_task *task,
                                             const struct rpc_poll *poll,
                                             const api_poll_workflow_task_queue_request *request);
/* Commits; a bad command or an unhandled one sets t->reply_err. Sets t->wft_completed. With
 * return_new_workflow_task the next task is started inline: t->started. */
MUST_USE enum err
engine_respond_workflow_task_completed(struct transition *t, const struct task_token *token,
                                       api_respond_workflow_task_completed_request *request);
MUST_USE enum err
engine_respond_workflow_task_failed(struct transition *t, const struct task_token *token,
                                    const api_respond_workflow_task_failed_request *request);
/* No worker polls the sticky queue: offer the task on the normal queue. */
MUST_USE enum err engine_no_sticky_poller(struct transition *t, const struct rpc_task *task);
MUST_USE enum err engine_reset_sticky(struct transition *t);

/* A workflow task response for a direct query (nothing is recorded): the sticky worker gets only
 * what it has not seen. */
MUST_USE enum err engine_query_task(struct transition *t, const struct rpc_poll *poll,
                                    const struct task_token *token);

/* One command of a completed workflow task; activity.h's and timer's are in activity_commands.c
 * and timer_commands.c, the rest in commands.c. A bad command: ERR_INVALID, *cause (a
 * WORKFLOW_TASK_FAILED_CAUSE_*) and t->detail->text "BadXAttributes: ..." without side effect.
 * `command_task_id`: id of the WorkflowTaskCompleted event. */
struct update_messages; /* update_int.h */
struct command_context {
    int64_t completed_event_id;
    int32_t cause;
    bool terminate; /* with an error: past a size limit, the run is terminated */
    bool refuse;    /* with an error: the answer is malformed, the task stays with the worker */
    bool closing;   /* the command at hand closes the run */
    const char *past_limit; /* without an error: all would be past this limit, nothing is applied */
    const char *identity;
    struct update_messages *messages; /* of the answer; NULL: none */
};
typedef enum err (*engine_command_fn)(struct transition *t, struct command_context *ctx,
                                      const api_command *command);
enum err command_schedule_activity(struct transition *t, struct command_context *ctx,
                                   const api_command *command);
enum err command_request_cancel_activity(struct transition *t, struct command_context *ctx,
                                         const api_command *command);
enum err command_start_timer(struct transition *t, struct command_context *ctx,
                             const api_command *command);
enum err command_cancel_timer(struct transition *t, struct command_context *ctx,
                              const api_command *command);
enum err command_continue_as_new(struct transition *t, struct command_context *ctx,
                                 const api_command *command);
enum err command_start_child(struct transition *t, struct command_context *ctx,
                             const api_command *command);
enum err command_signal_external(struct transition *t, struct command_context *ctx,
                                 const api_command *command);
enum err command_request_cancel_external(struct transition *t, struct command_context *ctx,
                                         const api_command *command);
enum err command_modify_properties(struct transition *t, struct command_context *ctx,
                                   const api_command *command);
enum err command_record_marker(struct transition *t, struct command_context *ctx,
                               const api_command *command);
enum err command_schedule_nexus(struct transition *t, struct command_context *ctx,
                                const api_command *command);
enum err command_request_cancel_nexus(struct transition *t, struct command_context *ctx,
                                      const api_command *command);
enum err command_protocol_message(struct transition *t, struct command_context *ctx,
                                  const api_command *command);

/* The events of a pending task of a further attempt, or of a speculative one, which are not in the
 * history: Scheduled and, when it is started, Started, as repeated field 1 of History. Empty: there
 * are none. Changes nothing; needs no more of `t` than run, arena and limits. */
struct slice engine_transient_events(struct transition *t);
/* The started task reached no worker (NOT_DELIVERED): offer it again, without spending an attempt.
 * ERR_STALE: `token` is not that of the present start, or it is taken back already. */
MUST_USE enum err engine_unstart_workflow_task(struct transition *t,
                                               const struct task_token *token);

/* -- activities (activity_*.c) -------------------------------------------------------------- */

MUST_USE enum err engine_start_activity_task(struct transition *t, const struct rpc_task *task,
                                             const struct rpc_poll *poll);
/* The started task found nobody (NOT_DELIVERED): offer it again, without spending an attempt.
 * ERR_STALE: `token` is not that of the present start. */
MUST_USE enum err engine_unstart_activity_task(struct transition *t,
                                               const struct task_token *token);
/* The commands of a workflow task are carried out: activities that its worker asked to have at once
 * (request_eager_execution) are started for it and join `out`. `poll_id`: the start id of the
 * answered workflow task, so that a repeated answer gets the same tasks again. */
void engine_start_eager_activities(struct transition *t, uint64_t poll_id, struct slice identity,
                                   api_respond_workflow_task_completed_response *out);
MUST_USE enum err
engine_respond_activity_completed(struct transition *t, const struct task_token *token,
                                  const api_respond_activity_task_completed_request *request);
MUST_USE enum err
engine_respond_activity_failed(struct transition *t, const struct task_token *token,
                               const api_respond_activity_task_failed_request *request);
MUST_USE enum err
engine_respond_activity_canceled(struct transition *t, const struct task_token *token,
                                 const api_respond_activity_task_canceled_request *request);
MUST_USE enum err
engine_record_heartbeat(struct transition *t, const struct task_token *token,
                        const api_record_activity_task_heartbeat_request *request);
/* The run closed. Nobody gets its activities any more: their tasks go, what was pending stays to be
 * described. Timers are gone with their rows. */
void engine_withdraw_activities(struct transition *t);
void engine_drop_timers(struct transition *t);

/* -- other executions (effects.c): see common/rpc/effect.h ------------------------------------ */

/* Target side: carry out SIGNAL, CANCEL, CHILD_CLOSED or PARENT_CLOSED on the run that the effect
 * names, open or closed. A refusal is an outcome (`failed`, with the API's cause), not an error.
 * ERR_BUSY: not yet (a child closed before its start was recorded): to be asked again. */
MUST_USE enum err engine_effect_apply(struct transition *t, const struct rpc_effect *effect,
                                      struct rpc_effect_outcome *outcome);
/* Source side: the outcome of an effect of this run, open or closed by now: writes the events,
 * drops the row, may ask for more (a child that started after its parent closed). A repeat, or an
 * effect that the run does not wait for, only drops the row. */
MUST_USE enum err engine_effect_answered(struct transition *t, const struct rpc_effect *effect,
                                         const struct rpc_effect_outcome *outcome);

/* -- time ----------------------------------------------------------------------------------- */

/* The next moment at which anything of this run is due; 0: never. It may be earlier than what the
 * deadline row can say (run->deadline_row_ns): a speculative task's time-out lives in memory only.
 */
int64_t engine_deadline_ns(const struct run *run);
/* Carry out everything that is due at t->now_ns (possibly nothing). Order: workflow time-out
 * first, then workflow task, activities, timers, each by due time. */
MUST_USE enum err engine_fire(struct transition *t);
void engine_fire_activities(struct transition *t); /* activity_timeout.c */
void engine_fire_timers(struct transition *t);     /* timer_fire.c */

/* -- looking -------------------------------------------------------------------------------- */

/* DescribeWorkflowExecutionResponse. */
struct slice engine_describe(struct run *run, struct arena *arena, int64_t now_ns);
void engine_describe_activities(struct run *run, struct arena *arena, int64_t now_ns,
                                api_describe_workflow_execution_response *out);
/* Spec: a text in quotes as the reference's language prints it, as far as it can be printed. */
const char *engine_quoted(struct arena *arena, struct slice text);
/* WorkflowExecutionInfo, as List shows it. */
struct slice engine_execution_info(const struct run *run, struct arena *arena);

#endif
