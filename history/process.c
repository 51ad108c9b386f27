/* process.c - engine threads, and the opening, moving and closing of shards; see process.h.
 *
 *   CLOSED -- ours --> OPENING -- opened --> OPEN -- not ours, fenced, stop --> DRAINING --> CLOSED
 *                        |  ^
 *                        +--+ held by a predecessor: again after RETRY_MS
 *
 * A slot belongs to its thread; the main loop and the threads talk by posts. */
#include "history/process.h"

#include "history/shard/shard.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { RETRY_MS = 100, DRAIN_STEP_MS = 5, DRAIN_MAX_MS = 3000, COMMIT_THREADS_MAX = 8 };

enum slot_state { SLOT_CLOSED, SLOT_OPEN, SLOT_DRAINING };

struct slot {
    struct thread *thread;
    uint32_t shard_id;
    enum slot_state state;
    struct history_shard *shard;
    struct loop_timer timer; /* the next try to open, or step of draining */
    int64_t drain_until_ns;
    bool fenced, lost, opened_once;
};

struct thread {
    struct history_process *process;
    uint32_t index;
    struct loop *loop;
    struct mesh_port *port;
    struct history_net_mesh over;
    struct history_net net;
    bool stopping, told_ready;
    uint32_t open_slots;
};

struct history_process {
    struct history_process_options options;
    struct service *service;
    struct store *store;
    struct history_namespaces namespaces;
    struct thread *threads;
    uint32_t thread_count;
    struct slot *slots;
    uint32_t slot_count;
    uint32_t threads_ready, threads_stopped; /* main loop only, as all below */
    bool told_ready;
    atomic_int failing; /* an enum err: why it can't go on */
};

static struct slot *slot_of(struct history_process *process, uint32_t shard_id)
{
    return shard_id < process->slot_count ? &process->slots[shard_id] : NULL;
}

/* -- namespaces, from any thread ------------------------------------------------------------ */

static enum err namespace_id_of(void *arg, struct slice name, struct arena *arena, struct slice *id)
{
    const struct namespace_info *ns;
    const enum err err = cluster_namespace_by_name(arg, name, &ns);

    if (err != ERR_OK)
        return err;
    *id = arena_copy(arena, slice_str(ns->id));
    cluster_namespace_unref(ns);
    return ERR_OK;
}

static enum err retention_of(void *arg, struct slice id, int64_t *retention_s)
{
    const struct namespace_info *ns;
    const enum err err = cluster_namespace_by_id(arg, id, &ns);

    if (err != ERR_OK)
        return err;
    *retention_s = ns->retention_s;
    cluster_namespace_unref(ns);
    return ERR_OK;
}

/* -- posts to the main loop ----------------------------------------------------------------- */

static void main_thread_ready(void *arg)
{
    struct history_process *process = arg;

    if (++process->threads_ready < process->thread_count || process->told_ready)
        return;
    process->told_ready = true;
    process->options.ready(process->options.arg, ERR_OK);
}

static void main_failed(void *arg)
{
    struct history_process *process = arg;

    process->told_ready = true;
    process->options.ready(process->options.arg, (enum err)atomic_load(&process->failing));
}

static void main_thread_stopped(void *arg)
{
    struct history_process *process = arg;

    if (++process->threads_stopped == process->thread_count)
        process->options.stopped(process->options.arg);
}

static void fail(struct history_process *process, enum err err)
{
    int none = ERR_OK;

    if (atomic_compare_exchange_strong(&process->failing, &none, (int)err))
        loop_post_fn(process->service->loop, main_failed, process);
}

/* -- opening -------------------------------------------------------------------------------- */

static void slot_try(struct slot *slot);

static void thread_maybe_ready(struct thread *thread)
{
    struct history_process *process = thread->process;
    struct mesh *mesh = process->service->mesh;

    for (uint32_t i = thread->index; i < process->slot_count; i += process->thread_count)
        if (!process->slots[i].opened_once && mesh_is_ours(mesh, i))
            return;
    if (thread->told_ready || !mesh_is_placed(mesh))
        return;
    thread->told_ready = true;
    loop_post_fn(process->service->loop, main_thread_ready, process);
}

/* From inside the shard's own callbacks: the slot is closed from its timer. */
static void on_lost(void *arg, enum err err)
{
    struct slot *slot = arg;

    slot->lost = true;
    slot->fenced = err == ERR_FENCED;
    if (!slot->fenced)
        fail(slot->thread->process, err);
    else
        loop_timer_start(slot->thread->loop, &slot->timer, 0);
}

static enum err open_shard(struct slot *slot, struct err_detail *detail)
{
    struct thread *thread = slot->thread;
    struct history_process *process = thread->process;
    const struct config *config = &process->service->config;
    const struct history_shard_options options = {
        .shard_id = slot->shard_id,
        .shard_count = process->slot_count,
        .store = process->store,
        .net = &thread->net,
        .clock = process->service->clock,
        .log = &process->service->log,
        .metrics = process->service->metrics,
        .loop = thread->loop,
        .limits = &engine_limits_default,
        .namespaces = &process->namespaces,
        .cache_bytes = (size_t)config->history_cache_bytes / process->slot_count,
        .lost = on_lost,
        .arg = slot,
    };

    return history_shard_open(&options, &slot->shard, detail);
}

static void slot_open(struct slot *slot)
{
    struct thread *thread = slot->thread;
    const struct log *log = &thread->process->service->log;
    struct err_detail detail = {0};
    const enum err err = open_shard(slot, &detail);

    if (err == ERR_FENCED) {
        log_info(log, "shard held by another owner", F_U64("shard_id", slot->shard_id),
                 F_STR("detail", detail.text));
        loop_timer_start(thread->loop, &slot->timer, RETRY_MS);
        return;
    }
    if (err != ERR_OK) {
        log_error(log, "shard can't be opened", F_U64("shard_id", slot->shard_id), F_ERR(err),
                  F_STR("detail", detail.text));
        fail(thread->process, err);
        return;
    }
    slot->state = SLOT_OPEN;
    slot->lost = slot->fenced = false;
    slot->opened_once = true;
    thread->open_slots++;
    mesh_bind(thread->port, slot->shard_id);
    thread_maybe_ready(thread);
}

/* -- closing -------------------------------------------------------------------------------- */

static void slot_closed(struct slot *slot)
{
    struct thread *thread = slot->thread;

    must(thread->open_slots > 0);
    thread->open_slots--;
    slot->state = SLOT_CLOSED;
    slot->shard = NULL;
    log_info(&thread->process->service->log, "shard closed", F_U64("shard_id", slot->shard_id));
    mesh_freed(thread->process->service->mesh, slot->shard_id);
    if (!thread->stopping)
        slot_try(slot);
    else if (thread->open_slots == 0)
        loop_post_fn(thread->process->service->loop, main_thread_stopped, thread->process);
}

static void drain_step(struct slot *slot)
{
    const bool late = clock_mono_ns(slot->thread->process->service->clock) >= slot->drain_until_ns;

    if (!slot->lost && !late && !history_shard_is_idle(slot->shard)) {
        loop_timer_start(slot->thread->loop, &slot->timer, DRAIN_STEP_MS);
        return;
    }
    history_shard_close(slot->shard, !slot->lost);
    slot_closed(slot);
}

static void begin_drain(struct slot *slot)
{
    if (slot->state != SLOT_OPEN)
        return;
    slot->state = SLOT_DRAINING;
    slot->drain_until_ns =
        clock_mono_ns(slot->thread->process->service->clock) + DRAIN_MAX_MS * NS_PER_MS;
    mesh_unbind(slot->thread->port, slot->shard_id);
    if (!slot->lost)
        history_shard_drain(slot->shard);
    drain_step(slot);
}

/* Bring the slot to where the assignment wants it. */
static void slot_try(struct slot *slot)
{
    const bool ours = !slot->thread->stopping &&
                      mesh_is_ours(slot->thread->process->service->mesh, slot->shard_id);

    switch (slot->state) {
    case SLOT_CLOSED:
        if (ours && !atomic_load(&slot->thread->process->failing))
            slot_open(slot);
        break;
    case SLOT_OPEN:
        if (!ours || slot->lost)
            begin_drain(slot);
        break;
    case SLOT_DRAINING:
        drain_step(slot);
        break;
    }
}

static void on_slot_timer(void *arg)
{
    slot_try(arg);
}

/* -- the mesh's callbacks ------------------------------------------------------------------- */

static struct history_shard *open_shard_of(struct thread *thread, uint32_t shard_id)
{
    struct slot *slot = slot_of(thread->process, shard_id);

    return slot && slot->thread == thread && slot->state == SLOT_OPEN ? slot->shard : NULL;
}

static void on_request(void *arg, const struct mesh_request *request)
{
    struct thread *thread = arg;
    struct history_shard *shard = open_shard_of(thread, request->shard);

    if (shard) {
        history_shard_request(shard, request);
    } else if (request->from.call) {
        const struct mesh_answer answer = {.err = ERR_NOT_OWNER, .shard = request->shard};

        mesh_reply(thread->port, request->from, &answer);
    }
}

static void on_canceled(void *arg, uint32_t shard_id, struct mesh_addr from)
{
    struct history_shard *shard = open_shard_of(arg, shard_id);

    if (shard)
        history_shard_canceled(shard, from);
}

static void on_peer(void *arg, enum mesh_role role, uint64_t id, bool up)
{
    struct thread *thread = arg;
    struct history_process *process = thread->process;

    for (uint32_t i = thread->index; i < process->slot_count; i += process->thread_count) {
        struct slot *slot = &process->slots[i];

        if (slot->state == SLOT_OPEN)
            history_shard_peer(slot->shard, role, id, up);
    }
}

static void on_placed(void *arg)
{
    struct thread *thread = arg;
    struct history_process *process = thread->process;

    for (uint32_t i = thread->index; i < process->slot_count; i += process->thread_count)
        slot_try(&process->slots[i]);
    thread_maybe_ready(thread);
}

/* -- threads -------------------------------------------------------------------------------- */

static void thread_begin(void *arg)
{
    struct thread *thread = arg;
    struct history_process *process = thread->process;
    const struct mesh_handlers handlers = {.request = on_request,
                                           .canceled = on_canceled,
                                           .peer = on_peer,
                                           .placed = on_placed,
                                           .arg = thread};

    thread->port = mesh_port_new(process->service->mesh, thread->loop, &handlers);
    thread->over = (struct history_net_mesh){process->service->mesh, thread->port};
    thread->net = history_net_of(&thread->over);
    for (uint32_t i = thread->index; i < process->slot_count; i += process->thread_count)
        slot_try(&process->slots[i]);
    thread_maybe_ready(thread); /* where nothing is ours */
}

static void thread_stop(void *arg)
{
    struct thread *thread = arg;
    struct history_process *process = thread->process;
    const bool nothing_open = thread->open_slots == 0;

    thread->stopping = true;
    for (uint32_t i = thread->index; i < process->slot_count; i += process->thread_count) {
        struct slot *slot = &process->slots[i];

        if (slot->state == SLOT_CLOSED)
            loop_timer_stop(thread->loop, &slot->timer);
        else
            begin_drain(slot);
    }
    if (nothing_open)
        loop_post_fn(process->service->loop, main_thread_stopped, process);
}

static void thread_end(void *arg)
{
    struct thread *thread = arg;

    mesh_port_free(thread->port);
    loop_stop(thread->loop);
}

/* -- life ----------------------------------------------------------------------------------- */

static enum err open_store(struct history_process *process, struct err_detail *detail)
{
    struct service *s = process->service;
    const uint32_t threads = process->thread_count;
    const struct store_options options = {
        .backend = s->config.store,
        .dir = s->config.data_dir,
        .service = "history",
        .clock = s->clock,
        .log = &s->log,
        .metrics = s->metrics,
        .commit_threads = threads < COMMIT_THREADS_MAX ? threads : COMMIT_THREADS_MAX,
    };

    return store_open(&options, &process->store, detail);
}

enum err history_process_open(const struct history_process_options *options,
                              struct history_process **out, struct err_detail *detail)
{
    struct history_process *process = calloc(1, sizeof *process);

    must(process != NULL);
    *out = NULL;
    process->options = *options;
    process->service = options->service;
    process->namespaces = (struct history_namespaces){
        .engine = {.id_of = namespace_id_of, .arg = options->service->cluster},
        .retention_of = retention_of,
    };
    process->slot_count = (uint32_t)options->service->config.history_shards;
    process->thread_count = (uint32_t)options->service->config.history_threads;
    const enum err err = open_store(process, detail);
    if (err != ERR_OK) {
        free(process);
        return err;
    }
    process->threads = calloc(process->thread_count, sizeof *process->threads);
    process->slots = calloc(process->slot_count, sizeof *process->slots);
    must(process->threads != NULL && process->slots != NULL);
    for (uint32_t i = 0; i < process->slot_count; i++) {
        struct slot *slot = &process->slots[i];

        slot->thread = &process->threads[i % process->thread_count];
        slot->shard_id = i;
        slot->timer = (struct loop_timer){.fire = on_slot_timer, .arg = slot};
    }
    for (uint32_t i = 0; i < process->thread_count; i++) {
        struct thread *thread = &process->threads[i];

        thread->process = process;
        thread->index = i;
        thread->loop = loop_new("history");
        loop_post_fn(thread->loop, thread_begin, thread);
        loop_start(thread->loop);
    }
    *out = process;
    return ERR_OK;
}

void history_process_stop(struct history_process *process)
{
    for (uint32_t i = 0; i < process->thread_count; i++)
        loop_post_fn(process->threads[i].loop, thread_stop, &process->threads[i]);
}

void history_process_free(struct history_process *process)
{
    for (uint32_t i = 0; i < process->thread_count; i++) {
        struct thread *thread = &process->threads[i];

        loop_post_fn(thread->loop, thread_end, thread);
        loop_join(thread->loop);
        loop_free(thread->loop);
    }
    store_close(process->store);
    free(process->threads);
    free(process->slots);
    free(process);
}
