/* local.c - see local.h: calls that belong to no session. */
#include "common/base/clock.h"
#include "common/grpc/session_int.h"
#include "common/loop/loop.h"

#include <stdlib.h>

/* What a call of this kind has besides. It hears of its answer as long as `waiting`. */
struct call_local {
    struct grpc_local_options options;
    struct grpc_route route;
    struct loop_timer deadline;
    bool waiting, started, expired;
};

struct grpc_call *grpc_local_new(void)
{
    struct arena arena;

    arena_init(&arena);
    struct call *call = ARENA_NEW(&arena, struct call);
    call->local = ARENA_NEW(&arena, struct call_local);
    call->metadata = ARENA_ARRAY(&arena, struct metadata, GRPC_LOCAL_HEADERS_MAX);
    call->metadata_cap = GRPC_LOCAL_HEADERS_MAX;
    call->pub.arena = arena;
    call->state = CALL_BODY;
    return &call->pub;
}

void grpc_local_metadata(struct grpc_call *pub, const char *name, struct slice value)
{
    struct call *call = call_of(pub);

    must(!call->local->started);
    if (call->metadata_count < call->metadata_cap)
        call->metadata[call->metadata_count++] = (struct metadata){
            arena_copy(&pub->arena, slice_str(name)), arena_copy(&pub->arena, value)};
}

static void tell_canceled(struct call *call, enum grpc_cancel why)
{
    const grpc_cancel_fn fn = call->on_cancel;

    call->canceled = why;
    call->on_cancel = NULL;
    if (fn)
        fn(call->cancel_arg, &call->pub, why);
}

/* The handler finds its call cancelled, the client is told. The call stays until both are done. */
static void on_deadline(void *arg)
{
    struct call *call = arg;
    struct call_local *local = call->local;
    struct err_detail detail = {0};

    if (call->state != CALL_HANDLED || !local->waiting)
        return;
    local->expired = true;
    tell_canceled(call, GRPC_CANCEL_DEADLINE);
    (void)err_fail(&detail, ERR_TIMEOUT, "context deadline exceeded");
    local->options.answered(
        local->options.arg,
        &(struct grpc_local_answer){.status = GRPC_STATUS_DEADLINE_EXCEEDED, .detail = &detail});
}

void grpc_local_start(struct grpc_call *pub, const struct grpc_local_options *options)
{
    struct call *call = call_of(pub);
    struct call_local *local = call->local;
    const int64_t now_ns = clock_mono_ns(options->clock);

    must(!local->started && options->route->kind == GRPC_UNARY);
    local->options = *options;
    local->started = local->waiting = true;
    pub->path = options->path;
    pub->request = options->request;
    pub->loop = options->loop;
    call->route = options->route;
    call->state = CALL_HANDLED;
    if (options->timeout_ns > 0 &&
        !__builtin_add_overflow(now_ns, options->timeout_ns, &pub->deadline_mono_ns)) {
        local->deadline.fire = on_deadline;
        local->deadline.arg = call;
        if (options->loop)
            loop_timer_start(options->loop, &local->deadline, options->timeout_ns / NS_PER_MS + 1);
    } else {
        pub->deadline_mono_ns = 0;
    }
    call->route->handle(call->route->ctx, pub);
}

static void stop_waiting(struct call *call)
{
    struct call_local *local = call->local;

    if (local->options.loop)
        loop_timer_stop(local->options.loop, &local->deadline);
    local->waiting = false;
}

bool call_local_answered(struct call *call, const struct grpc_local_answer *answer)
{
    struct call_local *local = call->local;

    if (!local->waiting)
        return false;
    if (local->expired)
        return true; /* too late, but grpc_local_end() is still to come */
    if (local->options.loop)
        loop_timer_stop(local->options.loop, &local->deadline);
    local->options.answered(local->options.arg, answer);
    return true;
}

bool call_local_waits(const struct call *call)
{
    return call->local && call->local->waiting && !call->local->expired;
}

void grpc_local_cancel(struct grpc_call *pub, enum grpc_cancel why)
{
    struct call *call = call_of(pub);

    must(why != GRPC_CANCEL_NONE);
    if (call->state != CALL_HANDLED || call->local->expired) {
        grpc_local_end(pub, GRPC_NOT_SENT);
        return;
    }
    stop_waiting(call);
    tell_canceled(call, why); /* may answer, which frees the call */
}

void grpc_local_end(struct grpc_call *pub, enum grpc_sent sent)
{
    struct call *call = call_of(pub);

    stop_waiting(call);
    if (call->state != CALL_HANDLED) /* else its late answer frees it */
        call_ended(call, call->local->expired ? GRPC_NOT_SENT : sent);
}
