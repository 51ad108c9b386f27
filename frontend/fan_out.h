/* fan_out.h - what is asked of every history shard: lists, whose pages are merged (visibility.c).
 */
#ifndef GNOMON_FRONTEND_FAN_OUT_H
#define GNOMON_FRONTEND_FAN_OUT_H

#include "frontend/frontend.h"

/* The items of all shards, in no order, in the call's arena. ERR_OK: the answer is arranged for. */
typedef enum err (*fe_items_fn)(struct fe_call *fc, const struct rpc_list_item *items,
                                uint32_t count);

/* Ask every shard for its first `page_size` items (0 or less, or too many: as many as a page may
 * have) behind the order key `after`; `method` takes a struct rpc_list and gives its items. `then`
 * NULL: the call is answered with a page of them: repeated field 1, the next page's token field 2.
 */
enum err fe_list_of_shards(struct fe_call *fc, enum mesh_method method, int32_t page_size,
                           struct slice after, fe_items_fn then);

/* The text of a filter as shards get it, in the call's arena. ERR_INVALID: fc->detail says why;
 * groups are for a count alone. */
enum err fe_visibility_query(struct fe_call *fc, const char *text, bool counting,
                             struct slice *out);

#endif
