/* script.c - scripts drawn from the seed, facts, and small messages. */
#include "tests/sim/script.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { SCRIPTS_MIN = 2, SCRIPTS_MAX = 6 };

static int64_t draw_ms(struct sim *sim, int64_t low, int64_t high)
{
    return sim_between(sim, low, high) * NS_PER_MS;
}

static void draw_step(struct sim *sim, struct script_step *step)
{
    step->activity_count = (uint32_t)rng_below(&sim->rng, STEP_ACTIVITIES + 1);
    step->timer_count =
        sim_chance(sim, 500000) ? (uint32_t)rng_below(&sim->rng, STEP_TIMERS + 1) : 0;
    for (uint32_t i = 0; i < step->activity_count; i++) {
        struct script_activity *activity = &step->activities[i];

        activity->fails = sim_chance(sim, 300000) ? (int32_t)sim_between(sim, 1, 3) : 0;
        activity->attempts_max = sim_chance(sim, 400000) ? (int32_t)sim_between(sim, 1, 2) : 0;
        activity->heartbeat = sim_chance(sim, 200000);
        activity->work_ns = sim_chance(sim, 800000) ? draw_ms(sim, 0, 20) : draw_ms(sim, 0, 2500);
    }
    for (uint32_t i = 0; i < step->timer_count; i++)
        step->timer_ns[i] =
            sim_chance(sim, 700000) ? draw_ms(sim, 1, 4000) : draw_ms(sim, 4000, 20000);
}

/* So many are waited for by the end of each step; by attempts not: the next does not know of them.
 */
static void expect_signals(struct sim_script *script)
{
    const uint32_t awaited = script->chain == CHAIN_RETRIES ? 0 : script->signals;

    for (uint32_t i = 0; i < script->step_count; i++)
        script->steps[i].signals = awaited * i / script->step_count;
    script->steps[script->step_count - 1].signals = awaited;
}

/* What may end it, delay it or hold it up; cron schedules go on after time-outs, and exclude
 * delays.
 */
static void draw_times(struct sim *sim, struct sim_script *script)
{
    const bool cron = script->chain == CHAIN_CRON;

    if (!cron && sim_chance(sim, 150000))
        script->delay_ns = draw_ms(sim, 500, 5000);
    if (sim_chance(sim, 200000)) /* in time for nothing */
        script->execution_timeout_ns = 4000 * NS_PER_S;
    if (sim_chance(sim, 200000))
        script->run_timeout_ns = 3600 * NS_PER_S;
    if (cron || script->resets || !sim_chance(sim, 150000))
        return;
    script->times_out = true;
    if (sim_chance(sim, 600000))
        script->run_timeout_ns = draw_ms(sim, 1000, 12000);
    else
        script->execution_timeout_ns = draw_ms(sim, 1000, 15000);
}

static void draw_operators(struct sim *sim, struct sim_script *script)
{
    if (script->resets)
        return;
    script->pauses = sim_chance(sim, 200000) ? (uint32_t)sim_between(sim, 1, 3) : 0;
    script->operations = sim_chance(sim, 250000) ? (uint32_t)sim_between(sim, 1, 6) : 0;
    script->resets_activities = sim_chance(sim, 500000);
}

static void draw_script(struct sim *sim, struct sim_script *script, uint32_t index)
{
    script->sim = sim;
    script->workflow_id = arena_printf(&sim->arena, "wf-%u", index);
    script->step_count = (uint32_t)sim_between(sim, 1, SCRIPT_STEPS - 1);
    script->generations = sim_chance(sim, 250000) ? (uint32_t)sim_between(sim, 2, 3) : 1;
    if (script->generations > 1 && sim_chance(sim, 500000))
        script->chain = sim_chance(sim, 500000) ? CHAIN_RETRIES : CHAIN_CRON;
    script->signals = sim_chance(sim, 600000) ? (uint32_t)sim_between(sim, 1, SCRIPT_SIGNALS) : 0;
    script->starts_with_signal = script->signals > 0 && sim_chance(sim, 300000);
    script->updates = sim_chance(sim, 400000) ? (uint32_t)sim_between(sim, 1, SCRIPT_UPDATES) : 0;
    for (uint32_t i = 0; i < script->updates; i++)
        script->update_kinds[i] =
            (enum update_kind)sim_between(sim, UPDATE_IS_QUICK, UPDATE_IS_REJECTED);
    script->fails = sim_chance(sim, 100000);
    script->obeys_cancel = sim_chance(sim, 500000);
    script->start_ns = draw_ms(sim, 0, 15000);
    script->cancel_ns = sim_chance(sim, 150000) ? draw_ms(sim, 1, 8000) : 0;
    script->terminate_ns = sim_chance(sim, 100000) ? draw_ms(sim, 1, 8000) : 0;
    for (uint32_t i = 0; i < script->step_count; i++)
        draw_step(sim, &script->steps[i]);
    expect_signals(script);
    if (script->generations == 1 && !script->cancel_ns && !script->terminate_ns &&
        sim_chance(sim, 250000))
        script->resets = (uint32_t)sim_between(sim, 1, 2);
    draw_times(sim, script);
    draw_operators(sim, script);
    script->starts_with_update =
        script->updates > 0 && !script->starts_with_signal && sim_chance(sim, 400000);
}

/* A child without clients: its parent starts it and sends its signals. */
static void draw_child(struct sim *sim, struct sim_script *parent, struct sim_script *child)
{
    child->parent = parent;
    child->starts_with_signal = child->starts_with_update = false;
    child->delay_ns = 0;
    if (child->times_out) /* its parent would signal one that has ended */
        child->signals = 0;
    if (child->chain == CHAIN_RETRIES)
        child->signals = 0; /* its parent would signal one that has ended */
    parent->resets = child->resets = 0;
    parent->chain = CHAIN_CONTINUES;
    child->cancel_ns = child->terminate_ns = 0;
    if (parent->cancel_ns || parent->terminate_ns ||
        parent->times_out) { /* it may never come to send them */
        child->signals = 0;
        expect_signals(child);
    }
    parent->child = child;
    expect_signals(parent);
    parent->generations = 1; /* the next run would start it again */
    parent->child_step = (uint32_t)rng_below(&sim->rng, parent->step_count);
    parent->child_waited = sim_chance(sim, 600000);
    parent->child_policy = (int32_t)sim_between(sim, PARENT_CLOSE_POLICY_TERMINATE,
                                                PARENT_CLOSE_POLICY_REQUEST_CANCEL);
}

void scripts_new(struct sim *sim)
{
    const uint32_t parents = (uint32_t)sim_between(sim, SCRIPTS_MIN, SCRIPTS_MAX);

    sim->scripts = ARENA_ARRAY(&sim->arena, struct sim_script, 2 * parents);
    sim->script_count = parents;
    for (uint32_t i = 0; i < parents; i++)
        draw_script(sim, &sim->scripts[i], i);
    for (uint32_t i = 0; i < parents; i++) {
        struct sim_script *child = &sim->scripts[sim->script_count];

        if (!sim_chance(sim, 300000))
            continue;
        draw_script(sim, child, sim->script_count++);
        draw_child(sim, &sim->scripts[i], child);
    }
    sim->scripts_open = sim->script_count;
}

struct sim_script *script_find(struct sim *sim, const char *workflow_id)
{
    for (uint32_t i = 0; i < sim->script_count; i++)
        if (strcmp(sim->scripts[i].workflow_id, workflow_id) == 0)
            return &sim->scripts[i];
    return NULL;
}

api_retry_policy *script_retry_policy(const struct sim_script *script)
{
    struct sim *sim = script->sim;

    if (script->chain != CHAIN_RETRIES)
        return NULL;
    api_retry_policy *policy = sim_message(sim, &api_retry_policy__desc);
    policy->initial_interval = proto_duration(&sim->arena, 300 * NS_PER_MS);
    policy->backoff_coefficient = 1.5;
    policy->maximum_attempts = (int32_t)script->generations;
    return policy;
}

char *script_cron(const struct sim_script *script)
{
    return sim_str(script->sim, script->chain == CHAIN_CRON ? SIM_CRON : "");
}

/* -- facts ------------------------------------------------------------------------------------- */

struct fact *fact_get(struct sim *sim, const char *format, ...)
{
    char name[256];
    va_list args;

    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    struct map_node *node = map_get(&sim->facts, slice_str(name));
    if (node)
        return CONTAINER_OF(node, struct fact, node);
    struct fact *fact = ARENA_NEW(&sim->arena, struct fact);
    fact->first_ns = sim->now_ns;
    map_put(&sim->facts, arena_copy(&sim->arena, slice_str(name)), &fact->node);
    return fact;
}

bool fact_known(struct sim *sim, const char *name)
{
    return map_get(&sim->facts, slice_str(name)) != NULL;
}

/* -- messages ---------------------------------------------------------------------------------- */

void *sim_message(struct sim *sim, const ProtobufCMessageDescriptor *desc)
{
    void *message = arena_zalloc(&sim->arena, desc->sizeof_message);

    protobuf_c_message_init(desc, message);
    return message;
}

char *sim_str(struct sim *sim, const char *text)
{
    return arena_str(&sim->arena, slice_str(text));
}

api_payloads *sim_payloads(struct sim *sim, const char *text)
{
    api_payloads *payloads = sim_message(sim, &api_payloads__desc);
    api_payload *payload = sim_message(sim, &api_payload__desc);

    payload->data.data = (uint8_t *)sim_str(sim, text);
    payload->data.len = strlen(text);
    payloads->payloads = ARENA_NEW(&sim->arena, api_payload *);
    payloads->payloads[0] = payload;
    payloads->n_payloads = 1;
    return payloads;
}

const char *sim_payload_text(struct sim *sim, const api_payloads *payloads)
{
    if (!payloads || payloads->n_payloads == 0)
        return "";
    return arena_str(&sim->scratch,
                     slice_of(payloads->payloads[0]->data.data, payloads->payloads[0]->data.len));
}

api_common_workflow_execution *sim_execution(struct sim *sim, const char *workflow_id,
                                             const char *run_id)
{
    api_common_workflow_execution *execution =
        sim_message(sim, &api_common_workflow_execution__desc);

    execution->workflow_id = sim_str(sim, workflow_id);
    execution->run_id = sim_str(sim, run_id);
    return execution;
}

api_task_queue *sim_task_queue(struct sim *sim, const char *name, const char *sticky_of)
{
    api_task_queue *queue = sim_message(sim, &api_task_queue__desc);

    queue->name = sim_str(sim, name);
    queue->kind = sticky_of ? TASK_QUEUE_KIND_STICKY : TASK_QUEUE_KIND_NORMAL;
    queue->normal_name = sim_str(sim, sticky_of ? sticky_of : "");
    return queue;
}

void *sim_decode(struct sim *sim, const ProtobufCMessageDescriptor *desc, struct slice bytes)
{
    struct err_detail detail = {0};
    void *message = NULL;

    must(proto_decode(&sim->scratch, desc, bytes, &message, &detail) == ERR_OK);
    return message;
}
