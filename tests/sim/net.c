/* net.c - the simulated mesh: delays, losses, cuts and ends of processes, within its contract.
 *
 * Per direction and incarnation messages arrive in order and once. A lost one shows as a gap in
 * the numbers, at the latest with the heartbeat half a second on; a gap is a peer reset on both
 * sides, as in common/mesh. A call is answered exactly once or cancelled. */
#include "tests/sim/sim.h"

#include "common/base/hash.h"

#include <stdlib.h>

#define BEAT_NS (500 * NS_PER_MS)

enum kind { CALL = 1, CAST, REPLY, CANCEL, RESET, PING, UP, DOWN };

struct message {
    struct sim_timer timer;
    struct sim *sim;
    enum kind kind;
    uint32_t from, to; /* slots */
    uint64_t from_process, to_process;
    enum mesh_role from_role;
    uint64_t number; /* 0: news, not a message of the link */
    uint64_t call;
    enum mesh_method method;
    uint32_t shard;
    int64_t deadline_ns;
    enum err err;
    struct err_detail *detail;
    struct slice body, undelivered;
};

struct sim_call {
    struct map_node node; /* in proc->calls */
    struct sim_proc *proc;
    uint64_t process; /* asked; 0: nobody */
    uint32_t shard;
    enum err err; /* of one that fails at once */
    struct sim_timer deadline;
    mesh_reply_fn reply;
    void *arg;
};

struct sim_proc *proc_find(struct sim *sim, uint64_t id)
{
    for (uint32_t i = 0; i < SIM_SLOTS; i++)
        if (id && sim->procs[i] && sim->procs[i]->id == id && sim->procs[i]->alive)
            return sim->procs[i];
    return NULL;
}

bool net_role_alive(struct sim *sim, enum mesh_role role)
{
    for (uint32_t i = 0; i < SIM_SLOTS_PER_ROLE; i++)
        if (sim->procs[role * SIM_SLOTS_PER_ROLE + i])
            return true;
    return false;
}

/* -- calls ------------------------------------------------------------------------------------ */

static void end_call(struct sim_call *call, enum err err, const struct err_detail *detail,
                     struct slice body)
{
    static const struct err_detail no_detail;
    struct sim_proc *proc = call->proc;

    map_remove(&proc->calls, &call->node);
    sim_stop(proc->sim, &call->deadline);
    call->reply(call->arg, err, detail ? detail : &no_detail, body);
    proc_wake(proc, proc->sim->now_ns);
}

static void on_deadline(void *arg)
{
    struct sim_call *call = arg;

    end_call(call, call->err, NULL, SLICE_EMPTY);
}

static void post(struct sim_proc *proc, struct sim_proc *to, struct message *msg);

static struct message *message_new(struct sim *sim, enum kind kind)
{
    struct message *msg = ARENA_NEW(&sim->arena, struct message);

    msg->sim = sim;
    msg->kind = kind;
    return msg;
}

static void send_cancel(struct sim_proc *proc, const struct sim_call *call)
{
    struct sim_proc *to = proc_find(proc->sim, call->process);
    struct message *msg = message_new(proc->sim, CANCEL);

    msg->call = call->node.number;
    msg->shard = call->shard;
    if (to)
        post(proc, to, msg);
}

static int by_number(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* Callbacks make and end calls: first the ids, then each by its id. */
static void fail_lost(struct sim_proc *proc, uint64_t process, bool all)
{
    uint64_t *ids = ARENA_ARRAY(&proc->sim->arena, uint64_t, proc->calls.count + 1);
    size_t count = 0;

    for (struct map_node *n = map_next(&proc->calls, NULL); n; n = map_next(&proc->calls, n)) {
        const struct sim_call *call = CONTAINER_OF(n, struct sim_call, node);

        if (call->process && call->process != proc->id && (all || call->process == process))
            ids[count++] = n->number;
    }
    qsort(ids, count, sizeof *ids, by_number);
    for (size_t i = 0; i < count && proc->alive; i++) {
        struct map_node *node = map_get_u64(&proc->calls, ids[i]);

        if (!node)
            continue;
        struct sim_call *call = CONTAINER_OF(node, struct sim_call, node);
        if (all)
            send_cancel(proc, call);
        end_call(call, ERR_PEER_RESET, NULL, SLICE_EMPTY);
    }
}

static void lost(struct sim_proc *proc, enum mesh_role role, uint64_t process, bool all)
{
    proc->sim->resets++;
    fail_lost(proc, process, all);
    if (proc->alive && proc->handlers->peer)
        proc->handlers->peer(proc, role, process, true);
}

/* -- arrival ---------------------------------------------------------------------------------- */

static void on_request(struct sim_proc *proc, const struct message *msg)
{
    const struct mesh_request request = {
        .method = msg->method,
        .shard = msg->shard,
        .from = {.process = msg->from_process, .call = msg->kind == CALL ? msg->call : 0},
        .deadline_mono_ns = msg->kind == CALL ? msg->deadline_ns : 0,
        .body = msg->body,
    };
    const struct mesh_answer none = {.err = ERR_UNIMPLEMENTED, .shard = MESH_NO_SHARD};

    if (proc->handlers->request)
        proc->handlers->request(proc, &request);
    else if (msg->kind == CALL)
        net_reply(proc, request.from, &none);
}

static void on_reply(struct sim_proc *proc, const struct message *msg)
{
    struct map_node *node = map_get_u64(&proc->calls, msg->call);
    struct sim_call *call = node ? CONTAINER_OF(node, struct sim_call, node) : NULL;

    if (call && call->process) {
        end_call(call, msg->err, msg->detail, msg->body);
    } else if (msg->undelivered.len) {
        const struct mesh_target to = {
            .role = msg->from_role, .shard = msg->shard, .process = msg->from_process};

        sim_note(proc->sim, "not delivered", msg->call, msg->shard);
        (void)net_cast(proc, to, METHOD_NOT_DELIVERED, msg->undelivered);
    }
}

static void reset_by_gap(struct sim_proc *proc, const struct message *msg)
{
    struct sim_proc *from = proc_find(proc->sim, msg->from_process);

    sim_note(proc->sim, "reset", msg->from, msg->to);
    lost(proc, msg->from_role, msg->from_process, true);
    if (from && proc->alive)
        post(proc, from, message_new(proc->sim, RESET));
}

static void on_news(struct sim_proc *proc, const struct message *msg)
{
    if (msg->kind == DOWN)
        fail_lost(proc, msg->from_process, false);
    if (proc->alive && proc->handlers->peer)
        proc->handlers->peer(proc, msg->from_role, msg->from_process, msg->kind == UP);
}

static const char *const kind_names[] = {"",      "call", "cast", "reply", "cancel",
                                         "reset", "ping", "up",   "down"};

static void arrive(void *arg)
{
    struct message *msg = arg;
    struct sim *sim = msg->sim;
    struct sim_proc *proc = sim->procs[msg->to];
    struct sim_link *link = &sim->links[msg->from][msg->to];

    if (!proc || !proc->alive || proc->id != msg->to_process)
        return;
    sim_note(sim, kind_names[msg->kind],
             (uint64_t)msg->from << 48 | (uint64_t)msg->to << 40 | (uint64_t)msg->method << 8 |
                 msg->err,
             msg->body.len ? hash_bytes(msg->body, msg->call) : msg->call);
    if (sim->verbose && msg->kind <= REPLY)
        sim_note_text(sim, "  %u>%u %s call %llu shard %d %s", msg->from, msg->to,
                      msg->kind == REPLY ? "" : mesh_method_name(msg->method),
                      (unsigned long long)msg->call, (int)msg->shard,
                      msg->kind == REPLY ? err_name(msg->err) : "");
    if (msg->number && msg->from_process == link->dead && msg->number > link->dead_number)
        return; /* it died with its sender */
    if (msg->number && sim->procs[msg->from] && sim->procs[msg->from]->id == msg->from_process) {
        const bool gap = msg->number != link->received + 1;

        link->received = msg->number;
        if (gap)
            reset_by_gap(proc, msg);
    }
    if (!proc->alive)
        return;
    switch (msg->kind) {
    case CALL:
    case CAST:
        on_request(proc, msg);
        break;
    case REPLY:
        on_reply(proc, msg);
        break;
    case CANCEL:
        if (proc->handlers->canceled)
            proc->handlers->canceled(
                proc, msg->shard,
                (struct mesh_addr){.process = msg->from_process, .call = msg->call});
        break;
    case RESET:
        lost(proc, msg->from_role, msg->from_process, false);
        break;
    case PING:
        break;
    case UP:
    case DOWN:
        on_news(proc, msg);
        break;
    }
    proc_wake(proc, sim->now_ns);
}

/* -- departure -------------------------------------------------------------------------------- */

static int64_t way_ns(struct sim *sim)
{
    if (sim_faulty(sim, sim->faults.slow_ppm))
        return sim_between(sim, NS_PER_MS, sim_chance(sim, 100000) ? 2 * NS_PER_S : 50 * NS_PER_MS);
    return sim_between(sim, 20 * NS_PER_US, 300 * NS_PER_US);
}

static void ping(void *arg)
{
    struct sim_link *link = arg;
    struct sim_proc *from = link->sim->procs[link->from], *to = link->sim->procs[link->to];

    if (from && from->alive && to && to->alive)
        post(from, to, message_new(link->sim, PING));
}

static void post(struct sim_proc *proc, struct sim_proc *to, struct message *msg)
{
    struct sim *sim = proc->sim;
    struct sim_link *link = &sim->links[proc->slot][to->slot];
    const bool news = msg->kind == UP || msg->kind == DOWN;

    if (!proc->alive && !news)
        return;
    msg->from = proc->slot;
    msg->to = to->slot;
    msg->from_process = proc->id;
    msg->from_role = proc->role;
    msg->to_process = to->id;
    if (!news) {
        msg->number = ++link->sent;
        if (proc != to &&
            (sim->now_ns < link->cut_until_ns || sim_faulty(sim, sim->faults.drop_ppm))) {
            sim_note(sim, "lost", proc->slot, to->slot);
            if (link->ping.node.index == 0)
                sim_arm(sim, &link->ping, sim->now_ns + BEAT_NS);
            return;
        }
    }
    int64_t at_ns = sim->now_ns + way_ns(sim);
    if (at_ns < link->last_ns)
        at_ns = link->last_ns;
    link->last_ns = at_ns;
    msg->timer.fire = arrive;
    msg->timer.arg = msg;
    sim_arm(sim, &msg->timer, at_ns);
}

static struct sim_proc *target(struct sim *sim, struct mesh_target to)
{
    if (to.process)
        return proc_find(sim, to.process);
    must(to.role < ROLE_COUNT && to.shard < SIM_SHARDS);
    return proc_find(sim, sim->owner[to.role][to.shard]);
}

uint64_t net_call(struct sim_proc *proc, struct mesh_target to, enum mesh_method method,
                  struct slice body, int64_t timeout_ms, mesh_reply_fn reply, void *arg)
{
    struct sim *sim = proc->sim;
    struct sim_call *call = ARENA_NEW(&sim->arena, struct sim_call);
    struct sim_proc *asked = target(sim, to);
    /* The owner may be dead without anybody knowing: then nothing answers until they do. */
    const bool placed = to.process || sim->owner[to.role][to.shard];

    call->proc = proc;
    call->reply = reply;
    call->arg = arg;
    call->shard = to.shard;
    call->process = to.process              ? to.process
                    : placed && proc->alive ? sim->owner[to.role][to.shard]
                                            : 0;
    call->deadline.fire = on_deadline;
    call->deadline.arg = call;
    map_put_u64(&proc->calls, ++proc->last_call, &call->node);
    if (call->process == 0 || (to.process && !asked)) {
        call->process = 0;
        call->err = ERR_UNAVAILABLE;
        sim_arm(sim, &call->deadline, sim->now_ns);
        return call->node.number;
    }
    call->err = ERR_TIMEOUT;
    const int64_t deadline_ns = sim->now_ns + (timeout_ms > 0 ? timeout_ms : 0) * NS_PER_MS;
    sim_arm(sim, &call->deadline, deadline_ns);
    if (asked) {
        struct message *msg = message_new(sim, CALL);

        msg->call = call->node.number;
        msg->method = method;
        msg->shard = to.shard;
        msg->deadline_ns = deadline_ns;
        msg->body = arena_copy(&sim->arena, body);
        post(proc, asked, msg);
    }
    return call->node.number;
}

void net_cancel(struct sim_proc *proc, uint64_t id)
{
    struct map_node *node = map_get_u64(&proc->calls, id);

    if (!node)
        return;
    struct sim_call *call = CONTAINER_OF(node, struct sim_call, node);
    send_cancel(proc, call);
    map_remove(&proc->calls, &call->node);
    sim_stop(proc->sim, &call->deadline);
}

/* A dropped cast: when there is room or an owner again, both sides hear of each other. */
struct room {
    struct sim *sim;
    uint64_t ids[2];
};

static void tell_room(void *arg)
{
    const struct room *room = arg;

    for (uint32_t i = 0; i < 2; i++) {
        struct sim_proc *proc = proc_find(room->sim, room->ids[i]);
        const struct sim_proc *peer = proc_find(room->sim, room->ids[!i]);

        if (proc && peer && proc->handlers->peer) {
            proc->handlers->peer(proc, peer->role, peer->id, true);
            proc_wake(proc, room->sim->now_ns);
        }
    }
}

static void room_later(struct sim *sim, uint64_t a, uint64_t b)
{
    struct room *room = ARENA_NEW(&sim->arena, struct room);

    *room = (struct room){sim, {a, b}};
    sim_later(sim, sim_between(sim, 10 * NS_PER_MS, NS_PER_S), tell_room, room);
}

struct undelivered {
    struct sim *sim;
    uint32_t shard;
    struct slice bytes;
};

/* It follows its shard to whoever serves it. */
static void undelivered_again(void *arg)
{
    struct undelivered *u = arg;
    struct sim_proc *owner = proc_find(u->sim, u->sim->owner[ROLE_HISTORY][u->shard]);

    if (owner)
        (void)net_cast(owner, MESH_SHARD(ROLE_HISTORY, u->shard), METHOD_NOT_DELIVERED, u->bytes);
}

void net_dropped(struct sim_proc *proc, const struct mesh_request *request)
{
    struct sim *sim = proc->sim;

    if (request->method == METHOD_NOT_DELIVERED) {
        struct undelivered *u = ARENA_NEW(&sim->arena, struct undelivered);

        *u = (struct undelivered){sim, request->shard, arena_copy(&sim->arena, request->body)};
        sim_later(sim, 100 * NS_PER_MS, undelivered_again, u);
    } else {
        room_later(sim, proc->id, request->from.process);
    }
}

bool net_cast(struct sim_proc *proc, struct mesh_target to, enum mesh_method method,
              struct slice body)
{
    struct sim *sim = proc->sim;
    struct sim_proc *told = target(sim, to);

    if (!told || !proc->alive)
        return false;
    if (method != METHOD_NOT_DELIVERED && sim_faulty(sim, sim->faults.refuse_ppm)) {
        room_later(sim, proc->id, told->id);
        return false;
    }
    struct message *msg = message_new(sim, CAST);
    msg->method = method;
    msg->shard = to.shard;
    msg->body = arena_copy(&sim->arena, body);
    post(proc, told, msg);
    return true;
}

void net_reply(struct sim_proc *proc, struct mesh_addr to, const struct mesh_answer *answer)
{
    struct sim *sim = proc->sim;
    struct sim_proc *told = proc_find(sim, to.process);
    struct buf joined;

    if (to.process == 0 || to.call == 0 || !proc->alive)
        return;
    if (!told) {
        if (answer->undelivered.len)
            (void)net_cast(proc,
                           (struct mesh_target){
                               .role = proc->role, .shard = answer->shard, .process = proc->id},
                           METHOD_NOT_DELIVERED, answer->undelivered);
        return;
    }
    struct message *msg = message_new(sim, REPLY);
    buf_init(&joined, 0);
    for (size_t i = 0; i < answer->count; i++)
        buf_append_slice(&joined, answer->parts[i]);
    msg->call = to.call;
    msg->err = answer->err;
    msg->shard = answer->shard;
    msg->body = arena_copy(&sim->arena, buf_slice(&joined));
    msg->undelivered = arena_copy(&sim->arena, answer->undelivered);
    if (answer->err != ERR_OK && answer->detail) {
        msg->detail = ARENA_NEW(&sim->arena, struct err_detail);
        memcpy(msg->detail->text, answer->detail->text, sizeof msg->detail->text);
    }
    buf_release(&joined);
    post(proc, told, msg);
}

/* -- coming and going -------------------------------------------------------------------------- */

void net_init(struct sim *sim)
{
    for (uint32_t a = 0; a < SIM_SLOTS; a++)
        for (uint32_t b = 0; b < SIM_SLOTS; b++) {
            struct sim_link *link = &sim->links[a][b];

            link->sim = sim;
            link->from = a;
            link->to = b;
            link->ping.fire = ping;
            link->ping.arg = link;
        }
}

void net_join(struct sim_proc *proc)
{
    struct sim *sim = proc->sim;

    proc->id = ++sim->last_process * 16 + proc->slot;
    proc->alive = true;
    for (uint32_t i = 0; i < SIM_SLOTS; i++) {
        struct sim_link *out = &sim->links[proc->slot][i], *in = &sim->links[i][proc->slot];

        out->sent = out->received = in->sent = in->received = 0;
        sim_stop(sim, &out->ping);
        sim_stop(sim, &in->ping);
    }
    for (uint32_t i = 0; i < SIM_SLOTS; i++) {
        struct sim_proc *peer = sim->procs[i];

        if (!peer || !peer->alive || peer == proc)
            continue;
        post(proc, peer, message_new(sim, UP));
        post(peer, proc, message_new(sim, UP));
    }
}

void net_leave(struct sim_proc *proc)
{
    struct sim *sim = proc->sim;

    proc->alive = false;
    for (uint32_t i = 0; i < SIM_SLOTS; i++) {
        struct sim_proc *peer = sim->procs[i];

        struct sim_link *link = &sim->links[proc->slot][i];

        if (!peer || !peer->alive || peer == proc)
            continue;
        link->dead = proc->id;
        link->dead_number = link->received + rng_below(&sim->rng, link->sent - link->received + 1);
        post(proc, peer, message_new(sim, DOWN));
    }
    sim_stop(sim, &proc->wake);
}

void net_forget(struct sim_proc *proc)
{
    for (struct map_node *n = map_next(&proc->calls, NULL); n; n = map_next(&proc->calls, n))
        sim_stop(proc->sim, &CONTAINER_OF(n, struct sim_call, node)->deadline);
    map_release(&proc->calls);
}

void net_cut(struct sim *sim, uint32_t a, uint32_t b, int64_t for_ns)
{
    sim_note(sim, "cut", a, b);
    sim->links[a][b].cut_until_ns = sim->links[b][a].cut_until_ns = sim->now_ns + for_ns;
}
