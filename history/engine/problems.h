/* problems.h - workflow tasks that fail or time out again and again: the search attribute
 * TemporalReportedProblems. */
#ifndef GNOMON_PROBLEMS_H
#define GNOMON_PROBLEMS_H

#include "history/engine/transition.h"

/* The next attempt's failure is reported with this cause, until another one is written into the
 * history: a failed task's cause, or the type of a time-out. */
void run_note_task_failed(struct run *run, int32_t cause);
void run_note_task_timed_out(struct run *run, int32_t timeout_type);

/* An attempt has ended badly and counts: at the limit the attribute appears. */
void run_count_problem(struct transition *t);
/* A task completed: the attribute goes. */
void run_forget_problems(struct transition *t);

/* The attribute as a run shows it; NULL: none. */
api_payload *run_reported_problems(const struct run *run, struct arena *arena);

#endif
