/* counting.c - see counting.h. */
#include "matching/counting.h"

#include <stdlib.h>

enum { COUNT_TIMEOUT_MS = 5000 };

struct count_job {
    struct list node;
    struct counting *counting;
    uint32_t left; /* answers to come */
    enum err err;
    struct matching_backlogs backlogs;
    counting_done_fn done;
    void *arg;
};

/* One question of a job. */
struct count_asked {
    struct count_job *job;
    enum rpc_task_kind kind;
};

void counting_init(struct counting *counting, struct mesh_port *port, uint32_t history_shards)
{
    *counting = (struct counting){.port = port, .history_shards = history_shards};
    list_init(&counting->jobs);
}

static void job_free(struct count_job *job)
{
    list_remove(&job->node);
    job->counting->job_count--;
    free(job);
}

void counting_release(struct counting *counting)
{
    while (!list_empty(&counting->jobs)) {
        struct count_job *job = CONTAINER_OF(counting->jobs.next, struct count_job, node);

        free(job->arg);
        job_free(job);
    }
}

static void on_counted(void *arg, enum err err, const struct err_detail *detail, struct slice body)
{
    struct count_asked *asked = arg;
    struct count_job *job = asked->job;
    struct rpc_task_counts counts;
    struct arena arena;

    UNUSED(detail);
    arena_init(&arena);
    if (err == ERR_OK)
        err = rpc_task_counts_decode(&arena, body, &counts);
    arena_release(&arena);
    if (err == ERR_OK)
        rpc_task_counts_add(&job->backlogs.counts[asked->kind], &counts);
    else if (job->err == ERR_OK)
        job->err = err_may_retry(err) ? ERR_UNAVAILABLE : err;
    free(asked);
    must(job->left > 0);
    if (--job->left > 0)
        return;
    job->done(job->arg, job->err, job->err == ERR_OK ? &job->backlogs : NULL);
    job_free(job);
}

static void ask(struct count_job *job, const struct matching_wanted *wanted,
                enum rpc_task_kind kind)
{
    const struct rpc_pull_tasks queue = {
        .kind = kind, .namespace_id = wanted->namespace_id, .task_queue = wanted->name};
    struct buf body;

    buf_init(&body, 0);
    rpc_pull_tasks_encode(&queue, &body);
    must(buf_ok(&body));
    const struct slice bytes = buf_slice(&body);
    job->backlogs.known[kind] = true;
    for (uint32_t shard = 0; shard < job->counting->history_shards; shard++) {
        struct count_asked *asked = calloc(1, sizeof *asked);

        must(asked != NULL);
        asked->job = job;
        asked->kind = kind;
        job->left++;
        mesh_call(job->counting->port, MESH_SHARD(ROLE_HISTORY, shard), METHOD_HISTORY_COUNT_TASKS,
                  &bytes, 1, COUNT_TIMEOUT_MS, on_counted, asked);
    }
    buf_release(&body);
}

enum err counting_begin(struct counting *counting, const struct matching_wanted *wanted,
                        counting_done_fn done, void *arg)
{
    if (!wanted->kinds[TASK_WORKFLOW] && !wanted->kinds[TASK_ACTIVITY])
        return ERR_STALE;
    if (counting->job_count >= COUNTING_MAX)
        return ERR_BUSY;
    struct count_job *job = calloc(1, sizeof *job);
    must(job != NULL);
    job->counting = counting;
    job->done = done;
    job->arg = arg;
    list_push_back(&counting->jobs, &job->node);
    counting->job_count++;
    for (int kind = TASK_WORKFLOW; kind <= TASK_ACTIVITY; kind++)
        if (wanted->kinds[kind])
            ask(job, wanted, (enum rpc_task_kind)kind);
    return ERR_OK;
}
