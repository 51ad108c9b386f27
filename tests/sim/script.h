/* script.h - what a workflow of the simulation does, foreseen by its seed; and what users saw. */
#ifndef GNOMON_SIM_SCRIPT_H
#define GNOMON_SIM_SCRIPT_H

#include "api.h"
#include "common/proto/wire.h"
#include "tests/sim/sim.h"

enum {
    SCRIPT_STEPS = 5,
    STEP_ACTIVITIES = 3,
    STEP_TIMERS = 2,
    SCRIPT_SIGNALS = 5,
    SCRIPT_UPDATES = 3
};
#define SIM_QUEUE "queue"
#define SIM_CRON "@every 1s"

struct script_activity {
    int32_t fails;        /* attempts that fail before one completes */
    int32_t attempts_max; /* 0: any number */
    bool heartbeat;
    int64_t work_ns;
};

/* A step begins all that it has at once, and is over when all of it is. */
struct script_step {
    uint32_t activity_count, timer_count;
    struct script_activity activities[STEP_ACTIVITIES];
    int64_t timer_ns[STEP_TIMERS];
    uint32_t signals; /* so many have come by its end, since the first run */
};

/* How a run is followed by the next one. */
enum chain { CHAIN_CONTINUES, CHAIN_RETRIES, CHAIN_CRON };

/* What a worker does about an update. */
enum update_kind { UPDATE_IS_QUICK, UPDATE_IS_SLOW, UPDATE_IS_REJECTED };

struct sim_script {
    struct sim *sim;
    const char *workflow_id;
    struct script_step steps[SCRIPT_STEPS];
    uint32_t step_count;
    enum chain chain;
    uint32_t
        generations; /* runs: all but the last continue as new, fail and are retried, or complete
                        and come again by their cron schedule, which the last one cancels */
    uint32_t resets; /* that clients ask for, of a workflow that is one run but for them */
    uint32_t resets_open;     /* that are not answered */
    const char *reset_run_id; /* of the last one that was; NULL: none */
    uint32_t signals;         /* that clients send */
    uint32_t updates;         /* that clients ask for */
    enum update_kind update_kinds[SCRIPT_UPDATES];
    int64_t delay_ns;                             /* of the first task; 0: none */
    int64_t run_timeout_ns, execution_timeout_ns; /* 0: none */
    bool times_out;          /* its last step waits for what never comes: a time-out ends it */
    bool starts_with_update; /* the first of its updates comes with the start */
    uint32_t pauses;         /* of the workflow, by operators */
    uint32_t operations;     /* of operators on its activities */
    bool resets_activities;  /* some of these begin attempts anew */
    bool hastened; /* by a signal with start, which does not wait for the first task's time */
    bool starts_with_signal; /* the first of them comes with the start */
    bool fails;              /* the last run fails, it does not complete */
    bool obeys_cancel;
    struct sim_script *parent; /* NULL: a client starts it; else a step of its parent, which also
                                  sends the signals */
    struct sim_script *child;  /* NULL: none */
    uint32_t child_step;
    bool child_waited;                         /* its end is awaited, not only its start */
    int32_t child_policy;                      /* what becomes of it when the parent ends first */
    int64_t start_ns, cancel_ns, terminate_ns; /* after the start; 0: not */
    /* what its clients saw */
    const char *run_id; /* of the first run, acknowledged; NULL: not yet */
    const char *waited_run_id;
    bool signaled[SCRIPT_SIGNALS]; /* acknowledged */
    bool cancel_sent, terminate_sent, closed;
    int32_t close_type;     /* of the closing event of the last run */
    uint32_t asked_in_vain; /* a child that is not there */
};

struct sim_script *script_find(struct sim *sim, const char *workflow_id);

/* A fact about the world that users know: counted under a name. */
struct fact {
    struct map_node node;
    uint64_t count;
    int64_t first_ns;
};
struct fact *fact_get(struct sim *sim, const char *format, ...) PRINTF_LIKE(2, 3);
bool fact_known(struct sim *sim, const char *name);

/* -- small messages, in the sim's arena -- */
void *sim_message(struct sim *sim, const ProtobufCMessageDescriptor *desc);
char *sim_str(struct sim *sim, const char *text);
api_payloads *sim_payloads(struct sim *sim, const char *text);
/* The text of the first payload, in the scratch arena; "" without one. */
const char *sim_payload_text(struct sim *sim, const api_payloads *payloads);
api_common_workflow_execution *sim_execution(struct sim *sim, const char *workflow_id,
                                             const char *run_id);
api_task_queue *sim_task_queue(struct sim *sim, const char *name, const char *sticky_of);
/* Decode in the scratch arena; must succeed. */
void *sim_decode(struct sim *sim, const ProtobufCMessageDescriptor *desc, struct slice bytes);

/* -- updates (updates.c) -- */
void user_updates_begin(struct sim_script *script);
void user_updates_check_event(struct sim *sim, const char *run_id, const api_history_event *event);
void user_updates_check(struct sim *sim);

/* -- resets (resets.c) -- */
void user_resets_begin(struct sim_script *script);
/* Did a reset end this run? */
bool user_reset_ended(const api_history_event *event);

/* -- operators (operators.c) -- */
void user_operators_begin(struct sim_script *script);

/* An update with its start (updates.c): the request that is to come with it. */
api_update_workflow_execution_request *user_update_of_start(struct sim_script *script);

/* How its runs are to be followed, where that is not their own doing (script.c). */
api_retry_policy *script_retry_policy(const struct sim_script *script); /* NULL: not */
char *script_cron(const struct sim_script *script);                     /* "": not */

/* -- users that ask again, as SDKs do, with the same request (client.c) -- */
bool user_retries(enum err err);
/* Until the answer is a definite one; never while *alive is false, and then `done` never comes. */
void user_ask(struct sim *sim, const bool *alive, const struct sim_ask *ask, gateway_fn done,
              void *arg);

#endif
