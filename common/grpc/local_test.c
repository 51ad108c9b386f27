/* local_test.c - calls without a connection: answers, cancellation, deadlines, and who frees what.
 */
#include "common/grpc/local.h"

#include "common/loop/loop.h"
#include "tests/lib/test.h"

#include <stdio.h>

struct scene {
    struct grpc_call *held; /* by the handler */
    bool answer_at_once, fails;
    enum grpc_cancel canceled;
    int answers, sent_count;
    enum grpc_sent sent;
    enum grpc_status status;
    char text[64];
    struct loop *loop;
};

static void on_sent(void *arg, enum grpc_sent sent)
{
    struct scene *scene = arg;

    scene->sent = sent;
    scene->sent_count++;
}

static void on_cancel(void *arg, struct grpc_call *call, enum grpc_cancel why)
{
    struct scene *scene = arg;

    UNUSED(call);
    scene->canceled = why;
}

static void answer(struct scene *scene)
{
    struct err_detail detail = {0};
    struct grpc_call *call = scene->held;

    scene->held = NULL;
    (void)err_fail(&detail, ERR_NOT_FOUND, "none");
    if (scene->fails)
        grpc_call_fail(call, ERR_NOT_FOUND, &detail);
    else
        grpc_call_reply_parts(call, (struct slice[]){SLICE_LIT("an"), SLICE_LIT("swer")}, 2);
}

static void handle(void *ctx, struct grpc_call *call)
{
    struct scene *scene = ctx;

    scene->held = call;
    check_slice(grpc_call_metadata(call, "client-name"), SLICE_LIT("me"));
    check_slice(call->request, SLICE_LIT("request"));
    grpc_call_on_cancel(call, on_cancel, scene);
    grpc_call_on_sent(call, on_sent, scene);
    if (scene->answer_at_once)
        answer(scene);
}

static void on_answered(void *arg, const struct grpc_local_answer *got)
{
    struct scene *scene = arg;
    size_t len = 0;

    scene->answers++;
    scene->status = got->status;
    if (got->detail)
        snprintf(scene->text, sizeof scene->text, "%.60s", got->detail->text);
    for (size_t i = 0; i < got->part_count; i++)
        len += (size_t)snprintf(scene->text + len, sizeof scene->text - len, SLICE_FMT,
                                SLICE_ARG(got->parts[i]));
    if (scene->loop)
        loop_stop(scene->loop);
}

static struct grpc_call *start(struct scene *scene, int64_t timeout_ns)
{
    static struct grpc_route route;
    struct grpc_call *call = grpc_local_new();

    route = (struct grpc_route){GRPC_UNARY, handle, scene};
    grpc_local_metadata(call, "client-name", SLICE_LIT("me"));
    grpc_local_start(call, &(struct grpc_local_options){.route = &route,
                                                        .loop = scene->loop,
                                                        .clock = &clock_real,
                                                        .path = SLICE_LIT("/a/b"),
                                                        .request = SLICE_LIT("request"),
                                                        .timeout_ns = timeout_ns,
                                                        .answered = on_answered,
                                                        .arg = scene});
    return call;
}

TEST(test_grpc_local_answers_at_once_and_later)
{
    struct scene scene = {.answer_at_once = true};
    struct grpc_call *call = start(&scene, 0);

    check_i64(scene.answers, 1);
    check_str(scene.text, "answer");
    check_i64(scene.sent_count, 0);
    grpc_local_end(call, GRPC_SENT);
    check(scene.sent_count == 1 && scene.sent == GRPC_SENT);

    scene = (struct scene){.fails = true};
    call = start(&scene, 0);
    check_i64(scene.answers, 0);
    answer(&scene);
    check(scene.answers == 1 && scene.status == GRPC_STATUS_NOT_FOUND);
    check_str(scene.text, "none");
    grpc_local_end(call, GRPC_MAYBE_SENT);
    check(scene.sent_count == 1 && scene.sent == GRPC_MAYBE_SENT);
}

TEST(test_grpc_local_cancelled_is_never_answered)
{
    struct scene scene = {0};
    struct grpc_call *call = start(&scene, 0);

    grpc_local_cancel(call, GRPC_CANCEL_CLIENT);
    check(scene.canceled == GRPC_CANCEL_CLIENT && scene.held == call);
    check(grpc_call_canceled(call) == GRPC_CANCEL_CLIENT);
    answer(&scene); /* frees it */
    check(scene.answers == 0 && scene.sent_count == 1 && scene.sent == GRPC_NOT_SENT);

    grpc_local_cancel(grpc_local_new(), GRPC_CANCEL_CLIENT); /* one that was never started */
}

/* The client hears of the deadline; the handler's late answer is dropped, on either side of the
 * end. */
TEST(test_grpc_local_deadline)
{
    for (int late = 0; late < 2; late++) {
        struct scene scene = {.loop = loop_new("test")};
        struct grpc_call *call = start(&scene, NS_PER_MS);

        check(call->deadline_mono_ns > 0);
        loop_run(scene.loop);
        check(scene.answers == 1 && scene.status == GRPC_STATUS_DEADLINE_EXCEEDED);
        check(scene.canceled == GRPC_CANCEL_DEADLINE);
        if (late) {
            grpc_local_end(call, GRPC_SENT);
            answer(&scene);
        } else {
            answer(&scene);
            grpc_local_end(call, GRPC_SENT);
        }
        check(scene.answers == 1 && scene.sent_count == 1 && scene.sent == GRPC_NOT_SENT);
        loop_free(scene.loop);
    }
}
