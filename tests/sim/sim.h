/* sim.h - a whole cluster in one thread: its virtual time, its network, its processes, its users.
 *
 * 1. All that happens is an event of one heap, ordered by virtual time; everything random comes
 *    from the seed. So a seed replays exactly, and `trace` (a hash of every event) says so.
 * 2. What the simulator itself keeps lives in `arena` until the seed ends; only the services'
 *    own objects are freed one by one.
 * 3. Faults happen until `calm`; from then on everything must settle.
 * 4. The first broken law ends the seed: sim_fail(). */
#ifndef GNOMON_SIM_H
#define GNOMON_SIM_H

#include "common/base/heap.h"
#include "common/base/list.h"
#include "common/base/map.h"
#include "common/base/rng.h"
#include "common/log/log.h"
#include "common/mesh/mesh.h"
#include "common/metrics/metrics.h"
#include "common/rpc/rpc.h"

enum {
    SIM_SHARDS = 4, /* of history; matching and timers have four by their own rules */
    SIM_SLOTS_PER_ROLE = 3,
    SIM_SLOTS = ROLE_COUNT * SIM_SLOTS_PER_ROLE,
};
#define SIM_NAMESPACE "0190c1f2-0000-7000-8000-0000000000aa"
#define NS_PER_US INT64_C(1000)
#define SIM_WALL_START_NS (INT64_C(1700000000) * NS_PER_S)

typedef void (*sim_fn)(void *arg);

struct sim_timer { /* zero: stands still */
    struct heap_node node;
    sim_fn fire;
    void *arg;
};

/* What goes wrong, and how often: drawn per seed, so that each seed has its own mixture. */
struct sim_faults {
    uint32_t drop_ppm;                          /* messages lost */
    uint32_t slow_ppm;                          /* messages late by up to two seconds */
    uint32_t refuse_ppm;                        /* casts that find no room */
    int64_t crash_ns, cut_ns, jump_ns, disk_ns; /* mean time between two; 0: never */
    int64_t full_ns;                            /* the disk is full for a while */
    int64_t join_ns;                            /* an additional process comes, or one leaves */
    bool slow_disk, slow_processes, small_cache, small_windows;
    uint32_t vanish_ppm, worker_slow_ppm; /* per task: the worker never answers, or late */
    uint32_t give_up_ppm;                 /* per poll: its stream is reset soon */
    int64_t worker_ns;                    /* mean time between two losses of a worker */
};

struct sim;
struct sim_proc;
struct sim_client;
struct sim_worker;
struct sim_script;

/* What a simulated process does with what the network brings. */
struct sim_handlers {
    void (*request)(struct sim_proc *proc, const struct mesh_request *request);
    void (*canceled)(struct sim_proc *proc, uint32_t shard, struct mesh_addr from);
    void (*peer)(struct sim_proc *proc, enum mesh_role role, uint64_t process, bool up);
    void (*run)(struct sim_proc *proc); /* its own timers; arms itself with sim_proc_wake() */
    void (*die)(struct sim_proc *proc); /* free everything; nothing goes out any more */
};

struct sim_proc {
    struct sim *sim;
    const struct sim_handlers *handlers;
    enum mesh_role role;
    uint32_t slot;
    uint64_t id; /* new for every incarnation */
    bool alive;  /* false: what it still sends goes nowhere */
    bool leaving;
    bool slow;
    struct map calls; /* struct sim_call by id: outstanding */
    uint64_t last_call;
    struct sim_timer wake;
};

struct sim_link {    /* from one slot to another, between two incarnations */
    int64_t last_ns; /* FIFO: nothing arrives before this */
    uint64_t sent, received;
    int64_t cut_until_ns;
    uint64_t dead, dead_number; /* of a process that died: what it sent last, and what arrives */
    struct sim_timer ping;
    struct sim *sim;
    uint32_t from, to;
};

struct sim {
    uint64_t seed;
    struct rng rng;
    struct clock clock;
    int64_t now_ns, wall_ahead_ns;
    struct heap due;
    struct arena arena, scratch; /* scratch: of the event in hand */
    uint64_t trace, steps;
    bool verbose, calm, stopping;
    int64_t calm_ns;    /* since when; 0: not yet */
    const char *broken; /* the law; NULL: none so far */
    char why[512];
    struct log log;
    struct metrics *metrics;
    char dir[32];
    struct sim_faults faults;

    struct sim_proc *procs[SIM_SLOTS]; /* NULL: none */
    uint64_t owner[ROLE_COUNT][SIM_SHARDS];
    struct sim_link links[SIM_SLOTS][SIM_SLOTS];
    uint64_t last_process;

    struct sim_script *scripts;
    uint32_t script_count, scripts_open;
    struct list workers;  /* struct sim_worker */
    struct map done_work; /* oracle.c: what users did and saw */
    struct map facts;
    uint32_t queries, updates; /* answered, with an outcome */
    uint32_t reset_count;      /* of workflows, by clients */
    uint32_t operations;       /* of operators: pauses, their ends, activities begun anew */
    uint32_t refused;          /* requests, because the disk was full */
    uint32_t crashes, resets, lost_shards, opens, workers_made;
};

/* -- the scheduler (sim.c) ------------------------------------------------------------------ */

struct sim *sim_new(uint64_t seed, struct metrics *metrics, bool verbose);
/* To the end: faults, calm, settled, checked. False: a law is broken. */
bool sim_run(struct sim *sim);
void sim_free(struct sim *sim);

void sim_arm(struct sim *sim, struct sim_timer *timer, int64_t at_ns);
void sim_stop(struct sim *sim, struct sim_timer *timer);
/* Once, after a delay; `arg` lives in the sim's arena. */
void sim_later(struct sim *sim, int64_t delay_ns, sim_fn fire, void *arg);
/* Into the trace; printed when verbose. */
void sim_note(struct sim *sim, const char *what, uint64_t a, uint64_t b);
void sim_note_text(struct sim *sim, const char *format, ...) PRINTF_LIKE(2, 3);
void sim_fail(struct sim *sim, const char *law, const char *format, ...) PRINTF_LIKE(3, 4);

bool sim_chance(struct sim *sim, uint32_t ppm);
int64_t sim_between(struct sim *sim, int64_t low, int64_t high); /* both included */
static inline bool sim_faulty(struct sim *sim, uint32_t ppm)
{
    return !sim->calm && ppm && sim_chance(sim, ppm);
}

/* -- the network (net.c) -------------------------------------------------------------------- */

void net_init(struct sim *sim);
/* A fresh incarnation in a slot: everybody learns of it, it learns of everybody. */
void net_join(struct sim_proc *proc);
/* It is gone, at once; what it sent may arrive or not, then the others learn of it. */
void net_leave(struct sim_proc *proc);
void net_forget(struct sim_proc *proc); /* its calls, once it has freed what waits for them */
uint64_t net_call(struct sim_proc *proc, struct mesh_target to, enum mesh_method method,
                  struct slice body, int64_t timeout_ms, mesh_reply_fn reply, void *arg);
void net_cancel(struct sim_proc *proc, uint64_t call);
bool net_cast(struct sim_proc *proc, struct mesh_target to, enum mesh_method method,
              struct slice body);
/* A cast came for a shard that is not served here: both sides derive anew what they told. */
void net_dropped(struct sim_proc *proc, const struct mesh_request *request);
void net_reply(struct sim_proc *proc, struct mesh_addr to, const struct mesh_answer *answer);
bool net_role_alive(struct sim *sim, enum mesh_role role);
void net_cut(struct sim *sim, uint32_t a, uint32_t b, int64_t for_ns);

/* -- processes (procs.c, and a file for each role) ------------------------------------------- */

void proc_init(struct sim_proc *proc, struct sim *sim, enum mesh_role role, uint32_t slot,
               const struct sim_handlers *handlers);
/* Run its timers soon: after everything that changes it. */
void proc_wake(struct sim_proc *proc, int64_t at_ns);
struct sim_proc *proc_start(struct sim *sim, uint32_t slot);
void proc_crash(struct sim_proc *proc);
void proc_crash_soon(struct sim_proc *proc); /* from inside its own callbacks */
void procs_start(struct sim *sim);
void procs_stop(struct sim *sim); /* orderly, at the end */
/* Shards of a role go to live processes anew: some move to a process that has come. */
void procs_assign(struct sim *sim, enum mesh_role role);
struct sim_proc *proc_find(struct sim *sim, uint64_t id);
void faults_start(struct sim *sim);

struct sim_proc *history_proc_new(struct sim *sim, uint32_t slot);
struct sim_proc *matching_proc_new(struct sim *sim, uint32_t slot);
struct sim_proc *timers_proc_new(struct sim *sim, uint32_t slot);
struct sim_proc *gateway_new(struct sim *sim, uint32_t slot);
void matching_proc_check(struct sim_proc *proc);
void timers_proc_check(struct sim_proc *proc);

/* -- the gateway, as users see it (gateway.c) ------------------------------------------------- */

struct sim_ask {
    enum mesh_method method;
    const char *workflow_id; /* routes, unless `poll` */
    struct slice token;      /* of task answers */
    const void *message;     /* the API request */
    const struct rpc_poll *poll;
    int64_t timeout_ms;
    bool long_poll;
};
typedef void (*gateway_fn)(void *arg, enum err err, const char *text, struct slice body);
struct gateway_call;
/* Ask any live gateway; `done` comes exactly once, unless it is abandoned. */
struct gateway_call *gateway_ask(struct sim *sim, const struct sim_ask *ask, gateway_fn done,
                                 void *arg);
void gateway_abandon(struct gateway_call *call); /* the stream is reset: the gateway notices */

/* -- users (script.c, client.c, worker.c) ------------------------------------------------------ */

void scripts_new(struct sim *sim);
void clients_start(struct sim *sim);
void workers_start(struct sim *sim);
void workers_stop(struct sim *sim);
void worker_vanish(struct sim *sim, struct sim_worker *worker);

/* -- laws (check.c) ---------------------------------------------------------------------------- */

void check_end(struct sim *sim);

#endif
