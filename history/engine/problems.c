/* problems.c - see problems.h. Spec: the reference names what was last written into the history,
 * the cause by its name in Go. */
#include "history/engine/problems.h"

#include "history/engine/attributes.h"
#include "history/engine/engine_int.h"

/* What a problem is, in one number: the kind above, the cause or type below. */
enum { KIND_FAILED = 1, KIND_TIMED_OUT = 2, KIND_SHIFT = 16, CAUSE_MASK = 0xffff };

static void note(struct run *run, int32_t kind, int32_t cause)
{
    run->last_problem = kind << KIND_SHIFT | (cause & CAUSE_MASK);
    run->dirty = true;
}

void run_note_task_failed(struct run *run, int32_t cause)
{
    note(run, KIND_FAILED, cause);
}

void run_note_task_timed_out(struct run *run, int32_t timeout_type)
{
    note(run, KIND_TIMED_OUT, timeout_type);
}

void run_count_problem(struct transition *t)
{
    struct run *run = t->run;
    const int32_t limit = t->limits->task_problems_to_report;

    if (run->problem_count < INT32_MAX)
        run->problem_count++;
    run->dirty = true;
    if (limit <= 0 || run->problem_count < limit || run->shown_problem == run->last_problem)
        return;
    run->shown_problem = run->last_problem;
    t->visibility_changed = true;
}

void run_forget_problems(struct transition *t)
{
    struct run *run = t->run;

    run->problem_count = 0;
    if (run->shown_problem == 0)
        return;
    run->shown_problem = run->last_problem = 0;
    run->dirty = true;
    t->visibility_changed = true;
}

api_payload *run_reported_problems(const struct run *run, struct arena *arena)
{
    const int32_t kind = run->shown_problem >> KIND_SHIFT;
    const int32_t cause = run->shown_problem & CAUSE_MASK;
    struct buf list;

    if (run->shown_problem == 0)
        return NULL;
    const bool failed = kind == KIND_FAILED;
    const char *name =
        failed ? engine_enum_name(arena,
                                  &temporal__api__enums__v1__workflow_task_failed_cause__descriptor,
                                  "WORKFLOW_TASK_FAILED_CAUSE_", cause)
               : engine_enum_name(arena, &temporal__api__enums__v1__timeout_type__descriptor,
                                  "TIMEOUT_TYPE_", cause);
    const char *what = failed ? "WorkflowTaskFailed" : "WorkflowTaskTimedOut";
    buf_init(&list, 0);
    buf_printf(&list, "[\"category=%s\",\"cause=%sCause%s\"]", what, what, name);
    must(buf_ok(&list));
    api_payload *payload = attribute_payload(arena, "KeywordList", buf_slice(&list));
    buf_release(&list);
    return payload;
}
