/* forward.c - an API call on its way to its owner: sent over the mesh, sent again while an owner is
 * being placed, forgotten when the client goes, answered with what comes back.
 *
 * Retries wait in arena memory on a loop timer; the gRPC call is not freed before its answer. */
#include "frontend/admission.h"
#include "frontend/frontend.h"
#include "frontend/shown.h"

#include <string.h>

struct fe_forward {
    struct list node; /* of a long poll, in its loop's list */
    struct fe_call *fc;
    struct fe_target target;
    uint64_t mesh_call; /* outstanding; 0: none */
    struct loop_timer again;
    int64_t first_mono_ns; /* of the first attempt */
    int64_t sent_mono_ns;  /* of the last one */
    int64_t end_mono_ns;   /* no attempt after this */
    uint32_t attempts;
};

/* An attempt that lasted so long stood with an owner, which did not refuse it at once. */
#define WAITED_NS NS_PER_S

int64_t fe_remaining_ms(const struct fe_call *fc, int64_t max_ms)
{
    if (fc->call->deadline_mono_ns == 0)
        return max_ms;
    const int64_t left_ms = (fc->call->deadline_mono_ns - clock_mono_ns(fc->fe->clock)) / NS_PER_MS;
    return left_ms < max_ms ? left_ms : max_ms;
}

static void send(struct fe_forward *fw);

static void send_again(void *arg)
{
    send(arg);
}

/* How long retries may go on after an error of this kind, in ms from the first attempt. */
static int64_t patience_ms(const struct fe_forward *fw, enum err err)
{
    if (fw->target.long_poll)
        return INT64_MAX;
    if (err == ERR_UNAVAILABLE && !mesh_role_alive(fw->fc->fe->mesh, fw->target.to.role))
        return FE_NOBODY_MS;
    return FE_RETRY_MS;
}

/* An error with a detail is an answer: its owner was there. */
static bool try_again(struct fe_forward *fw, enum err err, const struct err_detail *detail)
{
    const bool unknown = err == ERR_PEER_RESET || err == ERR_UNKNOWN;
    const bool not_done = err == ERR_UNAVAILABLE || err == ERR_NOT_OWNER || err == ERR_FENCED;
    const int64_t now_ns = clock_mono_ns(fw->fc->fe->clock);

    if ((!not_done && !(unknown && fw->target.repeatable)) || (detail && detail->type))
        return false;
    if (fw->target.waits && now_ns - fw->sent_mono_ns > WAITED_NS) {
        fw->first_mono_ns = now_ns;
        fw->attempts = 1;
    }
    if (now_ns >= fw->end_mono_ns ||
        (now_ns - fw->first_mono_ns) / NS_PER_MS >= patience_ms(fw, err))
        return false;
    /* Short to the end: a shard that moves is back within some ten milliseconds. */
    const uint32_t doublings = fw->attempts < 4 ? fw->attempts - 1 : 3;
    const uint64_t base_ms = UINT64_C(10) << doublings;
    const uint64_t wait_ms = base_ms + rng_below(&fw->fc->loop->rng, base_ms);
    loop_timer_start(fw->fc->loop->loop, &fw->again, (int64_t)wait_ms);
    return true;
}

static void forward_answered(void *arg, enum err err, const struct err_detail *detail,
                             struct slice body)
{
    struct fe_forward *fw = arg;
    struct fe_call *fc = fw->fc;

    fw->mesh_call = 0;
    if (err != ERR_OK && try_again(fw, err, detail))
        return;
    list_remove(&fw->node);
    grpc_call_on_cancel(fc->call, NULL, NULL);
    if (err == ERR_OK) {
        struct fe_own_attributes own = {.fc = fc};
        const struct slice answer =
            fw->target.reply_instead.len
                ? fw->target.reply_instead
                : fe_shown(&own, fw->target.shows, arena_copy(fc->arena, body));

        if (fw->target.answers_poll)
            fe_deliver(fc, answer);
        else if (fw->target.answers_with_task)
            fe_deliver(fc, wire_find_bytes(answer, fw->target.answers_with_task));
        fe_reply(fc, answer);
    } else if (fw->target.long_poll && (err == ERR_TIMEOUT || err == ERR_UNAVAILABLE)) {
        fe_reply(fc, SLICE_EMPTY);
    } else if (err == ERR_TIMEOUT) {
        err_fail(&fc->detail, err, "%s",
                 fw->target.late_text ? fw->target.late_text : "context deadline exceeded");
        fe_fail(fc, err, &fc->detail);
    } else if (err == ERR_UNAVAILABLE && (!detail || detail->text[0] == '\0')) {
        err_fail(&fc->detail, err, "no %s process is there to serve the request",
                 mesh_role_name(fw->target.to.role));
        fe_fail(fc, err, &fc->detail);
    } else {
        fe_fail(fc, err, detail);
    }
}

static void send(struct fe_forward *fw)
{
    struct fe_call *fc = fw->fc;
    const int64_t left_ms = (fw->end_mono_ns - clock_mono_ns(fc->fe->clock)) / NS_PER_MS;

    fw->sent_mono_ns = clock_mono_ns(fc->fe->clock);
    if (fw->attempts++ > 0 && fw->target.renew)
        fw->target.body = fw->target.renew(fc, fw->target.renew_arg);
    fw->mesh_call = mesh_call(fc->loop->port, fw->target.to, fw->target.method, &fw->target.body, 1,
                              left_ms > 0 ? left_ms : 1, forward_answered, fw);
}

/* Nobody waits for an answer from the mesh any more. */
static void forget(struct fe_forward *fw)
{
    list_remove(&fw->node);
    if (fw->mesh_call)
        mesh_cancel(fw->fc->loop->port, fw->mesh_call);
    fw->mesh_call = 0;
    loop_timer_stop(fw->fc->loop->loop, &fw->again);
}

static void end_polls_of_loop(void *arg)
{
    struct fe_loop *loop = arg;
    struct list *node;

    fe_admission_end_waits(loop);
    while ((node = list_pop_front(&loop->polls)) != NULL) {
        struct fe_forward *fw = CONTAINER_OF(node, struct fe_forward, node);

        forget(fw);
        grpc_call_on_cancel(fw->fc->call, NULL, NULL);
        fe_reply(fw->fc, SLICE_EMPTY);
    }
}

void frontend_end_polls(struct frontend *fe)
{
    for (size_t i = 0; i < fe->loop_count; i++) {
        struct fe_loop *loop = &fe->loops[i];

        loop->stop_msg.run = end_polls_of_loop;
        loop->stop_msg.arg = loop;
        loop_post(loop->loop, &loop->stop_msg);
    }
}

static void client_gone(void *arg, struct grpc_call *call, enum grpc_cancel why)
{
    struct fe_forward *fw = arg;

    UNUSED(call);
    forget(fw);
    fe_fail(fw->fc, why == GRPC_CANCEL_DEADLINE ? ERR_TIMEOUT : ERR_CANCELED, NULL);
}

enum err fe_forward(struct fe_call *fc, const struct fe_target *target)
{
    struct fe_forward *fw = ARENA_NEW(fc->arena, struct fe_forward);
    const int64_t now_ns = clock_mono_ns(fc->fe->clock);
    const int64_t limit_ms = target->timeout_ms ? target->timeout_ms : FE_TIMEOUT_MS;

    *fw = (struct fe_forward){.fc = fc,
                              .target = *target,
                              .first_mono_ns = now_ns,
                              .end_mono_ns = now_ns + fe_remaining_ms(fc, limit_ms) * NS_PER_MS};
    fw->again.fire = send_again;
    fw->again.arg = fw;
    list_init(&fw->node);
    fc->forward = fw;
    if (grpc_call_canceled(fc->call) != GRPC_CANCEL_NONE)
        return ERR_CANCELED;
    if (target->long_poll)
        list_push_back(&fc->loop->polls, &fw->node);
    send(fw);
    grpc_call_on_cancel(fc->call, client_gone, fw);
    return ERR_OK;
}

static bool is_for_people(const struct fe_call *fc)
{
    const struct slice name = grpc_call_metadata(fc->call, "client-name");

    return slice_eq(name, SLICE_LIT("temporal-cli")) || slice_eq(name, SLICE_LIT("temporal-ui"));
}

/* Clients say what they know in a list of names with commas between. */
static bool knows_chains(const struct fe_call *fc)
{
    const struct slice name = SLICE_LIT("follows-next-run-id");
    struct slice rest = grpc_call_metadata(fc->call, "supported-features");

    while (rest.len > 0) {
        const uint8_t *comma = memchr(rest.ptr, ',', rest.len);
        const size_t len = comma ? (size_t)(comma - rest.ptr) : rest.len;

        if (slice_eq(slice_of(rest.ptr, len), name))
            return true;
        rest = slice_of(rest.ptr + len, rest.len - len);
        if (rest.len > 0)
            rest = slice_of(rest.ptr + 1, rest.len - 1);
    }
    return false;
}

static struct slice history_body(struct fe_call *fc, const struct rpc_api *api)
{
    struct buf body;

    buf_init(&body, MESH_BODY_MAX);
    rpc_api_encode(api, &body);
    must(buf_ok(&body)); /* the request is bounded well below it */
    const struct slice copy = arena_copy(fc->arena, buf_slice(&body));
    buf_release(&body);
    return copy;
}

/* An owner may have had the request before. */
static struct slice later_body(struct fe_call *fc, void *arg)
{
    struct rpc_api *api = arg;

    api->first_attempt = false;
    return history_body(fc, api);
}

enum err fe_forward_history(struct fe_call *fc, const struct fe_to_history *to)
{
    const struct slice namespace_id = slice_str(fc->ns->id);
    struct rpc_api *api = ARENA_NEW(fc->arena, struct rpc_api);

    *api = (struct rpc_api){.namespace_id = namespace_id,
                            .namespace_name = slice_str(fc->ns->name),
                            .retention_s = fc->ns->retention_s,
                            .for_people = is_for_people(fc),
                            .bad_binary = fc->bad_binary,
                            .no_followers =
                                to->method == METHOD_HISTORY_GET_HISTORY && !knows_chains(fc),
                            .first_attempt = to->tells_first_attempt,
                            .token = fc->token_bytes,
                            .request = to->request};
    const uint32_t shard = rpc_history_shard(namespace_id, slice_str(to->workflow_id),
                                             (uint32_t)fc->fe->config->history_shards);
    return fe_forward(fc, &(struct fe_target){.to = MESH_SHARD(ROLE_HISTORY, shard),
                                              .method = to->method,
                                              .body = history_body(fc, api),
                                              .renew = to->tells_first_attempt ? later_body : NULL,
                                              .renew_arg = api,
                                              .timeout_ms = to->timeout_ms,
                                              .repeatable = to->repeatable,
                                              .long_poll = to->long_poll,
                                              .waits = to->waits,
                                              .late_text = to->late_text,
                                              .reply_instead = to->reply_instead,
                                              .answers_with_task = to->answers_with_task,
                                              .shows = to->shows});
}
