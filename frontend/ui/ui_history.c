/* ui_history.c - see ui.h: pages of a history, one after the other, into one JSON array. */
#include "api.h"
#include "common/grpc/local.h"
#include "common/proto/json.h"
#include "common/proto/wire.h"
#include "frontend/ui/ui.h"

#define METHOD "/temporal.api.workflowservice.v1.WorkflowService/GetWorkflowExecutionHistory"

enum { BYTES_MAX = 256 * 1024 * 1024 };

struct download {
    struct arena arena; /* its own: it may outlive the request by a turn */
    const struct ui_options *options;
    struct web_request *request;
    struct slice namespace_name, workflow_id, run_id;
    struct buf token; /* of the next page */
    struct grpc_call *call;
    struct buf text;
    struct json_writer w;
    struct loop_msg turn;
    bool turning, gone;
};

static void end_download(struct download *d)
{
    struct arena arena = d->arena; /* holds the download itself */

    buf_release(&d->text);
    buf_release(&d->token);
    arena_release(&arena);
}

static void on_cancel(void *arg)
{
    struct download *d = arg;

    if (d->call)
        grpc_local_cancel(d->call, GRPC_CANCEL_CLIENT);
    d->call = NULL;
    d->gone = true;
    if (!d->turning)
        end_download(d);
}

static void on_sent(void *arg, bool whole)
{
    struct download *d = arg;

    if (d->call)
        grpc_local_end(d->call, whole ? GRPC_SENT : GRPC_MAYBE_SENT);
    end_download(d);
}

static bool put_page(struct download *d, struct slice message)
{
    static const struct json_style style = {0};
    api_get_workflow_execution_history_response *page;
    struct arena arena;
    bool good = false;

    arena_init(&arena);
    if (proto_decode(&arena, &api_get_workflow_execution_history_response__desc, message, &page,
                     NULL) == ERR_OK) {
        good = true;
        for (size_t i = 0; page->history && i < page->history->n_events && good; i++) {
            json_value(&d->w);
            good = json_write_message(&d->text, page->history->events[i], &style, NULL) == ERR_OK;
        }
        buf_clear(&d->token);
        buf_append(&d->token, page->next_page_token.data, page->next_page_token.len);
    }
    arena_release(&arena);
    return good && buf_ok(&d->text) && buf_ok(&d->token);
}

static void fail_with(struct download *d, enum grpc_status status, const struct err_detail *detail)
{
    http_api_fail(d->request, status, detail);
}

static void on_answered(void *arg, const struct grpc_local_answer *answer)
{
    struct download *d = arg;
    struct err_detail detail = {0};
    struct buf message;

    if (answer->status != GRPC_STATUS_OK) {
        fail_with(d, answer->status, answer->detail);
        return;
    }
    buf_init(&message, 0);
    for (size_t i = 0; i < answer->part_count; i++)
        buf_append_slice(&message, answer->parts[i]);
    const bool good = buf_ok(&message) && put_page(d, buf_slice(&message));
    buf_release(&message);
    if (!good) {
        (void)err_fail(&detail, ERR_BUSY, "the history is larger than what is downloaded at once");
        fail_with(d, GRPC_STATUS_RESOURCE_EXHAUSTED, &detail);
    } else if (d->token.len > 0) { /* the call that has just answered can't be ended here */
        d->turning = true;
        loop_post(d->request->loop, &d->turn);
    } else {
        json_close(&d->w, ']');
        web_answer(d->request, 200, "application/json", &d->text);
    }
}

static void ask_page(struct download *d)
{
    struct grpc_local_options options = {
        .route = grpc_router_find(d->options->router, SLICE_LIT(METHOD)),
        .loop = d->request->loop,
        .clock = d->options->clock,
        .path = SLICE_LIT(METHOD),
        .answered = on_answered,
        .arg = d};
    struct buf request, execution;

    must(options.route != NULL);
    d->call = grpc_local_new();
    buf_init(&request, 0);
    buf_init(&execution, 0);
    wire_put_bytes(&execution, 1, d->workflow_id);
    wire_put_bytes(&execution, 2, d->run_id);
    wire_put_bytes(&request, 1, d->namespace_name);
    wire_put_bytes(&request, 2, buf_slice(&execution));
    if (d->token.len > 0)
        wire_put_bytes(&request, 4, buf_slice(&d->token));
    options.request = arena_copy(&d->call->arena, buf_slice(&request));
    buf_release(&request);
    buf_release(&execution);
    grpc_local_metadata(d->call, "client-name", SLICE_LIT("temporal-ui"));
    grpc_local_metadata(d->call, "client-version", SLICE_LIT("2.0.0"));
    grpc_local_start(d->call, &options);
}

static void next_page(void *arg)
{
    struct download *d = arg;

    d->turning = false;
    if (d->gone) {
        end_download(d);
        return;
    }
    grpc_local_end(d->call, GRPC_SENT);
    ask_page(d);
}

void ui_history_answer(const struct ui_options *options, struct web_request *request,
                       struct slice namespace_name, struct slice workflow_id, struct slice run_id)
{
    struct arena arena;

    arena_init(&arena);
    struct download *d = ARENA_NEW(&arena, struct download);
    d->options = options;
    d->request = request;
    d->namespace_name = arena_copy(&arena, namespace_name);
    d->workflow_id = arena_copy(&arena, workflow_id);
    d->run_id = arena_copy(&arena, run_id);
    d->arena = arena;
    buf_init(&d->text, BYTES_MAX);
    buf_init(&d->token, 0);
    d->w = (struct json_writer){.out = &d->text};
    d->turn = (struct loop_msg){.run = next_page, .arg = d};
    json_open(&d->w, '[');
    web_on_cancel(request, on_cancel, d);
    web_on_sent(request, on_sent, d);
    ask_page(d);
}
