/* play.h - what a worker makes of a script: a view of the run from its events, and what to do next.
 */
#ifndef GNOMON_SIM_PLAY_H
#define GNOMON_SIM_PLAY_H

#include "tests/sim/script.h"

enum { ACTIVITY_BITS = SCRIPT_STEPS * STEP_ACTIVITIES, TIMER_BITS = SCRIPT_STEPS * STEP_TIMERS };

struct view { /* what a worker knows of a run, from its events */
    struct map_node node;
    char run_id[UUID_TEXT_LEN + 1];
    int64_t last_event_id;
    uint32_t generation, carried, signals;
    int64_t scheduled[ACTIVITY_BITS]; /* event ids; 0: not */
    bool ended[ACTIVITY_BITS];
    bool timer_started[TIMER_BITS], timer_fired[TIMER_BITS];
    bool cancel_requested;
    bool child_initiated, child_started, child_ended;
    uint32_t signals_initiated, signals_answered; /* to the child */
    int64_t completed_event_id;                   /* of the last workflow task that was completed */
    int64_t update_admitted[SCRIPT_UPDATES];      /* by an event, as a reset does; 0: not */
    bool update_accepted[SCRIPT_UPDATES], update_completed[SCRIPT_UPDATES];
    bool unsure; /* of what was seen last: the task that showed it is not known to be completed */
};

struct decision {
    api_command *commands[STEP_ACTIVITIES + STEP_TIMERS + SCRIPT_SIGNALS + 1 + 2 * SCRIPT_UPDATES];
    size_t count;
    api_message *messages[2 * SCRIPT_UPDATES];
    size_t message_count;
};

/* The step (times STEP_ACTIVITIES) and place of an activity by its id; -1: not a script's. */
int play_activity_bit(const char *id);
/* One more event of the run. */
void play_event(struct sim *sim, struct view *view, const struct sim_script *script,
                const api_history_event *event);
/* The commands of a workflow task that has shown all of `view`. */
void play_decide(struct sim *sim, struct decision *d, const struct view *view,
                 const struct sim_script *script);

/* -- updates.c -- */
/* false: an event of another sort. */
bool user_updates_event(struct sim *sim, struct view *view, const struct sim_script *script,
                        const api_history_event *event);
/* The messages for the updates that came with the task, and for those that are to be completed. */
void user_updates_answer(struct sim *sim, struct decision *d, const struct view *view,
                         const struct sim_script *script,
                         const api_poll_workflow_task_queue_response *task);

#endif
