/* scaling.c - what the answer to a poll says about how many polls its worker should hold.
 *
 * A poll that waited long for a fresh task is one too many; where tasks wait, or come faster than
 * they go, there is one too few, said at most so many times a second and poller.
 * Spec: PollerScalingDecision; the reference's makePollerScalingDecisionImpl. */
#include "matching/matching_int.h"

enum outcome { IDLE, LIMITED, QUEUE_LIMITED, BACKLOG, TASK_RATE, OUTCOMES };

static const char *const outcome_labels[] = {
    [IDLE] = "decision=\"scale_down\",reason=\"idle\"",
    [LIMITED] = "decision=\"hold\",reason=\"rate_limited\"",
    [QUEUE_LIMITED] = "decision=\"hold\",reason=\"task_queue_rate_limited\"",
    [BACKLOG] = "decision=\"scale_up\",reason=\"backlog\"",
    [TASK_RATE] = "decision=\"scale_up\",reason=\"task_rate\"",
};

void scaling_init(struct matching *m)
{
    _Static_assert((int)OUTCOMES == (int)SCALING_OUTCOMES, "a counter for each");
    for (int i = 0; i < OUTCOMES; i++)
        m->scaling[i] = metrics_counter(m->o.metrics, "poller_scale_decision", outcome_labels[i]);
}

/* A bucket of one second's decisions; each costs less the more pollers there are. */
static bool may_decide(struct matching *m, struct queue *q, const struct dynconf_where *where,
                       int64_t now_ns)
{
    const double rate = dynconf_float_at(m->o.dynconf, DYNCONF_MATCHING_SCALING_DECISIONS, where);
    const double cost = 1.0 / (double)(q->pollers.count ? q->pollers.count : 1);
    struct scaling *s = &q->scaling;

    s->tokens += rate * (double)(now_ns - s->filled_ns) / (double)NS_PER_S;
    if (!(s->tokens <= rate)) /* full when it begins */
        s->tokens = rate;
    s->filled_ns = now_ns;
    if (s->tokens < cost)
        return false;
    s->tokens -= cost;
    return true;
}

/* Was it not handed out when it came? */
static bool has_waited(const struct queue *q, const struct task *task)
{
    return task->rpc.kind != TASK_QUERY && task->came_at != q->advances;
}

/* Does a task wait that is as old as that? The task in hand waits until it has started. */
static bool waits_since(const struct queue *q, const struct task *in_hand, int64_t wall_ns)
{
    if (has_waited(q, in_hand) && in_hand->rpc.created_wall_ns < wall_ns)
        return true;
    for (size_t i = 0; i < q->tasks.count; i++) {
        const struct task *task = CONTAINER_OF(q->tasks.nodes[i], struct task, order);

        if (task->rpc.kind != TASK_QUERY && task->rpc.created_wall_ns < wall_ns)
            return true;
    }
    return false;
}

static bool grows(const struct queue *q, double ratio, int64_t now_ns)
{
    const double added = tq_rates_per_second(q->added, -1, now_ns);
    const double dispatched = tq_rates_per_second(q->dispatched, -1, now_ns);

    return added > 0 && added > dispatched * ratio;
}

static enum outcome decide(struct matching *m, struct queue *q, const struct poll *poll,
                           const struct task *task, int64_t now_ns)
{
    const struct dynconf *dc = m->o.dynconf;
    const struct dynconf_where where = {.namespace_name = poll->rpc.namespace_name,
                                        .task_queue = q->name,
                                        .task_type = q->kind == TASK_ACTIVITY ? 2 : 1};

    if (!has_waited(q, task) &&
        now_ns - poll->since_ns >= dynconf_duration_at(dc, DYNCONF_MATCHING_SCALING_WAIT, &where))
        return IDLE;
    if (!may_decide(m, q, &where, now_ns))
        return LIMITED;
    if (tq_rate_was_up(q, now_ns))
        return QUEUE_LIMITED;
    const int64_t age_ns = dynconf_duration_at(dc, DYNCONF_MATCHING_SCALING_BACKLOG, &where);
    if (waits_since(q, task, clock_wall_ns(m->o.clock) - age_ns))
        return BACKLOG;
    if (grows(q, dynconf_float_at(dc, DYNCONF_MATCHING_SCALING_RATIO, &where), now_ns))
        return TASK_RATE;
    return OUTCOMES;
}

int32_t scaling_decision(struct matching *m, struct queue *q, const struct poll *poll,
                         const struct task *task, int64_t now_ns)
{
    const struct dynconf_where where = {.namespace_name = poll->rpc.namespace_name,
                                        .task_queue = q->name,
                                        .task_type = q->kind == TASK_ACTIVITY ? 2 : 1};
    const enum outcome outcome = decide(m, q, poll, task, now_ns);

    if (outcome == OUTCOMES)
        return 0;
    if (dynconf_bool_at(m->o.dynconf, DYNCONF_MATCHING_SCALING_METRICS, &where))
        counter_add(m->scaling[outcome], 1);
    return outcome == IDLE ? -1 : outcome == BACKLOG || outcome == TASK_RATE ? 1 : 0;
}
