/* requests.c - the life of a request: memory, the wait for durability, parking and expiry. */
#include "history/shard/shard_int.h"

#include <stdlib.h>

struct hs_request *hs_request_new(struct history_shard *shard, struct mesh_addr from)
{
    if (shard->request_count >= HS_REQUESTS_MAX)
        return NULL;
    struct hs_request *req = calloc(1, sizeof *req);
    must(req != NULL);
    arena_init(&req->arena);
    req->from = from;
    req->deadline_mono_ns = INT64_MAX;
    req->began_mono_ns = hs_mono_ns(shard);
    list_init(&req->node);
    list_push_back(&shard->requests, &req->all);
    shard->request_count++;
    return req;
}

void hs_request_free(struct history_shard *shard, struct hs_request *req)
{
    hs_unpark(shard, req);
    heap_remove(&shard->outputs, &req->output);
    list_remove(&req->node);
    list_remove(&req->all);
    must(shard->request_count > 0);
    shard->request_count--;
    arena_release(&req->arena);
    free(req);
}

static void send_replies(struct history_shard *shard, struct hs_request *req)
{
    for (uint32_t i = 0; i < req->reply_count; i++) {
        const struct hs_reply *reply = &req->replies[i];

        if (reply->to.call == 0)
            continue; /* a cast, or the shard's own */
        const struct mesh_answer answer = {
            .err = reply->err,
            .detail = reply->err == ERR_OK ? NULL : &req->detail,
            .parts = reply->parts,
            .count = reply->count,
            .undelivered = reply->undelivered,
            .shard = shard->options.shard_id,
        };
        shard->net->reply(shard->net->self, reply->to, &answer);
    }
}

void hs_request_abandon(struct history_shard *shard, struct hs_request *req)
{
    req->reply_count = 0;
    req->detail = (struct err_detail){0};
    err_fail(&req->detail, ERR_UNAVAILABLE, "shard closed");
    hs_add_reply(req, req->from, ERR_UNAVAILABLE);
    send_replies(shard, req);
    hs_request_free(shard, req);
}

struct hs_reply *hs_add_reply(struct hs_request *req, struct mesh_addr to, enum err err)
{
    must(req->reply_count < COUNT_OF(req->replies));
    struct hs_reply *reply = &req->replies[req->reply_count++];
    *reply = (struct hs_reply){.to = to, .err = err};
    return reply;
}

void hs_release(struct history_shard *shard, struct hs_request *req, int64_t seq)
{
    must(!req->parked);
    if (seq > shard->durable) {
        heap_add(&shard->outputs, &req->output, seq);
        return;
    }
    hs_operation_done(shard, req);
    send_replies(shard, req);
    hs_request_free(shard, req);
}

void hs_let_out(struct history_shard *shard)
{
    struct heap_node *first;

    while ((first = heap_first(&shard->outputs)) && first->at <= shard->durable) {
        struct hs_request *req = CONTAINER_OF(first, struct hs_request, output);

        heap_remove(&shard->outputs, first);
        hs_release(shard, req, 0);
    }
}

void hs_answer(struct history_shard *shard, struct hs_request *req, enum err err, struct slice body,
               int64_t seq)
{
    struct hs_reply *reply = hs_add_reply(req, req->from, err);

    if (body.len) {
        reply->parts[0] = body;
        reply->count = 1;
    }
    hs_release(shard, req, seq);
}

/* -- parking -------------------------------------------------------------------------------- */

static void addr_key(uint8_t key[16], struct mesh_addr addr)
{
    be64_put(key, addr.process);
    be64_put(key + 8, addr.call);
}

void hs_park(struct history_shard *shard, struct hs_request *req, int64_t until_mono_ns,
             hs_request_fn expired, hs_request_fn canceled)
{
    must(!req->parked);
    req->parked = true;
    req->expired = expired;
    req->canceled = canceled;
    if (until_mono_ns != INT64_MAX)
        heap_add(&shard->expiries, &req->expiry, until_mono_ns);
    addr_key(req->parked_key, req->from);
    const struct slice key = slice_of(req->parked_key, sizeof req->parked_key);
    req->parked_by_addr = req->from.call != 0 && !map_get(&shard->parked, key);
    if (req->parked_by_addr)
        map_put(&shard->parked, key, &req->parked_node);
}

void hs_unpark(struct history_shard *shard, struct hs_request *req)
{
    if (!req->parked)
        return;
    req->parked = false;
    heap_remove(&shard->expiries, &req->expiry);
    if (req->parked_by_addr)
        map_remove(&shard->parked, &req->parked_node);
    req->parked_by_addr = false;
}

void hs_expire(struct history_shard *shard, int64_t mono_ns)
{
    struct heap_node *first;

    while ((first = heap_first(&shard->expiries)) && first->at <= mono_ns) {
        struct hs_request *req = CONTAINER_OF(first, struct hs_request, expiry);

        hs_unpark(shard, req);
        req->expired(shard, req);
    }
}

void history_shard_canceled(struct history_shard *shard, struct mesh_addr from)
{
    uint8_t key[16];

    addr_key(key, from);
    struct map_node *node = map_get(&shard->parked, slice_of(key, sizeof key));
    if (!node)
        return;
    struct hs_request *req = CONTAINER_OF(node, struct hs_request, parked_node);
    hs_unpark(shard, req);
    req->canceled(shard, req);
    hs_rearm(shard);
}
