/* port.c - one loop's side of the mesh: its calls that wait for an answer, and its queue.
 *
 * 1. A call in the table is answered exactly once, by a reply, a timeout, a reset or a failure at
 *    the end of the turn, or leaves it by mesh_cancel(). It is out of the table before its
 *    callback runs.
 * 2. A freed port's memory stays until mesh_close(): what still runs for it finds `closed`.
 * 3. Call ids: the port's index in the top byte, below it a count from a random start. An answer
 *    to a process or port of the past meets no waiting call. */
#include "common/mesh/mesh_int.h"

#include <stdlib.h>

enum { SPARE_MAX = 1024 };
#define CALL_MASK ((UINT64_C(1) << MESH_PORT_SHIFT) - 1)

struct mesh_pending {
    struct map_node node;
    struct heap_node deadline;
    struct list failing; /* in port->failing, or alone */
    uint64_t process;    /* asked; 0: nobody */
    uint32_t shard;
    enum err err; /* of a failing one */
    mesh_reply_fn reply;
    void *arg;
};

/* -- the queue ------------------------------------------------------------------------------ */

void mesh_delivery_free(struct mesh_delivery *delivery)
{
    mesh_inmsg_unref(delivery->msg);
    free(delivery);
}

static void drain(void *arg);

/* Under the port's mutex. Gives whether drain() is to be posted. */
static bool wake(struct mesh_port *port)
{
    if (port->posted)
        return false;
    port->posted = true;
    if (port->waiting_mono_ns == 0)
        port->waiting_mono_ns = clock_mono_ns(port->mesh->options.clock);
    return true;
}

bool mesh_port_turns(struct mesh_port *port, int64_t now_ns, bool probe, struct mesh_turns *out)
{
    pthread_mutex_lock(&port->mutex);
    const bool open = !port->closed;
    const int64_t since_ns = port->waiting_mono_ns;
    const int64_t waiting_ms = since_ns && now_ns > since_ns ? (now_ns - since_ns) / NS_PER_MS : 0;
    const bool post = open && probe && wake(port);
    *out = (struct mesh_turns){port->turns,
                               waiting_ms < UINT32_MAX ? (uint32_t)waiting_ms : UINT32_MAX};
    if (post)
        loop_post_fn(port->loop, drain, port); /* under the mutex: it may be closed right after */
    pthread_mutex_unlock(&port->mutex);
    return open;
}

/* Between two deliveries: a busy thread is not a hung one. */
static void made_a_turn(struct mesh_port *port)
{
    pthread_mutex_lock(&port->mutex);
    port->turns++;
    port->waiting_mono_ns = clock_mono_ns(port->mesh->options.clock);
    pthread_mutex_unlock(&port->mutex);
}

static void turns_end(struct mesh_port *port)
{
    pthread_mutex_lock(&port->mutex);
    port->turns++;
    port->waiting_mono_ns = port->posted ? clock_mono_ns(port->mesh->options.clock) : 0;
    pthread_mutex_unlock(&port->mutex);
}

bool mesh_port_deliver(struct mesh_port *port, struct mesh_delivery *delivery, bool force)
{
    bool post = false;

    pthread_mutex_lock(&port->mutex);
    const bool fits = force || port->queued_bytes + delivery->bytes <= port->queue_bytes_max;
    const bool taken = !port->closed && fits;
    if (taken) {
        delivery->next = NULL;
        *port->last = delivery;
        port->last = &delivery->next;
        port->queued_bytes += delivery->bytes;
        post = wake(port);
    }
    pthread_mutex_unlock(&port->mutex);
    if (post)
        loop_post_fn(port->loop, drain, port);
    return taken;
}

size_t mesh_port_queued_bytes(struct mesh_port *port)
{
    pthread_mutex_lock(&port->mutex);
    const size_t bytes = port->queued_bytes;
    pthread_mutex_unlock(&port->mutex);
    return bytes;
}

void mesh_port_dropped(struct mesh_port *port, uint64_t process, enum mesh_role role)
{
    bool post = false;
    size_t i = 0;

    pthread_mutex_lock(&port->mutex);
    while (i < port->dropped_count && port->dropped[i].process != process)
        i++;
    if (i == port->dropped_count && i < MEMBERS_MAX && !port->closed) {
        port->dropped[port->dropped_count++] = (struct mesh_dropped){process, role};
        post = wake(port); /* it may have been drained since it was full */
    }
    pthread_mutex_unlock(&port->mutex);
    if (post)
        loop_post_fn(port->loop, drain, port);
}

static struct mesh_delivery *take_queue(struct mesh_port *port)
{
    pthread_mutex_lock(&port->mutex);
    struct mesh_delivery *first = port->first;
    port->first = NULL;
    port->last = &port->first;
    port->queued_bytes = 0;
    port->posted = false;
    pthread_mutex_unlock(&port->mutex);
    return first;
}

/* -- sending -------------------------------------------------------------------------------- */

/* What one turn posts to a peer goes in one message. */
static void send_all(void *arg)
{
    struct mesh_port *port = arg;

    for (uint32_t i = 0; i < port->unsent_count; i++) {
        mesh_outbox_send(port->unsent[i]->outbox);
        mesh_peer_unref(port->unsent[i]);
    }
    port->unsent_count = 0;
}

static enum err port_post(struct mesh_port *port, uint64_t process, const struct envelope *envelope,
                          const struct slice *parts, size_t count)
{
    struct mesh *mesh = port->mesh;
    uint32_t i = 0;

    if (process == mesh->self)
        return mesh_post(mesh, process, envelope, parts, count);
    while (i < port->unsent_count && port->unsent[i]->member.process != process)
        i++;
    if (i < port->unsent_count)
        return mesh_outbox_add(port->unsent[i]->outbox, envelope, parts, count) ? ERR_OK : ERR_BUSY;
    struct mesh_peer *peer = mesh_peer_get(mesh, process, true);
    if (!peer)
        return ERR_UNAVAILABLE;
    if (!mesh_outbox_add(peer->outbox, envelope, parts, count)) {
        mesh_peer_unref(peer);
        return ERR_BUSY;
    }
    if (port->unsent_count == MESH_UNSENT_MAX)
        send_all(port);
    port->unsent[port->unsent_count++] = peer;
    loop_at_turn_end(port->loop, &port->send_msg);
    return ERR_OK;
}

/* -- waiting calls -------------------------------------------------------------------------- */

static struct mesh_pending *find_call(const struct mesh_port *port, uint64_t id)
{
    struct map_node *node = map_get_u64(&port->calls, id);

    return node ? CONTAINER_OF(node, struct mesh_pending, node) : NULL;
}

static void forget_call(struct mesh_port *port, struct mesh_pending *call)
{
    map_remove(&port->calls, &call->node);
    heap_remove(&port->deadlines, &call->deadline);
    list_remove(&call->failing);
    if (port->spare_count >= SPARE_MAX) {
        free(call);
        return;
    }
    call->node.next = port->spare ? &port->spare->node : NULL;
    port->spare = call;
    port->spare_count++;
}

static struct mesh_pending *new_call(struct mesh_port *port)
{
    struct mesh_pending *call = port->spare;

    if (call) {
        port->spare =
            call->node.next ? CONTAINER_OF(call->node.next, struct mesh_pending, node) : NULL;
        port->spare_count--;
        memset(call, 0, sizeof *call);
    } else {
        call = calloc(1, sizeof *call);
        must(call != NULL);
    }
    list_init(&call->failing);
    uint64_t id;
    do
        id = port->index << MESH_PORT_SHIFT | (port->next_call++ & CALL_MASK);
    while (id == 0);
    map_put_u64(&port->calls, id, &call->node);
    return call;
}

static void answer_call(struct mesh_port *port, struct mesh_pending *call, enum err err,
                        const struct err_detail *detail, struct slice body)
{
    static const struct err_detail no_detail;
    const mesh_reply_fn reply = call->reply;
    void *arg = call->arg;

    forget_call(port, call);
    reply(arg, err, detail ? detail : &no_detail, body);
}

static void on_turn_end(void *arg)
{
    struct mesh_port *port = arg;
    struct list *first;

    while (!port->closed && (first = list_pop_front(&port->failing)) != NULL) {
        struct mesh_pending *call = CONTAINER_OF(first, struct mesh_pending, failing);

        answer_call(port, call, call->err, NULL, SLICE_EMPTY);
    }
}

static void fail_later(struct mesh_port *port, struct mesh_pending *call, enum err err)
{
    call->err = err;
    call->process = 0;
    list_push_back(&port->failing, &call->failing);
    loop_at_turn_end(port->loop, &port->fail_msg);
}

/* Does the loss of `process` (all: of messages from anybody) end this call? */
static bool is_lost(const struct mesh_port *port, const struct mesh_pending *call, uint64_t process,
                    bool all)
{
    if (call->process == 0 || call->process == port->mesh->self)
        return false;
    return all || call->process == process;
}

static void send_cancel(struct mesh_port *port, const struct mesh_pending *call)
{
    const struct envelope cancel = {
        .kind = ENVELOPE_CANCEL, .call = call->node.number, .shard = call->shard};

    if (call->process)
        (void)port_post(port, call->process, &cancel, NULL, 0);
}

/* Callbacks may end and make calls: so first the ids, then each by its id. */
static void fail_lost(struct mesh_port *port, uint64_t process, bool all)
{
    const size_t max = port->calls.count;
    uint64_t *ids = malloc((max ? max : 1) * sizeof *ids);
    size_t count = 0;

    must(ids != NULL);
    for (struct map_node *n = map_next(&port->calls, NULL); n; n = map_next(&port->calls, n))
        if (is_lost(port, CONTAINER_OF(n, struct mesh_pending, node), process, all))
            ids[count++] = n->number;
    for (size_t i = 0; i < count && !port->closed; i++) {
        struct mesh_pending *call = find_call(port, ids[i]);

        if (!call)
            continue;
        if (all)
            send_cancel(port, call);
        answer_call(port, call, ERR_PEER_RESET, NULL, SLICE_EMPTY);
    }
    free(ids);
}

/* -- time ----------------------------------------------------------------------------------- */

static void arm(struct mesh_port *port)
{
    const struct heap_node *first = heap_first(&port->deadlines);

    if (!first || port->timer_at_ns <= first->at)
        return;
    const int64_t left_ns = first->at - clock_mono_ns(port->mesh->options.clock);
    port->timer_at_ns = first->at;
    loop_timer_start(port->loop, &port->timer,
                     left_ns > 0 ? (left_ns + NS_PER_MS - 1) / NS_PER_MS : 0);
}

static void on_timer(void *arg)
{
    struct mesh_port *port = arg;
    const int64_t now_ns = clock_mono_ns(port->mesh->options.clock);
    struct heap_node *first;

    port->timer_at_ns = INT64_MAX;
    while (!port->closed && (first = heap_first(&port->deadlines)) && first->at <= now_ns) {
        struct mesh_pending *call = CONTAINER_OF(first, struct mesh_pending, deadline);

        answer_call(port, call, ERR_TIMEOUT, NULL, SLICE_EMPTY);
    }
    if (!port->closed)
        arm(port);
}

/* -- heartbeats ----------------------------------------------------------------------------- */

static void beat_later(struct mesh_port *port)
{
    if (port->beating)
        return;
    port->beating = true;
    loop_timer_start(port->loop, &port->beat, MESH_BEAT_MS);
}

/* Something left that nobody may ever answer: a lost tail must show by itself. */
static void beat_for_told(struct mesh_port *port)
{
    port->unconfirmed = true;
    beat_later(port);
}

static void on_beat(void *arg)
{
    struct mesh_port *port = arg;

    port->beating = false;
    if (port->closed || (port->calls.count == 0 && !port->unconfirmed))
        return;
    port->unconfirmed = false;
    mesh_beat(port->mesh);
    if (port->calls.count > 0)
        beat_later(port);
}

/* -- what came ------------------------------------------------------------------------------ */

static void on_request(struct mesh_port *port, const struct mesh_delivery *delivery,
                       const struct envelope *envelope)
{
    const bool is_call = envelope->kind == ENVELOPE_CALL;
    struct mesh_request request = {
        .method = (enum mesh_method)envelope->method,
        .shard = envelope->shard,
        .from = {.process = delivery->process, .call = is_call ? envelope->call : 0},
        .body = envelope->body,
    };

    if (is_call) {
        const int64_t remaining_ms =
            envelope->remaining_ms < INT64_C(1) << 40 ? envelope->remaining_ms : INT64_C(1) << 40;
        request.deadline_mono_ns = delivery->received_mono_ns + remaining_ms * NS_PER_MS;
    }
    if (port->handlers.request) {
        port->handlers.request(port->handlers.arg, &request);
    } else if (is_call) {
        const struct mesh_answer none = {.err = ERR_UNIMPLEMENTED, .shard = MESH_NO_SHARD};
        mesh_reply(port, request.from, &none);
    }
}

static void on_reply(struct mesh_port *port, uint64_t process, const struct envelope *envelope)
{
    struct mesh_pending *call = find_call(port, envelope->call);

    if (!call || !list_empty(&call->failing)) {
        const struct envelope back = {.kind = ENVELOPE_CAST,
                                      .method = METHOD_NOT_DELIVERED,
                                      .shard = envelope->shard,
                                      .reserved = true};
        if (envelope->undelivered.len)
            (void)port_post(port, process, &back, &envelope->undelivered, 1);
        return;
    }
    if (envelope->err == ERR_OK) {
        answer_call(port, call, ERR_OK, NULL, envelope->body);
        return;
    }
    struct err_detail detail = {{0}, NULL, envelope->detail_payload};
    char type[MESH_DETAIL_TYPE_MAX + 1];
    const size_t text_len = envelope->detail_text.len < sizeof detail.text - 1
                                ? envelope->detail_text.len
                                : sizeof detail.text - 1;
    if (text_len)
        memcpy(detail.text, envelope->detail_text.ptr, text_len);
    if (envelope->detail_type.len) {
        must(envelope->detail_type.len < sizeof type);
        memcpy(type, envelope->detail_type.ptr, envelope->detail_type.len);
        type[envelope->detail_type.len] = '\0';
        detail.type = type;
    }
    answer_call(port, call, envelope->err, &detail, envelope->body);
}

static void on_envelopes(struct mesh_port *port, const struct mesh_delivery *delivery)
{
    for (uint32_t i = 0; i < delivery->count && !port->closed; i++) {
        const struct envelope *envelope = &delivery->envelopes[i];

        switch (envelope->kind) {
        case ENVELOPE_CALL:
        case ENVELOPE_CAST:
            on_request(port, delivery, envelope);
            break;
        case ENVELOPE_REPLY:
            on_reply(port, delivery->process, envelope);
            break;
        case ENVELOPE_CANCEL:
            if (port->handlers.canceled)
                port->handlers.canceled(
                    port->handlers.arg, envelope->shard,
                    (struct mesh_addr){.process = delivery->process, .call = envelope->call});
            break;
        default:
            break;
        }
    }
}

static void on_news(struct mesh_port *port, const struct mesh_delivery *delivery)
{
    if (delivery->what == DELIVER_PLACED) {
        if (port->handlers.placed)
            port->handlers.placed(port->handlers.arg);
        return;
    }
    if (delivery->what == DELIVER_DOWN)
        send_all(port); /* lets go of it: what is posted to it from now on is refused */
    if (delivery->what != DELIVER_UP && delivery->what != DELIVER_DIRTY)
        fail_lost(port, delivery->process, delivery->what == DELIVER_LOST);
    if (!port->closed && port->handlers.peer)
        port->handlers.peer(port->handlers.arg, delivery->role, delivery->process,
                            delivery->what != DELIVER_DOWN);
}

/* What a port that is gone will not handle: those who wait are told at once. */
static void drop_delivery(struct mesh_port *port, struct mesh_delivery *delivery)
{
    if (delivery->what == DELIVER_ENVELOPES)
        for (uint32_t i = 0; i < delivery->count; i++)
            mesh_refuse(port->mesh, delivery->process, &delivery->envelopes[i], ERR_NOT_OWNER);
}

/* The queue was full and is empty: what was dropped is derived again, by the sender or by us. */
static void tell_dropped(struct mesh_port *port)
{
    const struct envelope dropped = {
        .kind = ENVELOPE_DROPPED, .shard = MESH_NO_SHARD, .reserved = true};

    for (;;) {
        pthread_mutex_lock(&port->mutex);
        const bool any = port->dropped_count > 0;
        const struct mesh_dropped from =
            any ? port->dropped[--port->dropped_count] : (struct mesh_dropped){0};
        pthread_mutex_unlock(&port->mutex);
        if (!any || port->closed)
            return;
        if (port_post(port, from.process, &dropped, NULL, 0) != ERR_UNAVAILABLE &&
            port->handlers.peer)
            port->handlers.peer(port->handlers.arg, from.role, from.process, true);
    }
}

static void drain(void *arg)
{
    struct mesh_port *port = arg;

    for (struct mesh_delivery *delivery = take_queue(port), *next; delivery; delivery = next) {
        next = delivery->next;
        if (port->closed)
            drop_delivery(port, delivery); /* freed in the middle of the queue */
        else if (delivery->what == DELIVER_ENVELOPES)
            on_envelopes(port, delivery);
        else
            on_news(port, delivery);
        mesh_delivery_free(delivery);
        made_a_turn(port);
    }
    if (!port->closed)
        tell_dropped(port);
    turns_end(port);
}

/* -- the verbs ------------------------------------------------------------------------------ */

static size_t parts_bytes(const struct slice *parts, size_t count)
{
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += parts[i].len;
    return bytes;
}

static uint64_t target_process(struct mesh *mesh, struct mesh_target to)
{
    if (to.process)
        return to.process;
    return mesh_owner(mesh, to.role, to.shard == MESH_NO_SHARD ? 0 : to.shard);
}

uint64_t mesh_call(struct mesh_port *port, struct mesh_target to, enum mesh_method method,
                   const struct slice *parts, size_t count, int64_t timeout_ms, mesh_reply_fn reply,
                   void *arg)
{
    struct mesh_pending *call = new_call(port);
    const uint64_t id = call->node.number;
    enum err err;

    must(reply != NULL && !port->closed);
    if (timeout_ms < 0)
        timeout_ms = 0;
    call->reply = reply;
    call->arg = arg;
    call->shard = to.shard;
    call->process = target_process(port->mesh, to);
    counter_add(port->mesh->calls, 1);
    if (call->process == 0) {
        err = ERR_UNAVAILABLE;
    } else if (port->calls.count > MESH_CALLS_MAX || parts_bytes(parts, count) > MESH_BODY_MAX) {
        err = ERR_BUSY;
    } else {
        const struct envelope envelope = {.kind = ENVELOPE_CALL,
                                          .method = method,
                                          .call = id,
                                          .shard = to.shard,
                                          .remaining_ms = timeout_ms};
        err = port_post(port, call->process, &envelope, parts, count);
    }
    if (err != ERR_OK) {
        fail_later(port, call, err);
        return id;
    }
    heap_add(&port->deadlines, &call->deadline,
             clock_mono_ns(port->mesh->options.clock) + timeout_ms * NS_PER_MS);
    arm(port);
    beat_later(port);
    return id;
}

void mesh_cancel(struct mesh_port *port, uint64_t id)
{
    struct mesh_pending *call = find_call(port, id);

    if (!call)
        return;
    send_cancel(port, call);
    forget_call(port, call);
}

struct mesh_addr mesh_call_addr(const struct mesh_port *port, uint64_t call)
{
    return (struct mesh_addr){.process = port->mesh->self, .call = call};
}

static void bounce(struct mesh_port *port, const struct mesh_answer *answer)
{
    const struct envelope back = {
        .kind = ENVELOPE_CAST, .method = METHOD_NOT_DELIVERED, .shard = answer->shard};

    if (answer->undelivered.len)
        (void)mesh_deliver_self(port->mesh, &back, &answer->undelivered, 1);
}

void mesh_reply(struct mesh_port *port, struct mesh_addr to, const struct mesh_answer *answer)
{
    struct envelope envelope = {.kind = ENVELOPE_REPLY,
                                .call = to.call,
                                .shard = answer->shard,
                                .err = answer->err,
                                .undelivered = answer->undelivered};

    if (to.process == 0 || to.call == 0)
        return;
    if (answer->err != ERR_OK && answer->detail) {
        envelope.detail_text = slice_str(answer->detail->text);
        envelope.detail_type = slice_str(answer->detail->type);
        envelope.detail_payload = answer->detail->payload;
        must(envelope.detail_type.len <= MESH_DETAIL_TYPE_MAX);
    }
    if (parts_bytes(answer->parts, answer->count) > MESH_BODY_MAX ||
        envelope.detail_payload.len + envelope.undelivered.len > MESH_REPLY_EXTRA_MAX) {
        envelope = (struct envelope){.kind = ENVELOPE_REPLY,
                                     .call = to.call,
                                     .shard = answer->shard,
                                     .err = ERR_BUSY,
                                     .detail_text = SLICE_LIT("the answer is too large")};
        (void)port_post(port, to.process, &envelope, NULL, 0);
        return;
    }
    const enum err posted = port_post(port, to.process, &envelope, answer->parts, answer->count);
    if (posted != ERR_OK)
        bounce(port, answer);
    if (posted == ERR_BUSY) /* the caller takes no more answers, but must know that this is all */
        (void)mesh_post(
            port->mesh, to.process,
            &(struct envelope){
                .kind = ENVELOPE_REPLY, .call = to.call, .shard = answer->shard, .err = ERR_BUSY},
            NULL, 0);
    beat_for_told(port);
}

bool mesh_cast(struct mesh_port *port, struct mesh_target to, enum mesh_method method,
               const struct slice *parts, size_t count)
{
    const struct envelope envelope = {.kind = ENVELOPE_CAST,
                                      .method = method,
                                      .shard = to.shard,
                                      .reserved = method == METHOD_NOT_DELIVERED};
    const uint64_t process = target_process(port->mesh, to);

    if (process && parts_bytes(parts, count) <= MESH_BODY_MAX &&
        port_post(port, process, &envelope, parts, count) == ERR_OK) {
        beat_for_told(port);
        return true;
    }
    counter_add(port->mesh->casts_dropped, 1);
    return false;
}

/* -- life ----------------------------------------------------------------------------------- */

struct mesh_port *mesh_port_new(struct mesh *mesh, struct loop *loop,
                                const struct mesh_handlers *handlers)
{
    struct mesh_port *port = calloc(1, sizeof *port);

    must(port != NULL);
    port->mesh = mesh;
    port->loop = loop;
    port->handlers = *handlers;
    must(pthread_mutex_init(&port->mutex, NULL) == 0);
    port->last = &port->first;
    port->next_call = atomic_fetch_add(&mesh->call_salt, UINT64_C(0x9e3779b97f4a7c15));
    map_init(&port->calls, port->next_call);
    heap_init(&port->deadlines);
    list_init(&port->failing);
    port->fail_msg = (struct loop_msg){.run = on_turn_end, .arg = port};
    port->timer = (struct loop_timer){.fire = on_timer, .arg = port};
    port->queue_bytes_max = MESH_QUEUE_BYTES_MAX;
    port->send_msg = (struct loop_msg){.run = send_all, .arg = port};
    port->timer_at_ns = INT64_MAX;
    port->beat = (struct loop_timer){.fire = on_beat, .arg = port};

    pthread_mutex_lock(&mesh->mutex);
    must(mesh->port_count < MESH_PORTS_MAX);
    port->index = mesh->port_count;
    mesh->ports[mesh->port_count++] = port;
    for (size_t i = 0; i < mesh->peer_count; i++)
        mesh_port_tell(port, mesh->peers[i]->member.process, mesh->peers[i]->member.role,
                       DELIVER_UP);
    mesh_port_tell(port, 0, 0, DELIVER_PLACED);
    pthread_mutex_unlock(&mesh->mutex);
    return port;
}

void mesh_port_free(struct mesh_port *port)
{
    if (!port)
        return;
    struct mesh *mesh = port->mesh;

    pthread_mutex_lock(&mesh->mutex);
    for (size_t i = 0; i < MESH_SHARDS_MAX; i++)
        if (mesh->bound[i] == port)
            mesh->bound[i] = NULL;
    pthread_mutex_lock(&port->mutex);
    must(!port->closed);
    port->closed = true;
    pthread_mutex_unlock(&port->mutex);
    pthread_mutex_unlock(&mesh->mutex);

    for (struct mesh_delivery *delivery = take_queue(port), *next; delivery; delivery = next) {
        next = delivery->next;
        drop_delivery(port, delivery);
        mesh_delivery_free(delivery);
    }
    for (struct map_node *n = map_next(&port->calls, NULL), *next; n; n = next) {
        next = map_next(&port->calls, n);
        forget_call(port, CONTAINER_OF(n, struct mesh_pending, node));
    }
    for (struct mesh_pending *call = port->spare, *next; call; call = next) {
        next = call->node.next ? CONTAINER_OF(call->node.next, struct mesh_pending, node) : NULL;
        free(call);
    }
    send_all(port);
    loop_timer_stop(port->loop, &port->timer);
    loop_timer_stop(port->loop, &port->beat);
    map_release(&port->calls);
    heap_release(&port->deadlines);
}

void mesh_bind(struct mesh_port *port, uint32_t shard)
{
    must(shard < MESH_SHARDS_MAX);
    pthread_mutex_lock(&port->mesh->mutex);
    must(port->mesh->bound[shard] == NULL || port->mesh->bound[shard] == port);
    port->mesh->bound[shard] = port;
    mesh_tell_bound(port->mesh, shard);
    pthread_mutex_unlock(&port->mesh->mutex);
}

void mesh_unbind(struct mesh_port *port, uint32_t shard)
{
    must(shard < MESH_SHARDS_MAX);
    pthread_mutex_lock(&port->mesh->mutex);
    if (port->mesh->bound[shard] == port)
        port->mesh->bound[shard] = NULL;
    pthread_mutex_unlock(&port->mesh->mutex);
}
