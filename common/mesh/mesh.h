/* mesh.h - how the processes talk: one inbox, one outbox per peer, and three verbs.
 *
 * mesh_call() asks and gets exactly one answer (or the reason why there is none), mesh_reply()
 * answers (any process may, an address is enough), mesh_cast() tells. Posting never blocks;
 * whatever is posted while a send is in flight goes into the next message.
 *
 * Threads: a struct mesh belongs to the process; a struct mesh_port to one loop, on which its
 * callbacks run. All functions that take a port are for its loop's thread.
 * Spec: ARCHITECTURE.md, "The mesh". */
#ifndef GNOMON_MESH_H
#define GNOMON_MESH_H

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/cluster/cluster.h"
#include "common/log/log.h"
#include "common/loop/loop.h"
#include "common/mesh/addr.h"
#include "common/mesh/transport.h"
#include "common/metrics/metrics.h"

struct mesh;
struct mesh_port;

enum mesh_role {
    ROLE_FRONTEND,
    ROLE_HISTORY,
    ROLE_MATCHING,
    ROLE_TIMERS,
    ROLE_COUNT,
    ROLE_TOOL = ROLE_COUNT /* asks the others, and is no part of the cluster: owns nothing, has no
                              say in the assignment (options.cluster is NULL) */
};
const char *mesh_role_name(enum mesh_role role); /* "frontend" */

enum mesh_method {
    METHOD_NONE = 0,
#define METHOD(name, number, role) METHOD_##name = number,
#include "common/mesh/methods.def"
#undef METHOD
};
const char *mesh_method_name(enum mesh_method method);

enum { MESH_NO_SHARD = UINT32_MAX, MESH_BODY_MAX = 16 * 1024 * 1024 };

struct mesh_options {
    enum mesh_role role;
    const char *run_dir;              /* sockets (mode 0600) and member files */
    uint32_t shard_count[ROLE_COUNT]; /* per role: history.shards, 1 (frontend), 4, 4 */
    const struct clock *clock;
    const struct log *log;
    struct metrics *metrics;
    struct mesh_transport transport; /* zero: socket files in the run folder */
    struct cluster *cluster; /* its version travels in every envelope; may be NULL in tests */
};

/* Listen, register as a member (a file whose OFD lock is the sign of life), look for the others.
 * Keeps what `options` points to. */
MUST_USE enum err mesh_open(const struct mesh_options *options, struct mesh **out,
                            struct err_detail *detail);
/* Leave: the member file goes first, then what is queued is sent (bounded), then all closes. To be
 * called when the loops of its ports have ended, or have run what was posted to them before
 * mesh_port_free(). */
void mesh_close(struct mesh *mesh);
uint64_t mesh_self(const struct mesh *mesh);

/* -- serving -------------------------------------------------------------------------------- */

/* One call or cast that came in. Everything lives during the handler call only: copy what must
 * stay. */
struct mesh_request {
    enum mesh_method method;
    uint32_t shard;           /* MESH_NO_SHARD when the method has none */
    struct mesh_addr from;    /* where to reply; from.call is 0 for a cast */
    int64_t deadline_mono_ns; /* by this process' clock; 0: none (casts) */
    struct slice body;
};

struct mesh_handlers {
    void (*request)(void *arg, const struct mesh_request *request);
    /* The caller of `from` gave up (its client is gone): answer no more. May be NULL. */
    void (*canceled)(void *arg, uint32_t shard, struct mesh_addr from);
    /* A process of `role` went away or came (`up`), or lost messages in between, or casts from or
     * to it were dropped and now there is room: what this port knows of it from casts, and what it
     * told by casts, must be derived again. A fresh port is told of all who are there.
     * May be NULL. */
    void (*peer)(void *arg, enum mesh_role role, uint64_t process, bool up);
    /* Look at the assignment again: a higher version has arrived (mesh_map_version()), or the owner
     * before us has released what is ours. A fresh port is told once. May be NULL. */
    void (*placed)(void *arg);
    void *arg;
};

/* Keeps `loop`; gives a port that is ended with mesh_port_free() before mesh_close(). */
struct mesh_port *mesh_port_new(struct mesh *mesh, struct loop *loop,
                                const struct mesh_handlers *handlers);
void mesh_port_free(struct mesh_port *port);

/* Requests for `shard` of the process' own role come to this port from now on (until unbound).
 * A request for a shard that no port has is answered ERR_NOT_OWNER by the mesh. Requests without
 * a shard come to the first port made. */
void mesh_bind(struct mesh_port *port, uint32_t shard);
void mesh_unbind(struct mesh_port *port, uint32_t shard);

/* -- placement ------------------------------------------------------------------------------ */

/* Who owns what stands in a versioned map, published by one leader (common/placement) and kept in
 * the cluster store. Without one (tests) it is rendezvous hashing over the live members.
 *
 * An owner acquires only what a version gives it, and releases what one takes away; the lease of
 * its store fences. Any thread. */
int64_t mesh_map_version(struct mesh *mesh); /* 0: no map is known yet */
/* Has this process been considered by the map yet? Until then it has nothing to serve. */
bool mesh_is_placed(struct mesh *mesh);
/* Does the map give us `shard`? */
bool mesh_is_ours(struct mesh *mesh, uint32_t shard);
/* We are about to stop: the next map gives everything of ours to others. */
void mesh_leaving(struct mesh *mesh);
/* `shard` of ours is released: the owner by the map need not wait any longer. */
void mesh_freed(struct mesh *mesh, uint32_t shard);
/* We own a shard by `version` and are fenced: nothing can be done before there is a higher one. */
void mesh_want_map_above(struct mesh *mesh, int64_t version);

/* -- the three verbs ------------------------------------------------------------------------ */

struct mesh_target {
    enum mesh_role role;
    uint32_t shard;   /* whose owner is meant ... */
    uint64_t process; /* ... or, when not 0, this very process */
};

#define MESH_SHARD(role_, shard_) ((struct mesh_target){.role = (role_), .shard = (shard_)})

/* `body` and what `detail` points to live during the call of this function only. On ERR_OK body is
 * the answer; otherwise detail says more (detail->text may be empty). */
typedef void (*mesh_reply_fn)(void *arg, enum err err, const struct err_detail *detail,
                              struct slice body);

/* Ask; `reply` is called exactly once, later, on the port's loop, unless mesh_cancel() comes
 * first. Errors of its own: ERR_UNAVAILABLE no live owner (at once), ERR_PEER_RESET the process
 * asked went away or messages were lost: outcome unknown, ERR_TIMEOUT `timeout_ms` passed,
 * ERR_BUSY too many calls outstanding, ERR_NOT_OWNER. The parts of the body are joined. */
uint64_t mesh_call(struct mesh_port *port, struct mesh_target to, enum mesh_method method,
                   const struct slice *parts, size_t count, int64_t timeout_ms, mesh_reply_fn reply,
                   void *arg);

/* Forget the call; the process asked learns of it. No-op when it is answered already. */
void mesh_cancel(struct mesh_port *port, uint64_t call);
/* The address under which the call's answer is awaited, to put into records. */
struct mesh_addr mesh_call_addr(const struct mesh_port *port, uint64_t call);

/* Answer. `undelivered` (may be empty): when nobody waits at `to` any more, the process there
 * sends these bytes back as a METHOD_NOT_DELIVERED cast to `shard` of the answering process. */
struct mesh_answer {
    enum err err;
    const struct err_detail *detail; /* may be NULL */
    const struct slice *parts;
    size_t count;
    struct slice undelivered;
    uint32_t shard;
};
void mesh_reply(struct mesh_port *port, struct mesh_addr to, const struct mesh_answer *answer);

/* Tell. Gives false when it was dropped at once (no live owner, outbox full); it may be dropped
 * later, too (the peer's queue full, the shard not bound there). Either way the peer callback comes
 * when there is room or an owner: the sender derives it then from rows, or never needs to. */
bool mesh_cast(struct mesh_port *port, struct mesh_target to, enum mesh_method method,
               const struct slice *parts, size_t count);

/* We have written into the cluster store: all others learn of its version, and read it, within
 * moments, although nothing else may be said to them. Any thread. */
void mesh_tell_version(struct mesh *mesh);

/* How many processes of the role are alive, our own counted? */
uint32_t mesh_role_count(struct mesh *mesh, enum mesh_role role);
/* Is any? */
bool mesh_role_alive(struct mesh *mesh, enum mesh_role role);
/* Who is alive, ourselves left out, by role and process. */
struct mesh_member {
    enum mesh_role role;
    uint64_t process;
    bool leaving;      /* it said so */
    char address[320]; /* URL of its inbox */
};
enum { MESH_MEMBERS_MAX = 256 };
size_t mesh_members(struct mesh *mesh, struct mesh_member out[MESH_MEMBERS_MAX]);
/* The process that owns the shard by the present assignment; 0: none. */
uint64_t mesh_owner(struct mesh *mesh, enum mesh_role role, uint32_t shard);

#endif
