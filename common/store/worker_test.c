/* worker_test.c - order, delays on a fake clock, removal; and cancelling a job that runs. */
#include "common/store/worker.h"

#include "tests/lib/test.h"

#include <pthread.h>
#include <stdatomic.h>

struct note {
    struct timed_job timed;
    struct worker *again; /* post itself once more */
    char letter, *text;
};

static void write_note(struct job *job)
{
    struct note *note = CONTAINER_OF(CONTAINER_OF(job, struct timed_job, job), struct note, timed);
    const size_t len = strlen(note->text);

    note->text[len] = note->letter;
    note->text[len + 1] = '\0';
    if (note->again)
        worker_post(note->again, job);
    note->again = NULL;
}

TEST(worker_runs_in_order_and_never_early)
{
    char text[16] = "";
    struct fake_clock clock;
    struct note notes[3];

    fake_clock_init(&clock, NS_PER_S);
    struct worker *w = worker_new("test", 0, &clock.clock);
    for (size_t i = 0; i < 3; i++) {
        notes[i] = (struct note){.letter = (char)('a' + i), .text = text};
        timed_job_init(&notes[i].timed, write_note);
    }
    worker_post(w, &notes[1].timed.job);
    worker_post(w, &notes[0].timed.job);
    worker_post(w, &notes[1].timed.job); /* waits already */
    worker_post_after(w, &notes[2].timed, 10);
    worker_post_after(w, &notes[2].timed, 20); /* the earlier one stands */
    notes[0].again = w;
    while (worker_step(w))
        continue;
    check_str(text, "baa");
    clock.now_ns += 10 * NS_PER_MS - 1;
    check(!worker_step(w));
    clock.now_ns += 1;
    check(worker_step(w));
    check_str(text, "baac");
    worker_post(w, &notes[0].timed.job);
    check(worker_remove(w, &notes[0].timed.job));
    check(!worker_remove(w, &notes[0].timed.job));
    worker_post_after(w, &notes[0].timed, 0);
    worker_cancel_timed(w, &notes[0].timed);
    check(!worker_step(w));
    check_i64(worker_next_ns(w), INT64_MAX);
    worker_post_after(w, &notes[0].timed, 30);
    check_i64(worker_next_ns(w), clock.now_ns + 30 * NS_PER_MS);
    worker_post(w, &notes[1].timed.job);
    check_i64(worker_next_ns(w), clock.now_ns);
    check(worker_step(w));
    worker_cancel_timed(w, &notes[0].timed);
    worker_free(w);
}

struct slow {
    struct job job;
    struct worker *worker;
    atomic_int runs;
};

static void run_slow(struct job *job)
{
    struct slow *slow = CONTAINER_OF(job, struct slow, job);

    atomic_fetch_add(&slow->runs, 1);
    worker_post(slow->worker, job); /* for ever, until it is cancelled */
}

TEST(worker_cancel_waits_for_a_job_that_posts_itself)
{
    struct slow slow = {.worker = worker_new("test", 2, &clock_real)};

    job_init(&slow.job, run_slow);
    for (int round = 0; round < 20; round++) {
        atomic_store(&slow.runs, 0);
        worker_post(slow.worker, &slow.job);
        while (atomic_load(&slow.runs) < 10)
            sched_yield();
        worker_cancel(slow.worker, &slow.job);
        const int runs = atomic_load(&slow.runs);
        check_i64(slow.job.state, JOB_IDLE);
        check_i64(atomic_load(&slow.runs), runs);
    }
    worker_free(slow.worker);
}
