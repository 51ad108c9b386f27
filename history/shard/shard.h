/* shard.h - one history shard: its store, the runs in it, and everything that waits for them.
 *
 * A shard turns mesh requests into engine steps, makes their effects durable, and lets nothing out
 * before: every reply, read, cast and poll answer leaves when the highest log sequence that it saw
 * is durable (ARCHITECTURE.md, "The release rule").
 *
 * Thread: a shard belongs to one loop; all functions are for its thread. In manual mode (`loop`
 * NULL, tests) the caller steps the store and calls history_shard_run_due() itself. */
#ifndef GNOMON_HISTORY_SHARD_H
#define GNOMON_HISTORY_SHARD_H

#include "common/base/bucket.h"
#include "common/base/clock.h"
#include "common/http/http.h"
#include "common/dynconf/dynconf.h"
#include "common/log/log.h"
#include "common/loop/loop.h"
#include "common/mesh/mesh.h"
#include "common/metrics/metrics.h"
#include "common/store/store.h"
#include "history/engine/transition.h"

struct history_shard;

/* The verbs of mesh.h as a shard uses them; history_net_mesh() makes one of a port. */
struct history_net {
    void (*reply)(void *self, struct mesh_addr to, const struct mesh_answer *answer);
    uint64_t (*call)(void *self, struct mesh_target to, enum mesh_method method, struct slice body,
                     int64_t timeout_ms, mesh_reply_fn reply, void *arg);
    void (*cancel)(void *self, uint64_t call);
    bool (*cast)(void *self, struct mesh_target to, enum mesh_method method, struct slice body);
    bool (*alive)(void *self, enum mesh_role role); /* any process of that role */
    uint64_t process;                               /* our own */
    void *self;
};

/* A net over a port of a mesh; both are kept. */
struct history_net_mesh {
    struct mesh *mesh;
    struct mesh_port *port;
};
struct history_net history_net_of(struct history_net_mesh *over);

/* Namespaces by name and by id. */
struct history_namespaces {
    struct engine_namespaces engine;
    /* ERR_NOT_FOUND: there is none (any more), or it is being deleted. Any thread; `arg` is that of
     * `engine`. */
    enum err (*retention_of)(void *arg, struct slice id, int64_t *retention_s);
    /* What the namespace calls bad: an encoded BadBinaries, in `arena`; empty: nothing. Any thread.
     * NULL where nobody can tell. */
    enum err (*bad_binaries_of)(void *arg, struct slice id, struct arena *arena, struct slice *bad);
};

/* Who posts completion callbacks: as http_post(), http_cancel() of http.h. */
struct history_caller {
    enum err (*post)(void *self, const struct http_request *request, uint64_t *id);
    void (*cancel)(void *self, uint64_t id);
    void *self;
};

struct history_shard_options {
    uint32_t shard_id, shard_count; /* the count divides 256 */
    struct store *store;
    const struct history_net *net;
    const struct clock *clock;
    const struct log *log;
    struct metrics *metrics;
    struct loop *loop;             /* NULL: manual mode */
    const struct dynconf *dynconf; /* NULL: `limits` for every namespace */
    const struct engine_limits *limits;
    const struct history_namespaces *namespaces; /* may be NULL in tests */
    const struct history_caller *caller;         /* NULL: callbacks wait until somebody has one */
    struct bucket *persistence; /* of the process' reads and commits; NULL: they are not counted */
    size_t cache_bytes;         /* bound of the runs kept in memory between requests */
    uint64_t seed;              /* of random numbers; 0: from the kernel */
    /* The shard is lost: close it. Called once, from the loop. */
    void (*lost)(void *arg, enum err err);
    void *arg;
};

/* Take the shard over and replay its log; blocks. Keeps what `options` points to (not `options`).
 * Errors: those of store_shard_open(); *out is then NULL. */
MUST_USE enum err history_shard_open(const struct history_shard_options *options,
                                     struct history_shard **out, struct err_detail *detail);

/* The two halves of it: the first blocks and may run on any thread while nothing else is done with
 * the shard (history_shard_close() may follow at once); the second is for the loop's thread. */
MUST_USE enum err history_shard_load(const struct history_shard_options *options,
                                     struct history_shard **out, struct err_detail *detail);
void history_shard_begin(struct history_shard *shard);

/* The mesh handlers. Requests may be for this shard only. */
void history_shard_request(struct history_shard *shard, const struct mesh_request *request);
void history_shard_canceled(struct history_shard *shard, struct mesh_addr from);
void history_shard_peer(struct history_shard *shard, enum mesh_role role, uint64_t process,
                        bool up);

/* Answer whoever waits for something that may take long (history long polls get their empty page,
 * queries ERR_UNAVAILABLE) and refuse what comes from now on. */
void history_shard_drain(struct history_shard *shard);
/* Nothing is on its way: no read, no append, no answer that waits for one. */
bool history_shard_is_idle(const struct history_shard *shard);
/* Release the lease (after a flush when `flush`) and free everything; what still waits is answered
 * ERR_UNAVAILABLE. */
void history_shard_close(struct history_shard *shard, bool flush);

/* Do what is due by the clock (deadlines, expired waits). The loop's timer does it by itself.
 * Gives the monotonic time at which something is due next; INT64_MAX: nothing is. */
int64_t history_shard_run_due(struct history_shard *shard);

uint32_t history_shard_id(const struct history_shard *shard);

#endif
