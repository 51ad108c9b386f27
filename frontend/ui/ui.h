/* ui.h - the Web UI's server: its files, the few endpoints of its own, and the API below /api/v1.
 */
#ifndef GNOMON_FRONTEND_UI_H
#define GNOMON_FRONTEND_UI_H

#include "frontend/http/http_api.h"
#include "frontend/ui/pack.h"

struct ui_server;

struct ui_options {
    struct http_api *api;             /* kept */
    const struct grpc_router *router; /* kept */
    const struct clock *clock;        /* kept */
    struct ui_pack *pack;             /* kept; NULL: the endpoints alone */
    const char *default_namespace;    /* kept */
    const char *cors_origins;         /* kept: separated by commas, "*" is any; "": none */
    const char *codec_endpoint;       /* kept; "": none */
};

/* Gives the server; ended by ui_server_free() when no request of it is open. */
struct ui_server *ui_server_new(const struct ui_options *options);
void ui_server_free(struct ui_server *ui);
/* A web_handler_fn: `ctx` is the server. */
void ui_server_handle(void *ctx, struct web_request *request);

/* ui_history.c: a run's history as one JSON array of events. */
void ui_history_answer(const struct ui_options *options, struct web_request *request,
                       struct slice namespace_name, struct slice workflow_id, struct slice run_id);

/* ui_render.c: "/render?content=...&theme=dark|light": the text as a page that runs nothing. Any
 * loop. */
void ui_render_answer(struct web_request *request);

#endif
