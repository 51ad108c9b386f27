/* out_fixture.h - what matching asks of history, kept for a test to answer. */
#ifndef GNOMON_MATCHING_OUT_FIXTURE_H
#define GNOMON_MATCHING_OUT_FIXTURE_H

#include "matching/matching.h"

enum { ASKED_MAX = 64 };

/* Stands first in the struct that matching_out.arg points to. */
struct asked {
    uint64_t matches[ASKED_MAX], pulls[ASKED_MAX];
    size_t match_count, pull_count;
    int32_t scaling; /* of the last start */
};

static inline void asked_start(void *arg, uint64_t match_id, const struct rpc_start_task *start)
{
    struct asked *asked = arg;

    must(asked->match_count < ASKED_MAX);
    asked->matches[asked->match_count++] = match_id;
    asked->scaling = start->poller_scaling;
}

static inline void asked_pull(void *arg, uint64_t pull_id, uint32_t shard,
                              const struct rpc_pull_tasks *p)
{
    struct asked *asked = arg;

    UNUSED(shard);
    UNUSED(p);
    must(asked->pull_count < ASKED_MAX);
    asked->pulls[asked->pull_count++] = pull_id;
}

static inline void asked_no_sticky(void *arg, const struct rpc_task *task)
{
    UNUSED(arg);
    UNUSED(task);
}

static inline void asked_reply(void *arg, struct mesh_addr to, enum err err, const char *text,
                               struct slice body)
{
    UNUSED(arg);
    UNUSED(to);
    UNUSED(err);
    UNUSED(text);
    UNUSED(body);
}

/* One history shard, the default limits. Keeps what it is given; `dynconf` may be NULL. */
static inline struct matching *asked_matching(const struct matching_out *out,
                                              const struct clock *clock, const struct log *log,
                                              struct metrics *metrics,
                                              const struct dynconf *dynconf)
{
    const struct matching_options options = {.out = out,
                                             .dynconf = dynconf,
                                             .limits = &matching_limits_default,
                                             .history_shards = 1,
                                             .clock = clock,
                                             .log = log,
                                             .metrics = metrics,
                                             .seed = 7};

    return matching_new(&options);
}

#endif
