/* engine_int.h - what the files of the engine share among themselves. */
#ifndef GNOMON_ENGINE_INT_H
#define GNOMON_ENGINE_INT_H

#include "history/engine/engine.h"
#include "history/engine/transition.h"

#define ENGINE_IDENTITY "history-service" /* of events that the server itself causes */

enum {
    PRIORITY_DEFAULT = 3,
};

/* -- messages (transition.c) ----------------------------------------------------------------- */

/* An initialised message in the arena. */
void *engine_message(struct arena *arena, const ProtobufCMessageDescriptor *desc);
/* Decode bytes of ours (of a row, of the run) into the arena; NULL: malformed. */
void *engine_decode(struct arena *arena, const ProtobufCMessageDescriptor *desc,
                    struct slice bytes);
/* An event with empty attributes, which are given back. */
void *engine_event(struct transition *t, int32_t type, api_history_event **event);
/* The attributes of any event; NULL when it has none. */
void *engine_event_attributes(const api_history_event *event);
api_payloads *engine_payloads_of_text(struct arena *arena, const char *text);
/* The events of a history node or of the buffer: repeated field 1 of History. NULL: malformed. */
api_history_event **engine_decode_events(struct arena *arena, struct slice events, size_t *count);
/* The short name of an enum value: "UnhandledCommand". */
const char *engine_enum_name(struct arena *arena, const ProtobufCEnumDescriptor *desc,
                             const char *prefix, int32_t value);

/* -- run (run.c, close.c) -------------------------------------------------------------------- */

void run_signal_request_add(struct run *run, struct slice request_id, int64_t at_ns, bool dirty);
/* `to` continues `from`: a client may send a signal again whose answer it did not get, and it must
 * not count twice. So the ids of the last two minutes go along, at most the last thousand. */
void run_signal_requests_carry(const struct run *from, struct run *to, int64_t now_ns);
int32_t run_priority(const struct run *run);
/* The part of a Priority by which tasks share a queue; a key of the run is in the arena. */
struct rpc_fairness priority_fairness(const char *key, float weight);
struct rpc_fairness run_fairness(const struct run *run, struct arena *arena);
int64_t run_expiry_ns(const struct run *run); /* of this run; 0: never */
/* A link to the event that a request made in this run. */
api_common_link *engine_link_to_request(struct transition *t, const char *request_id,
                                        int32_t event_type);
api_common_link *run_link_to_request(struct arena *arena, const struct run *run,
                                     const char *request_id, int32_t event_type);
/* The links of a start but for those that its callbacks carry; *out in the arena. */
size_t links_beyond_callbacks(struct arena *arena,
                              const api_start_workflow_execution_request *request,
                              api_common_link ***out);
/* Into the run's Started event: the links of its start. */
void run_start_links(struct transition *t, api_history_event *started);
/* The close event was written: the run has ended, with all that was pending. */
void run_close(struct transition *t, int32_t status);
/* Terminate: fails a started workflow task first. */
void run_terminate(struct transition *t, const char *reason, api_payloads *details,
                   const char *identity, size_t link_count, api_common_link **links);
/* The run has ended with t->last_event: what its parent, children and others are to know or not. */
void run_close_relations(struct transition *t);
/* The child gets what its parent close policy says; `first_run_id` of its chain of runs. */
struct child;
void run_close_child(struct transition *t, const struct child *child, struct slice first_run_id);
/* As engine_signal(), engine_request_cancel(); `source`: the execution that asks (NULL: a client),
 * `initiated_id` its event. */
enum err run_signal(struct transition *t, const api_signal_workflow_execution_request *request,
                    api_common_workflow_execution *source);
enum err run_request_cancel(struct transition *t,
                            const api_request_cancel_workflow_execution_request *request,
                            api_common_workflow_execution *source, int64_t initiated_id);
/* `added` (NULL: nothing) over the run's memo. `arena` is scratch. */
void run_merge_memo(struct run *run, struct arena *arena, const api_memo *added);
/* Into a Started event: the run's parent and root. */
void run_started_relations(struct transition *t,
                           api_workflow_execution_started_event_attributes *started);
/* A reset begins the run anew, whose events so far are those of another: its times count from now,
 * and what was scheduled is scheduled now. */
void run_begin_anew(struct run *run, int64_t now_ns);
/* What a run that another may follow (retry policy, cron) needs of its Started event. */
void run_keep_start(struct run *run, struct arena *arena,
                    const api_workflow_execution_started_event_attributes *started);
/* The run has used up its time. */
void run_time_out(struct transition *t);
/* A history past its limits is terminated, and the caller is told (reply_err). true: it was. */
bool run_enforce_limits(struct transition *t);
/* The same before a step that would write `events` events: it is not to be carried out then. */
bool run_meets_limits(struct transition *t, int64_t events);
/* The same of events that wait for a workflow task: they count with the one that they ask for, as
 * long as it is not there. */
bool run_meets_limits_by(struct transition *t, int64_t events);
/* The same of the end of an attempt at the workflow task, which is started. */
bool run_meets_limits_by_task(struct transition *t);
/* Which limit it is past, or would be with `events` more; NULL: none. Ending it for that gives
 * true. */
const char *run_past_limits(const struct transition *t, int64_t events);
/* The same of what the run keeps beside its history; `run_memory_bytes` as it is for
 * engine_check_limits(). */
const char *run_past_state_limit(const struct transition *t, size_t run_memory_bytes);
bool run_end_for_limit(struct transition *t, const char *reason);

/* -- the run after a run (continue.c, chain.c) ----------------------------------------------- */

struct continuing {
    const api_continue_as_new_workflow_execution_command_attributes *in;
    struct slice priority; /* where it follows: the one that the run started with */
    api_workflow_type *type;
    api_task_queue *task_queue;
    int64_t run_timeout_ns, task_timeout_ns, backoff_ns;
    char run_id[UUID_TEXT_LEN + 1]; /* of the new run */
    bool follows;                   /* by retry or cron, not by the worker's command */
    bool no_run_timeout;            /* as in its first run, the Started event shows none */
};
/* The run has closed: t->next begins. */
void run_begin_next(struct transition *t, const struct continuing *c);

/* Whether another run follows the one that this event ends. */
bool event_continues(const api_history_event *closing);

/* What comes after a run that completes, fails or times out. */
struct chain_next {
    int32_t initiator;              /* CONTINUE_AS_NEW_INITIATOR_UNSPECIFIED: nothing */
    int32_t retry_state;            /* why it is not tried again; IN_PROGRESS: it is */
    int64_t backoff_ns;             /* before the first workflow task of the next run */
    char run_id[UUID_TEXT_LEN + 1]; /* of the next run; empty: there is none */
};
/* `failure` NULL: it completed. */
struct chain_next chain_decide(struct transition *t, const api_failure_failure *failure);
/* After run_close(): begins the next run, if there is to be one. */
void chain_follow(struct transition *t, const struct chain_next *next, api_payloads *result,
                  api_failure_failure *failure);

/* A mark to return to while the commands of a task are tried. */
struct run_mark;
struct run_mark *run_mark(struct transition *t,
                          const api_respond_workflow_task_completed_request *request);
void run_return_to(struct transition *t, const struct run_mark *mark);

/* -- workflow tasks (workflow_task.c) -------------------------------------------------------- */

struct wft_start {
    struct slice identity;
    api_worker_version_stamp *stamp;
    uint64_t poll_id;
    bool by_completion; /* started inline by the answer to the task before */
};
struct wft_failure {
    int32_t cause;
    api_failure_failure *failure;
    const char *identity;
    const char *binary_checksum;
    const char *base_run_id, *new_run_id; /* by a reset; NULL: it is none */
};
/* Schedule a task; none may be pending. `offer`: write its row (not when it starts at once).
 * `original_ns`: of the first of a chain of heartbeats; 0: it is the first. */
void wft_schedule(struct transition *t, bool offer, int64_t original_ns);
void wft_start(struct transition *t, const struct wft_start *start);
/* Whether a failure of that cause makes the next task a further attempt. */
bool wft_cause_counts(int32_t cause);
void wft_fail(struct transition *t, const struct wft_failure *failure);
void wft_time_out(struct transition *t, int32_t timeout_type);
/* Give the task a row, which is offered: it waits for a worker. */
void wft_offer(struct transition *t, bool sticky);
void wft_drop_row(struct transition *t);
/* The started task is with a worker (again): `start` says which. Draws a new start id. */
void wft_hand_out_anew(struct transition *t, const struct wft_start *start);
/* An undelivered task has waited for its sticky worker long enough: any may have it. false: it is
 * no such task. */
bool wft_leave_sticky_queue(struct transition *t);
void wft_flush_buffered(struct transition *t);
void wft_clear_sticky(struct run *run);
/* When the pending task is due to time out; 0: never. */
int64_t wft_deadline_ns(const struct run *run);
/* As engine_deadline_ns(), but for a speculative task: what the deadline row says. */
int64_t run_stored_deadline_ns(const struct run *run);

/* -- speculative workflow tasks (wft_speculative.c) ------------------------------------------- */

/* As wft_schedule(), in memory only; of attempt 1, and nothing may be buffered. */
void wft_schedule_speculative(struct transition *t, bool offer);
/* It was offered, and is to be offered once more: its answer reached nobody. */
void wft_offer_speculative_anew(struct transition *t);
/* Something is written: a speculative task is from now on a normal one. */
void wft_make_normal(struct transition *t);
/* The run ends: a speculative task that nobody started goes without a trace. */
void wft_forget_unstarted_speculative(struct transition *t);
/* The answer to a speculative task brings nothing that must be written. */
bool wft_is_droppable(const struct transition *t,
                      const api_respond_workflow_task_completed_request *request);
/* Events of a task that has none in the history: Scheduled; and with Started. */
void wft_write_scheduled(struct transition *t);
void wft_write_transient(struct transition *t, const char *identity,
                         api_worker_version_stamp *stamp);
/* The two events by themselves, of the task as it is. */
api_history_event *wft_scheduled_event(struct transition *t, int64_t when_ns);
api_history_event *wft_started_event(struct transition *t, const char *identity,
                                     api_worker_version_stamp *stamp);
struct started_workflow_task *wft_response(struct transition *t);
bool wft_token_matches(const struct run *run, const struct task_token *token);
bool wft_token_answered(const struct run *run, const struct task_token *token);
void wft_remember_answer(struct run *run, uint64_t start_id);

/* -- commands (commands.c) ------------------------------------------------------------------- */

/* ERR_INVALID: a bad sequence, nothing may be tried. */
enum err commands_check_sequence(struct transition *t, size_t count, api_command *const *commands);
enum err commands_run(struct transition *t, struct command_context *ctx, size_t count,
                      api_command *const *commands);
/* `cause` and "Cause: text" for a bad command. */
enum err command_bad(struct transition *t, struct command_context *ctx, int32_t cause,
                     const char *format, ...) PRINTF_LIKE(4, 5);
/* Attributes (NULL: none) that join `had_bytes` of others: past a limit is bad for `cause`. */
enum err command_search_sizes(struct transition *t, struct command_context *ctx, int32_t cause,
                              const api_search_attributes *attributes);
/* The worker did not see what has come since its task began: it must look before it closes. */
enum err command_unhandled(struct transition *t, struct command_context *ctx);
/* The same, and the run is terminated: past a size limit. */
enum err command_too_large(struct transition *t, struct command_context *ctx, int32_t cause,
                           const char *text);

#endif
