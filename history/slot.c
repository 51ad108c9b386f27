/* slot.c - see slot.h. */
#include "history/slot.h"

#include "common/rpc/rpc.h"

enum {
    RETRY_MS_MIN = 2, /* a predecessor that dies has just closed its member file */
    RETRY_DOUBLINGS = 6,
    DRAIN_STEP_MS = 5,
    DRAIN_MAX_MS = 3000,
};

static const struct log *log_of(const struct slot *slot)
{
    return &slot->env->service->log;
}

static struct mesh *mesh_of(const struct slot *slot)
{
    return slot->env->service->mesh;
}

/* Is the shard to be open here? */
static bool is_wanted(const struct slot *slot)
{
    return !slot->env->stopping && !slot->env->failing &&
           mesh_is_ours(mesh_of(slot), slot->shard_id) &&
           mesh_map_version(mesh_of(slot)) > slot->fenced_version;
}

/* -- requests ------------------------------------------------------------------------------- */

static void refuse(struct slot *slot, const struct mesh_request *request)
{
    const struct mesh_answer answer = {.err = ERR_NOT_OWNER, .shard = request->shard};

    if (request->from.call)
        mesh_reply(slot->env->port, request->from, &answer);
}

void slot_request(struct slot *slot, const struct mesh_request *request)
{
    if (slot->state == SLOT_OPEN)
        history_shard_request(slot->shard, request);
    else if (slot->state != SLOT_OPENING || !backlog_add(&slot->backlog, request))
        refuse(slot, request);
}

void slot_canceled(struct slot *slot, struct mesh_addr from)
{
    if (slot->state == SLOT_OPEN)
        history_shard_canceled(slot->shard, from);
    else if (slot->state == SLOT_OPENING)
        backlog_cancel(&slot->backlog, from);
}

static void serve_waiting(void *arg, const struct mesh_request *request)
{
    struct slot *slot = arg;
    const int64_t now_ns = clock_mono_ns(slot->env->service->clock);

    if (request->from.call && request->deadline_mono_ns <= now_ns)
        return; /* its caller has told itself so */
    slot_request(slot, request);
}

static void refuse_waiting(void *arg, const struct mesh_request *request)
{
    refuse(arg, request);
}

void slot_peer(struct slot *slot, enum mesh_role role, uint64_t process, bool up)
{
    if (slot->state == SLOT_OPEN && (role != ROLE_TIMERS || process == slot->timers_owner))
        history_shard_peer(slot->shard, role, process, up);
}

/* The assignment may have another timers process for this shard. */
static void follow_timers(struct slot *slot)
{
    const uint64_t owner = mesh_owner(mesh_of(slot), ROLE_TIMERS, rpc_timers_shard(slot->shard_id));

    if (slot->state != SLOT_OPEN || owner == slot->timers_owner)
        return;
    slot->timers_owner = owner;
    history_shard_peer(slot->shard, ROLE_TIMERS, owner, owner != 0);
}

/* -- closing -------------------------------------------------------------------------------- */

static void be_closed(struct slot *slot)
{
    must(!slot->shard && !slot->loading);
    loop_timer_stop(slot->env->loop, &slot->timer);
    slot->state = SLOT_CLOSED;
    slot->lost = false;
    mesh_freed(mesh_of(slot), slot->shard_id);
    slot->env->closed(slot->env->arg);
    slot_look(slot);
}

/* Not opened, and not to be. */
static void give_up(struct slot *slot)
{
    must(slot->state == SLOT_OPENING);
    mesh_unbind(slot->env->port, slot->shard_id);
    slot->state = SLOT_CLOSED; /* refused from here on */
    backlog_empty(&slot->backlog, refuse_waiting, slot);
    be_closed(slot);
}

static void drain_step(struct slot *slot)
{
    const bool late = clock_mono_ns(slot->env->service->clock) >= slot->drain_until_ns;

    if (!slot->lost && !late && !history_shard_is_idle(slot->shard)) {
        loop_timer_start(slot->env->loop, &slot->timer, DRAIN_STEP_MS);
        return;
    }
    history_shard_close(slot->shard, !slot->lost);
    slot->shard = NULL;
    log_info(log_of(slot), "shard closed", F_U64("shard_id", slot->shard_id));
    be_closed(slot);
}

static void begin_drain(struct slot *slot)
{
    must(slot->state == SLOT_OPEN);
    slot->state = SLOT_DRAINING;
    slot->drain_until_ns = clock_mono_ns(slot->env->service->clock) + DRAIN_MAX_MS * NS_PER_MS;
    mesh_unbind(slot->env->port, slot->shard_id);
    if (!slot->lost)
        history_shard_drain(slot->shard);
    drain_step(slot);
}

/* From inside the shard's own callbacks: the slot is closed from its timer. */
static void on_lost(void *arg, enum err err)
{
    struct slot *slot = arg;

    slot->lost = true;
    if (err != ERR_FENCED) {
        slot->env->failed(slot->env->arg, err);
        return;
    }
    slot->fenced_version = mesh_map_version(mesh_of(slot));
    mesh_want_map_above(mesh_of(slot), slot->fenced_version);
    if (slot->state == SLOT_OPEN)
        loop_timer_start(slot->env->loop, &slot->timer, 0);
}

/* -- opening -------------------------------------------------------------------------------- */

/* On a helper thread. */
static void slot_load(void *arg)
{
    struct slot *slot = arg;
    const struct slot_env *env = slot->env;
    const struct service *service = env->service;
    const struct history_shard_options options = {
        .shard_id = slot->shard_id,
        .shard_count = env->shard_count,
        .store = env->store,
        .net = env->net,
        .clock = service->clock,
        .log = &service->log,
        .metrics = service->metrics,
        .loop = env->loop,
        .dynconf = service->dynconf,
        .limits = &engine_limits_default,
        .namespaces = env->namespaces,
        .caller = env->caller,
        .persistence = env->persistence,
        .cache_bytes = (size_t)service->config.history_cache_bytes / env->shard_count,
        .lost = on_lost,
        .arg = slot,
    };

    slot->load_detail = (struct err_detail){0};
    /* A namespace may have been deleted while this process did not hear of it. */
    slot->loaded = cluster_refresh(service->cluster);
    if (slot->loaded != ERR_OK)
        return;
    slot->loaded = history_shard_load(&options, &slot->shard, &slot->load_detail);
}

static void load(struct slot *slot)
{
    must(slot->state == SLOT_OPENING && !slot->loading);
    loop_timer_stop(slot->env->loop, &slot->timer);
    slot->loading = true;
    opener_post(slot->env->opener, &slot->job);
}

/* Whatever was offered before this shard opened, or to another matching process, is lost. */
static void tell_matching(struct slot *slot)
{
    for (uint32_t shard = 0; shard < MATCHING_SHARDS; shard++)
        (void)mesh_cast(slot->env->port, MESH_SHARD(ROLE_MATCHING, shard),
                        METHOD_MATCHING_LOOK_AGAIN, NULL, 0);
}

static void be_open(struct slot *slot)
{
    slot->state = SLOT_OPEN;
    slot->opened_once = true;
    slot->timers_owner = mesh_owner(mesh_of(slot), ROLE_TIMERS, rpc_timers_shard(slot->shard_id));
    history_shard_begin(slot->shard);
    tell_matching(slot);
    backlog_empty(&slot->backlog, serve_waiting, slot);
    slot->env->opened(slot->env->arg);
}

static void wait_for_predecessor(struct slot *slot)
{
    const uint32_t doublings = slot->tries < RETRY_DOUBLINGS ? slot->tries : RETRY_DOUBLINGS;

    if (slot->tries++ == 0)
        log_info(log_of(slot), "shard held by another owner", F_U64("shard_id", slot->shard_id),
                 F_STR("detail", slot->load_detail.text));
    loop_timer_start(slot->env->loop, &slot->timer, (int64_t)RETRY_MS_MIN << doublings);
}

static void on_loaded(void *arg)
{
    struct slot *slot = arg;
    const bool wanted = is_wanted(slot);

    must(slot->state == SLOT_OPENING && slot->loading);
    slot->loading = false;
    if (slot->loaded == ERR_OK && wanted && !slot->lost) {
        be_open(slot);
    } else if (slot->loaded == ERR_OK) {
        history_shard_close(slot->shard, false);
        slot->shard = NULL;
        give_up(slot);
    } else if (slot->loaded != ERR_FENCED) {
        log_error(log_of(slot), "shard can't be opened", F_U64("shard_id", slot->shard_id),
                  F_ERR(slot->loaded), F_STR("detail", slot->load_detail.text));
        slot->env->failed(slot->env->arg, slot->loaded);
        give_up(slot);
    } else if (wanted) {
        wait_for_predecessor(slot);
    } else {
        give_up(slot);
    }
}

static void begin_open(struct slot *slot)
{
    must(slot->state == SLOT_CLOSED && !slot->shard);
    slot->state = SLOT_OPENING;
    slot->tries = 0;
    mesh_bind(slot->env->port, slot->shard_id);
    load(slot);
}

static void look_while_opening(struct slot *slot)
{
    if (is_wanted(slot)) {
        if (!slot->loading)
            load(slot);
        return;
    }
    if (slot->loading && !opener_remove(slot->env->opener, &slot->job))
        return; /* it runs: on_loaded() sees to it */
    slot->loading = false;
    give_up(slot);
}

/* -- all together --------------------------------------------------------------------------- */

void slot_look(struct slot *slot)
{
    switch (slot->state) {
    case SLOT_CLOSED:
        if (is_wanted(slot))
            begin_open(slot);
        break;
    case SLOT_OPENING:
        look_while_opening(slot);
        break;
    case SLOT_OPEN:
        if (slot->lost || !is_wanted(slot))
            begin_drain(slot);
        else
            follow_timers(slot);
        break;
    case SLOT_DRAINING:
        drain_step(slot);
        break;
    }
}

static void on_timer(void *arg)
{
    slot_look(arg);
}

void slot_init(struct slot *slot, struct slot_env *env, uint32_t shard_id)
{
    *slot = (struct slot){.env = env, .shard_id = shard_id};
    slot->timer = (struct loop_timer){.fire = on_timer, .arg = slot};
    slot->job = (struct opener_job){
        .loop = env->loop, .run = slot_load, .done = {.run = on_loaded, .arg = slot}};
    backlog_init(&slot->backlog);
}
