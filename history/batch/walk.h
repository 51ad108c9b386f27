/* walk.h - how a batch job goes through a page of executions: whose turn it is, how fast, what an
 * answer means, and when a failure is tried again. Pure. */
#ifndef GNOMON_BATCH_WALK_H
#define GNOMON_BATCH_WALK_H

#include "history/batch/operation.h"

enum batch_item_state { BATCH_ITEM_READY = 1, BATCH_ITEM_BUSY, BATCH_ITEM_DONE };

struct batch_item {
    struct batch_target target;
    enum batch_item_state state;
    uint32_t attempts;
    int64_t again_ns;               /* READY: monotonic, not before */
    struct batch_reset_point point; /* of a reset */
    struct slice lookup_token;      /* its look-up goes on there */
    bool looked_up;
};

struct batch_page {
    struct batch_item *items;
    uint32_t count;
    uint32_t first; /* those before it are done */
    int64_t success, failure;
};

void batch_page_init(struct batch_page *page, struct batch_item *items, uint32_t count);
static inline bool batch_page_done(const struct batch_page *page)
{
    return page->success + page->failure == page->count;
}
/* The next item that may go; NULL: none, and *again_ns says when one may (INT64_MAX: when an
 * answer has come). */
struct batch_item *batch_page_next(struct batch_page *page, int64_t now_ns, int64_t *again_ns);
/* The item's call, of a look-up or the operation, ended. A look-up that succeeded is not told. */
void batch_page_answered(struct batch_page *page, struct batch_item *item, enum err err,
                         bool looking_up, int64_t now_ns);

/* At most so many operations a second, of which one second's may go at once. */
struct batch_rate {
    int64_t at_ns; /* monotonic: the time to which operations are paid */
};
/* May one go? false: at *again_ns. */
bool batch_rate_take(struct batch_rate *rate, double per_second, int64_t now_ns, int64_t *again_ns);

#endif
