/* replies_early.c - defect: the release rule is off, answers leave before they are durable. */
#include "tests/sim/defects/defect.h"

#include "history/shard/shard_int.h"

void __real_hs_release(struct history_shard *shard, struct hs_request *req, int64_t seq);
void __wrap_hs_release(struct history_shard *shard, struct hs_request *req, int64_t seq);
void __real_hs_answer(struct history_shard *shard, struct hs_request *req, enum err err,
                      struct slice body, int64_t seq);
void __wrap_hs_answer(struct history_shard *shard, struct hs_request *req, enum err err,
                      struct slice body, int64_t seq);

void __wrap_hs_release(struct history_shard *shard, struct hs_request *req, int64_t seq)
{
    UNUSED(seq);
    __real_hs_release(shard, req, 0);
}

void __wrap_hs_answer(struct history_shard *shard, struct hs_request *req, enum err err,
                      struct slice body, int64_t seq)
{
    UNUSED(seq);
    __real_hs_answer(shard, req, err, body, 0);
}
