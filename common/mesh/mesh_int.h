/* mesh_int.h - what the files of the mesh share: the process' mesh, its peers and its ports.
 *
 * Locks, outer to inner: members' > mesh->mutex > port->mutex, outbox's. No callback of a user runs
 * under any of them. */
#ifndef GNOMON_MESH_INT_H
#define GNOMON_MESH_INT_H

#include "common/base/heap.h"
#include "common/base/list.h"
#include "common/base/map.h"
#include "common/mesh/envelope.h"
#include "common/mesh/inbox.h"
#include "common/mesh/members.h"
#include "common/mesh/mesh.h"
#include "common/mesh/outbox.h"
#include "common/mesh/progress.h"
#include "common/mesh/placing.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    MESH_SHARDS_MAX = 256,
    MESH_PORTS_MAX = 128,
    MESH_CALLS_MAX = 100 * 1000,              /* outstanding of one port */
    MESH_QUEUE_BYTES_MAX = 256 * 1024 * 1024, /* arrived and not yet handled, of one port */
    MESH_REPLY_EXTRA_MAX = 4 * 1024 * 1024,   /* detail payload and undelivered bytes */
    MESH_MESSAGE_MAX = MESH_BODY_MAX + MESH_REPLY_EXTRA_MAX + 64 * 1024,
    MESH_PORT_SHIFT = 56, /* a call id's top byte is its port */
    MESH_FORGOTTEN = 64,
    MESH_UNSENT_MAX = 16,
    MESH_BEAT_MS = 500, /* between heartbeats, while anything is outstanding */
};

/* Another live process. Counted: one reference is the mesh's. */
struct mesh_peer {
    struct mesh *mesh;
    struct mesh_peer *next_dead;
    atomic_uint refs;
    struct member member;
    struct mesh_outbox *outbox;
    uint64_t last_number; /* of the messages from it; the inbox's thread only */
    bool leaving;         /* it said so; guarded by mesh->mutex */
    /* Under mesh->mutex: shards for which casts of it found no port, to be told when one binds. */
    uint64_t unbound[MESH_SHARDS_MAX / 64];
    struct mesh_progress progress;
};

enum { MESH_RUN_MAX = 512 };

struct mesh {
    struct mesh_options options;
    uint64_t self;
    struct mesh_inbox *inbox;
    struct members *members;
    struct mesh_placing *placing; /* NULL: no cluster store, everybody places for himself */
    atomic_uint_fast64_t call_salt;
    struct envelope *run; /* MESH_RUN_MAX of them; the inbox's thread only, as the next two */
    int64_t said_mono_ns; /* when rubbish was last complained of */
    uint64_t unsaid;      /* messages of rubbish since then */

    pthread_mutex_t mutex; /* guards all below */
    struct mesh_peer *peers[MEMBERS_MAX];
    size_t peer_count;
    uint64_t owners[ROLE_COUNT][MESH_SHARDS_MAX];
    int64_t map_version; /* of the owners */
    bool placed;         /* their map was made with us among the members */
    bool leaving;
    uint32_t alive[ROLE_COUNT];              /* how many */
    struct mesh_port *ports[MESH_PORTS_MAX]; /* by index; freed ones stay until mesh_close() */
    size_t port_count;
    struct mesh_port *bound[MESH_SHARDS_MAX];
    uint64_t forgotten[MESH_FORGOTTEN]; /* ids asked for that nobody had: a ring */
    size_t forgotten_next;
    int64_t beat_mono_ns;  /* of the last heartbeat */
    int64_t probe_mono_ns; /* when idle threads were last made to turn */
    int64_t hung_ms;

    /* Closing an outbox waits for nng's callbacks, which may wait for the locks above: so the dead
     * are closed by a thread of their own, that holds none. */
    pthread_mutex_t reap_mutex; /* guards the next three; innermost */
    pthread_cond_t reap_wake;
    struct mesh_peer *dead;
    bool reap_stop;
    pthread_t reaper;

    struct counter *calls, *refused, *casts_dropped, *dirty, *resets, *malformed, *strangers,
        *relistens, *stuck;
};

/* What came for one port, in order: envelopes of one message, or news of a peer. */
struct mesh_delivery {
    struct mesh_delivery *next;
    enum {
        DELIVER_ENVELOPES,
        DELIVER_UP,
        DELIVER_DOWN,
        DELIVER_PLACED, /* the assignment, or something about it, has changed */
        DELIVER_LOST,   /* messages of the peer to us were lost */
        DELIVER_RESET,  /* messages of ours to the peer were lost */
        DELIVER_DIRTY   /* casts to or from the peer were dropped, and now there is room */
    } what;
    uint64_t process;
    enum mesh_role role;
    int64_t received_mono_ns;
    struct mesh_inmsg *msg; /* what the envelopes point into; NULL: this very block */
    size_t bytes;           /* counted against MESH_QUEUE_BYTES_MAX */
    uint32_t count;
    struct envelope envelopes[];
};

struct mesh_dropped {
    uint64_t process;
    enum mesh_role role;
};

struct mesh_port {
    struct mesh *mesh;
    struct loop *loop;
    struct mesh_handlers handlers;
    uint64_t index;

    pthread_mutex_t mutex; /* guards the queue */
    struct mesh_delivery *first, **last;
    size_t queued_bytes, queue_bytes_max;
    bool posted, closed;
    int64_t waiting_mono_ns; /* since when there is work without a turn; 0: there is none */
    uint64_t turns;
    struct mesh_dropped dropped[MEMBERS_MAX]; /* whose casts found no room since the last turn */
    size_t dropped_count;

    /* The loop's thread only. */
    uint64_t next_call;
    struct map calls; /* struct mesh_pending by id */
    struct heap deadlines;
    struct list failing; /* struct mesh_pending that fail at the end of this turn */
    struct loop_msg fail_msg;
    struct loop_timer timer;
    int64_t timer_at_ns;                       /* INT64_MAX: not armed */
    struct mesh_peer *unsent[MESH_UNSENT_MAX]; /* posted to in this turn: a reference each */
    uint32_t unsent_count;
    struct loop_msg send_msg;
    struct loop_timer beat;
    bool beating;     /* the heartbeat's timer runs */
    bool unconfirmed; /* something was told or answered since the last heartbeat */
    struct mesh_pending *spare;
    uint32_t spare_count;
};

/* Under mesh->mutex; no reference. NULL: not known. */
struct mesh_peer *mesh_peer_find(struct mesh *mesh, uint64_t process);
/* A reference, or NULL: ourselves, or nobody alive. With `scan` the run folder is looked at again
 * before an unknown process counts as gone. */
struct mesh_peer *mesh_peer_get(struct mesh *mesh, uint64_t process, bool scan);
/* From any thread, also nng's: never waits. */
void mesh_peer_unref(struct mesh_peer *peer);

/* Hand over to the port's loop; takes the delivery. false: nothing was taken, the port is closed
 * or (not with `force`: replies and news always fit) its queue is full. */
bool mesh_port_deliver(struct mesh_port *port, struct mesh_delivery *delivery, bool force);
struct mesh_turns {
    uint64_t count;
    uint32_t waiting_ms; /* since when work waits for the next */
};
/* false: the port is closed. With `probe` a thread without work is woken to make a turn. */
bool mesh_port_turns(struct mesh_port *port, int64_t now_ns, bool probe, struct mesh_turns *out);
/* What has arrived and waits. Any thread. */
size_t mesh_port_queued_bytes(struct mesh_port *port);
/* A cast of `process` found the queue full: both sides hear of it when it was drained. */
void mesh_port_dropped(struct mesh_port *port, uint64_t process, enum mesh_role role);
/* News of a peer. Under mesh->mutex. */
void mesh_port_tell(struct mesh_port *port, uint64_t process, uint32_t role, int what);
/* All ports look at the assignment again. Under mesh->mutex. */
void mesh_tell_placed(struct mesh *mesh);
void mesh_delivery_free(struct mesh_delivery *delivery);

/* One envelope to ourselves. false as mesh_port_deliver(), or nobody there. */
bool mesh_deliver_self(struct mesh *mesh, const struct envelope *envelope,
                       const struct slice *parts, size_t count);
/* The port that an envelope is for; NULL: none. Under mesh->mutex. */
struct mesh_port *mesh_port_of(struct mesh *mesh, const struct envelope *envelope);

/* Nobody takes this envelope of `process`: its sender learns of it, where it waits. A cast that is
 * not ours (ERR_NOT_OWNER) is remembered until somebody binds its shard. */
void mesh_refuse(struct mesh *mesh, uint64_t process, const struct envelope *envelope,
                 enum err err);

/* An undelivered answer on its way back: it has a place wherever it goes, as the answer had. */
bool mesh_is_bounce(const struct envelope *envelope);
/* Under mesh->mutex. */
void mesh_tell_ports(struct mesh *mesh, uint64_t process, uint32_t role, int what);
/* Casts of ours to this process, or of it to us, are to be derived again. */
void mesh_dirty(struct mesh *mesh, uint64_t process);
/* The shard is bound: tell those whose casts came too early. Under mesh->mutex. */
void mesh_tell_bound(struct mesh *mesh, uint32_t shard);

/* A heartbeat to every peer, unless there was one a moment ago. */
void mesh_beat(struct mesh *mesh);

/* Post an envelope to any process, ourselves included. */
enum err mesh_post(struct mesh *mesh, uint64_t process, const struct envelope *envelope,
                   const struct slice *parts, size_t count);

#endif
