/* backlog.h - requests for a shard that is ours by the assignment and not open yet: they wait in
 * order, up to a bound. Thread: the shard's. */
#ifndef GNOMON_HISTORY_BACKLOG_H
#define GNOMON_HISTORY_BACKLOG_H

#include "common/base/list.h"
#include "common/mesh/mesh.h"

enum { BACKLOG_REQUESTS_MAX = 10000, BACKLOG_BYTES_MAX = 16 * 1024 * 1024 };

struct backlog {
    struct list requests;
    uint32_t count;
    size_t bytes;
};

void backlog_init(struct backlog *backlog);
/* Copies the request. False: no room; who asks is to ask again. */
bool backlog_add(struct backlog *backlog, const struct mesh_request *request);
/* The caller of `from` gave up. */
void backlog_cancel(struct backlog *backlog, struct mesh_addr from);
/* Take all out in order: `visit` gets each. What a visit adds is not visited. */
void backlog_empty(struct backlog *backlog, void (*visit)(void *arg, const struct mesh_request *),
                   void *arg);

#endif
