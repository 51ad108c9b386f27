/* activity_rides.c - defect: the exemption of workflow tasks holds for activities too: a started
 * activity is handed out before its start is durable. */
#include "tests/sim/defects/defect.h"

#include "history/shard/shard_int.h"

void __real_hs_release(struct history_shard *shard, struct hs_request *req, int64_t seq);
void __wrap_hs_release(struct history_shard *shard, struct hs_request *req, int64_t seq);

void __wrap_hs_release(struct history_shard *shard, struct hs_request *req, int64_t seq)
{
    const struct rpc_start_task *start = req->extra;
    const bool starts = req->reply_count == 2 && start && start->poll.reply_to.call != 0 &&
                        req->replies[0].to.call == start->poll.reply_to.call &&
                        start->task.kind == TASK_ACTIVITY;

    __real_hs_release(shard, req, starts ? 0 : seq);
}
