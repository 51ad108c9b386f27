/* opener_test.c - jobs run elsewhere, end on their loop, and can be taken back while they wait. */
#include "history/opener.h"

#include "tests/lib/test.h"

#include <pthread.h>
#include <semaphore.h>

enum { JOBS = 20 };

struct rig {
    struct loop *loop;
    struct opener *opener;
    sem_t gate, begun;
    size_t done;
};

struct work {
    struct rig *rig;
    struct opener_job job;
    bool waits, ran;
};

static void run(void *arg)
{
    struct work *work = arg;

    check(!loop_is_current(work->rig->loop));
    if (work->waits) {
        sem_post(&work->rig->begun);
        sem_wait(&work->rig->gate);
    }
    work->ran = true;
}

static void done(void *arg)
{
    struct work *work = arg;

    check(loop_is_current(work->rig->loop));
    check(work->ran);
    if (++work->rig->done == JOBS)
        loop_stop(work->rig->loop);
}

static void make(struct work *work, struct rig *rig)
{
    *work = (struct work){.rig = rig};
    work->job =
        (struct opener_job){.loop = rig->loop, .run = run, .done = {.run = done, .arg = work}};
}

TEST(opener_runs_elsewhere_and_ends_on_the_loop)
{
    struct rig rig = {.loop = loop_new("test"), .opener = opener_new(2)};
    struct work works[JOBS];

    for (size_t i = 0; i < JOBS; i++) {
        make(&works[i], &rig);
        opener_post(rig.opener, &works[i].job);
    }
    loop_run(rig.loop);
    check_i64(rig.done, JOBS);
    check(!opener_remove(rig.opener, &works[0].job));
    opener_free(rig.opener);
    loop_free(rig.loop);
}

TEST(opener_gives_back_what_waits)
{
    struct rig rig = {.loop = loop_new("test"), .opener = opener_new(1), .done = JOBS - 1};
    struct work first, second;

    check(sem_init(&rig.gate, 0, 0) == 0 && sem_init(&rig.begun, 0, 0) == 0);
    make(&first, &rig);
    make(&second, &rig);
    first.waits = true;
    opener_post(rig.opener, &first.job);
    sem_wait(&rig.begun);
    opener_post(rig.opener, &second.job);
    check(!opener_remove(rig.opener, &first.job)); /* it runs */
    check(opener_remove(rig.opener, &second.job));
    sem_post(&rig.gate);
    loop_run(rig.loop);
    check(!second.ran);
    opener_free(rig.opener);
    loop_free(rig.loop);
    sem_destroy(&rig.gate);
    sem_destroy(&rig.begun);
}
