/* backlog.c - see backlog.h. */
#include "history/backlog.h"

#include <stdlib.h>

struct waiting {
    struct list node;
    struct mesh_request request;
    uint8_t body[];
};

void backlog_init(struct backlog *backlog)
{
    *backlog = (struct backlog){0};
    list_init(&backlog->requests);
}

bool backlog_add(struct backlog *backlog, const struct mesh_request *request)
{
    const size_t len = request->body.len;

    if (backlog->count >= BACKLOG_REQUESTS_MAX || len > BACKLOG_BYTES_MAX - backlog->bytes)
        return false;
    struct waiting *waiting = malloc(sizeof *waiting + len);
    must(waiting != NULL);
    waiting->request = *request;
    waiting->request.body = slice_of(waiting->body, len);
    if (len)
        memcpy(waiting->body, request->body.ptr, len);
    list_push_back(&backlog->requests, &waiting->node);
    backlog->count++;
    backlog->bytes += len;
    return true;
}

static void drop(struct backlog *backlog, struct waiting *waiting)
{
    must(backlog->count > 0 && backlog->bytes >= waiting->request.body.len);
    backlog->count--;
    backlog->bytes -= waiting->request.body.len;
    list_remove(&waiting->node);
    free(waiting);
}

void backlog_cancel(struct backlog *backlog, struct mesh_addr from)
{
    LIST_EACH_SAFE(it, tmp, &backlog->requests)
    {
        struct waiting *waiting = CONTAINER_OF(it, struct waiting, node);

        if (waiting->request.from.call == from.call && from.call != 0 &&
            waiting->request.from.process == from.process)
            drop(backlog, waiting);
    }
}

void backlog_empty(struct backlog *backlog, void (*visit)(void *arg, const struct mesh_request *),
                   void *arg)
{
    for (uint32_t left = backlog->count; left > 0 && !list_empty(&backlog->requests); left--) {
        struct waiting *waiting = CONTAINER_OF(backlog->requests.next, struct waiting, node);

        /* Out of the list first: the visit may cancel it. */
        must(backlog->count > 0 && backlog->bytes >= waiting->request.body.len);
        list_remove(&waiting->node);
        backlog->count--;
        backlog->bytes -= waiting->request.body.len;
        visit(arg, &waiting->request);
        free(waiting);
    }
}
