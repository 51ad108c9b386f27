/* process.c - engine threads, and what they tell the main loop; see process.h and slot.h.
 *
 * The main loop and the threads talk by posts. */
#include "history/process.h"

#include "api.h"
#include "common/proto/wire.h"
#include "common/rpc/rpc.h"
#include "history/slot.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { COMMIT_THREADS_MAX = 8, OPENERS_MAX = 4 };

struct thread {
    struct history_process *process;
    uint32_t index;
    struct slot_env env; /* its loop and port, too */
    struct history_net_mesh over;
    struct history_net net;
    struct http_client *http; /* NULL until something is to be posted */
    struct history_caller caller;
    bool told_ready, told_stopped;
    uint64_t matching_owners[MATCHING_SHARDS];
};

struct history_process {
    struct history_process_options options;
    struct service *service;
    struct store *store;
    struct history_namespaces namespaces;
    struct opener *opener;
    struct thread *threads;
    uint32_t thread_count;
    struct slot *slots; /* shard N is thread N mod threads' */
    uint32_t slot_count;
    uint32_t threads_ready, threads_stopped; /* main loop only, as all below */
    bool told_ready;
    struct bucket persistence; /* what all shards may ask of their stores */
    atomic_int failing;        /* an enum err: why it can't go on */
};

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
    enum { STATE_FIELD = 2 }; /* of NamespaceInfo */
    const struct namespace_info *ns;
    enum err err = cluster_namespace_by_id(arg, id, &ns);

    if (err != ERR_OK)
        return err;
    *retention_s = ns->retention_s;
    if (wire_find_number(ns->info, STATE_FIELD) == NAMESPACE_STATE_DELETED)
        err = ERR_NOT_FOUND;
    cluster_namespace_unref(ns);
    return err;
}

static enum err bad_binaries_of(void *arg, struct slice id, struct arena *arena, struct slice *bad)
{
    enum { BAD_BINARIES_FIELD = 2 }; /* of NamespaceConfig */
    const struct namespace_info *ns;
    const enum err err = cluster_namespace_by_id(arg, id, &ns);

    if (err != ERR_OK)
        return err;
    *bad = arena_copy(arena, wire_find_bytes(ns->config, BAD_BINARIES_FIELD));
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

static void fail(void *arg, enum err err)
{
    struct thread *thread = arg;
    struct history_process *process = thread->process;
    int none = ERR_OK;

    thread->env.failing = true;
    if (atomic_compare_exchange_strong(&process->failing, &none, (int)err))
        loop_post_fn(process->service->loop, main_failed, process);
}

/* -- slots ---------------------------------------------------------------------------------- */

static struct slot *first_slot(const struct thread *thread)
{
    return thread->index < thread->process->slot_count ? &thread->process->slots[thread->index]
                                                       : NULL;
}

static struct slot *next_slot(const struct thread *thread, const struct slot *slot)
{
    const uint32_t next = slot->shard_id + thread->process->thread_count;

    return next < thread->process->slot_count ? &thread->process->slots[next] : NULL;
}

static struct slot *slot_of(const struct thread *thread, uint32_t shard_id)
{
    struct history_process *process = thread->process;

    return shard_id < process->slot_count && shard_id % process->thread_count == thread->index
               ? &process->slots[shard_id]
               : NULL;
}

/* Everything that is ours has been open once. */
static void maybe_ready(void *arg)
{
    struct thread *thread = arg;
    struct service *service = thread->process->service;

    if (thread->told_ready || !mesh_is_placed(service->mesh))
        return;
    for (struct slot *slot = first_slot(thread); slot; slot = next_slot(thread, slot))
        if (!slot->opened_once && mesh_is_ours(service->mesh, slot->shard_id))
            return;
    thread->told_ready = true;
    loop_post_fn(service->loop, main_thread_ready, thread->process);
}

static void maybe_stopped(void *arg)
{
    struct thread *thread = arg;

    if (!thread->env.stopping || thread->told_stopped)
        return;
    for (struct slot *slot = first_slot(thread); slot; slot = next_slot(thread, slot))
        if (slot->state != SLOT_CLOSED)
            return;
    thread->told_stopped = true;
    loop_post_fn(thread->process->service->loop, main_thread_stopped, thread->process);
}

/* -- the mesh's callbacks ------------------------------------------------------------------- */

static void on_request(void *arg, const struct mesh_request *request)
{
    struct thread *thread = arg;
    struct slot *slot = slot_of(thread, request->shard);

    if (slot) {
        slot_request(slot, request);
    } else if (request->from.call) {
        const struct mesh_answer answer = {.err = ERR_NOT_OWNER, .shard = request->shard};

        mesh_reply(thread->env.port, request->from, &answer);
    }
}

static void on_canceled(void *arg, uint32_t shard_id, struct mesh_addr from)
{
    struct slot *slot = slot_of(arg, shard_id);

    if (slot)
        slot_canceled(slot, from);
}

/* Some of what we offered or told was dropped on its way, or may have been: the rows are not. */
static void hasten_matching(struct thread *thread, uint64_t process)
{
    for (uint32_t shard = 0; shard < MATCHING_SHARDS; shard++)
        if (mesh_owner(thread->process->service->mesh, ROLE_MATCHING, shard) == process)
            (void)mesh_cast(thread->env.port, MESH_SHARD(ROLE_MATCHING, shard),
                            METHOD_MATCHING_LOOK_AGAIN, NULL, 0);
}

static void on_peer(void *arg, enum mesh_role role, uint64_t id, bool up)
{
    struct thread *thread = arg;

    for (struct slot *slot = first_slot(thread); slot; slot = next_slot(thread, slot)) {
        slot_peer(slot, role, id, up);
        if (role == ROLE_HISTORY && !up && slot->state == SLOT_OPENING)
            slot_look(slot); /* a predecessor may be gone */
    }
    if (role == ROLE_MATCHING && up)
        hasten_matching(thread, id);
}

/* What we offered to the matching process before is lost with it; the rows are not. */
static void follow_matching(struct thread *thread)
{
    for (uint32_t shard = 0; shard < MATCHING_SHARDS; shard++) {
        const uint64_t owner = mesh_owner(thread->process->service->mesh, ROLE_MATCHING, shard);

        if (owner == thread->matching_owners[shard])
            continue;
        thread->matching_owners[shard] = owner;
        (void)mesh_cast(thread->env.port, MESH_SHARD(ROLE_MATCHING, shard),
                        METHOD_MATCHING_LOOK_AGAIN, NULL, 0);
    }
}

static void on_placed(void *arg)
{
    struct thread *thread = arg;

    follow_matching(thread);
    for (struct slot *slot = first_slot(thread); slot; slot = next_slot(thread, slot))
        slot_look(slot);
    maybe_ready(thread);
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

    thread->env.port = mesh_port_new(process->service->mesh, thread->env.loop, &handlers);
    thread->over = (struct history_net_mesh){process->service->mesh, thread->env.port};
    thread->net = history_net_of(&thread->over);
}

static enum err thread_post(void *self, const struct http_request *request, uint64_t *id)
{
    struct thread *thread = self;

    if (!thread->http)
        thread->http = http_client_new(thread->env.loop, &(struct http_options){0});
    return http_post(thread->http, request, id);
}

static void thread_cancel(void *self, uint64_t id)
{
    const struct thread *thread = self;

    http_cancel(thread->http, id);
}

static void thread_stop(void *arg)
{
    struct thread *thread = arg;

    thread->env.stopping = true;
    for (struct slot *slot = first_slot(thread); slot; slot = next_slot(thread, slot))
        slot_look(slot);
    maybe_stopped(thread);
}

static void thread_end(void *arg)
{
    struct thread *thread = arg;

    mesh_port_free(thread->env.port);
    http_client_free(thread->http);
    loop_stop(thread->env.loop);
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
        .no_wait = true,
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
        .engine = {.id_of = namespace_id_of,
                   .arg = options->service->cluster,
                   .search = {cluster_search_type, options->service->cluster}},
        .retention_of = retention_of,
        .bad_binaries_of = bad_binaries_of,
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
    process->opener =
        opener_new(process->slot_count < OPENERS_MAX ? process->slot_count : OPENERS_MAX);
    for (uint32_t i = 0; i < process->thread_count; i++) {
        struct thread *thread = &process->threads[i];

        thread->process = process;
        thread->index = i;
        thread->caller = (struct history_caller){thread_post, thread_cancel, thread};
        thread->env = (struct slot_env){.service = process->service,
                                        .store = process->store,
                                        .opener = process->opener,
                                        .shard_count = process->slot_count,
                                        .persistence = &process->persistence,
                                        .loop = loop_new("history"),
                                        .namespaces = &process->namespaces,
                                        .net = &thread->net,
                                        .caller = &thread->caller,
                                        .opened = maybe_ready,
                                        .closed = maybe_stopped,
                                        .failed = fail,
                                        .arg = thread};
    }
    for (uint32_t i = 0; i < process->slot_count; i++)
        slot_init(&process->slots[i], &process->threads[i % process->thread_count].env, i);
    for (uint32_t i = 0; i < process->thread_count; i++) {
        loop_post_fn(process->threads[i].env.loop, thread_begin, &process->threads[i]);
        loop_start(process->threads[i].env.loop);
    }
    *out = process;
    return ERR_OK;
}

void history_process_stop(struct history_process *process)
{
    for (uint32_t i = 0; i < process->thread_count; i++)
        loop_post_fn(process->threads[i].env.loop, thread_stop, &process->threads[i]);
}

void history_process_free(struct history_process *process)
{
    for (uint32_t i = 0; i < process->thread_count; i++) {
        struct thread *thread = &process->threads[i];

        loop_post_fn(thread->env.loop, thread_end, thread);
        loop_join(thread->env.loop);
        loop_free(thread->env.loop);
    }
    opener_free(process->opener);
    store_close(process->store);
    free(process->threads);
    free(process->slots);
    free(process);
}
