/* shown_test.c - what lists show of a run, compared with the run: made of it, then one of both is
 * changed. */
#include "admin/check/shown.h"

#include "api.h"
#include "history/engine/engine.h"
#include "tests/lib/test.h"

#include <stdio.h>

struct bed {
    struct arena arena;
    struct run *run;
    struct slice info;
};

static void setup(struct bed *bed)
{
    arena_init(&bed->arena);
    bed->run = run_new();
    bed->run->workflow_id = SLICE_LIT("wf");
    bed->run->workflow_type = SLICE_LIT("type");
    bed->run->task_queue = SLICE_LIT("queue");
    snprintf(bed->run->run_id, sizeof bed->run->run_id, "0190c1f2-0000-7000-8000-000000000001");
    bed->run->status = WORKFLOW_EXECUTION_STATUS_RUNNING;
    bed->run->start_ns = bed->run->execution_ns = 1000 * NS_PER_S;
    bed->run->next_event_id = 4;
    bed->run->state_transition_count = 2;
}

static void show(struct bed *bed)
{
    bed->info = engine_execution_info(bed->run, &bed->arena);
}

static const char *other(struct bed *bed)
{
    const char *what = "";

    return shown_is_run(bed->run, bed->info, &bed->arena, &what) ? "nothing" : what;
}

static void end(struct bed *bed)
{
    run_free(bed->run);
    arena_release(&bed->arena);
}

TEST(test_an_open_run_is_shown_as_it_is_but_for_its_counts)
{
    struct bed bed;

    setup(&bed);
    show(&bed);
    check_str(other(&bed), "nothing");
    bed.run->next_event_id++;
    bed.run->state_transition_count++;
    check_str(other(&bed), "nothing");
    bed.run->execution_ns++;
    check_str(other(&bed), "execution_time");
    bed.run->execution_ns--;
    bed.run->status = WORKFLOW_EXECUTION_STATUS_PAUSED;
    check_str(other(&bed), "status");
    end(&bed);
}

TEST(test_bytes_of_a_memo_and_of_search_attributes_count)
{
    static const uint8_t memo[] = {10, 2, 10, 0};
    struct bed bed;

    setup(&bed);
    show(&bed);
    bytes_set(&bed.run->memo, slice_of(memo, sizeof memo));
    check_str(other(&bed), "memo");
    show(&bed);
    check_str(other(&bed), "nothing");
    bytes_set(&bed.run->search_attributes, slice_of(memo, sizeof memo));
    check_str(other(&bed), "search_attributes");
    end(&bed);
}

TEST(test_a_closed_run_may_count_steps_on)
{
    struct bed bed;

    setup(&bed);
    bed.run->status = WORKFLOW_EXECUTION_STATUS_COMPLETED;
    bed.run->close_ns = 1001 * NS_PER_S;
    show(&bed);
    bed.run->state_transition_count++;
    check_str(other(&bed), "nothing");
    bed.run->state_transition_count -= 2;
    check_str(other(&bed), "state_transition_count");
    bed.run->state_transition_count++;
    bed.run->next_event_id++;
    check_str(other(&bed), "history_length");
    end(&bed);
}
