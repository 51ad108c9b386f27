/* walk.c - see walk.h. */
#include "history/batch/walk.h"

enum {
    ATTEMPTS_MAX = 10,      /* of an operation that is refused */
    LATE_ATTEMPTS_MAX = 200 /* ... or whose owner is being placed: some minutes */
};
/* An owner that has too much to do says nothing of the execution: it is asked until it has time. */
enum { BUSY_ATTEMPTS_MAX = 8 };
#define BACKOFF_NS (20 * NS_PER_MS)
#define BACKOFF_MAX_NS (2 * NS_PER_S)
#define RATE_MIN 0.001 /* operations a second */

void batch_page_init(struct batch_page *page, struct batch_item *items, uint32_t count)
{
    *page = (struct batch_page){.items = items, .count = count};
    for (uint32_t i = 0; i < count; i++) {
        items[i].state = BATCH_ITEM_READY;
        items[i].attempts = 0;
        items[i].again_ns = 0;
    }
}

struct batch_item *batch_page_next(struct batch_page *page, int64_t now_ns, int64_t *again_ns)
{
    *again_ns = INT64_MAX;
    while (page->first < page->count && page->items[page->first].state == BATCH_ITEM_DONE)
        page->first++;
    for (uint32_t i = page->first; i < page->count; i++) {
        struct batch_item *item = &page->items[i];

        if (item->state != BATCH_ITEM_READY)
            continue;
        if (item->again_ns <= now_ns)
            return item;
        if (item->again_ns < *again_ns)
            *again_ns = item->again_ns;
    }
    return NULL;
}

static uint32_t attempts_max(enum err err)
{
    if (err == ERR_INVALID || err == ERR_UNIMPLEMENTED)
        return 1; /* the same answer, however often */
    return err_may_retry(err) || err == ERR_TIMEOUT ? LATE_ATTEMPTS_MAX : ATTEMPTS_MAX;
}

void batch_page_answered(struct batch_page *page, struct batch_item *item, enum err err,
                         bool looking_up, int64_t now_ns)
{
    must(item->state == BATCH_ITEM_BUSY);
    if (err != ERR_BUSY || item->attempts < BUSY_ATTEMPTS_MAX)
        item->attempts++;
    /* Spec: what is closed or gone needs nothing. An execution whose history is looked up and is
     * not there, though, was named wrongly. */
    const bool gone = err_grpc_status(err) == GRPC_STATUS_NOT_FOUND;
    if (err == ERR_OK || (gone && !looking_up)) {
        item->state = BATCH_ITEM_DONE;
        page->success++;
    } else if (gone || item->attempts >= attempts_max(err)) {
        item->state = BATCH_ITEM_DONE;
        page->failure++;
    } else {
        const uint32_t doublings = item->attempts < 8 ? item->attempts - 1 : 7;
        const int64_t wait_ns = BACKOFF_NS << doublings;

        item->state = BATCH_ITEM_READY;
        item->again_ns = now_ns + (wait_ns < BACKOFF_MAX_NS ? wait_ns : BACKOFF_MAX_NS);
    }
}

bool batch_rate_take(struct batch_rate *rate, double per_second, int64_t now_ns, int64_t *again_ns)
{
    const double wanted = per_second > RATE_MIN ? per_second : RATE_MIN;
    const double price = (double)NS_PER_S / wanted;
    const int64_t price_ns = price < 1 ? 1 : (int64_t)price;

    if (rate->at_ns < now_ns)
        rate->at_ns = now_ns;
    /* A second's worth ahead, and always one. */
    if (rate->at_ns > now_ns && rate->at_ns + price_ns > now_ns + NS_PER_S) {
        *again_ns = rate->at_ns + (price_ns < NS_PER_S ? price_ns - NS_PER_S : 0);
        return false;
    }
    rate->at_ns += price_ns;
    return true;
}
