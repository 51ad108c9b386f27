/* slot.h - one shard's place in this process: opened when the assignment gives it to us, drained,
 * flushed and released when it is taken away.
 *
 *   CLOSED -- ours --> OPENING -- opened --> OPEN -- not ours, lost, stop --> DRAINING --> CLOSED
 *     ^                |  ^  |
 *     +- not ours, stop+  +--+ held by a predecessor: again when something changes, or by a timer
 *
 * 1. A slot belongs to its engine thread; only slot_load() runs elsewhere, on a helper thread, and
 *    touches nothing but the shard that it makes.
 * 2. From OPENING on requests for the shard come here: they wait in order until it is open.
 * 3. A shard that is lost because somebody fenced us is not opened again before the assignment has
 *    a higher version: by the old one two would go on taking it from each other. */
#ifndef GNOMON_HISTORY_SLOT_H
#define GNOMON_HISTORY_SLOT_H

#include "common/service/service.h"
#include "history/backlog.h"
#include "history/opener.h"
#include "history/shard/shard.h"

enum slot_state { SLOT_CLOSED, SLOT_OPENING, SLOT_OPEN, SLOT_DRAINING };

/* What a slot knows of its thread and process; its callbacks run on the thread. */
struct slot_env {
    struct service *service;
    struct store *store;
    struct opener *opener;
    struct bucket *persistence; /* of the whole process */
    uint32_t shard_count;
    struct loop *loop;
    struct mesh_port *port;
    const struct history_net *net;
    const struct history_caller *caller;
    const struct history_namespaces *namespaces;
    bool stopping, failing;              /* nothing is opened any more */
    void (*opened)(void *arg);           /* a slot is open */
    void (*closed)(void *arg);           /* a slot is closed */
    void (*failed)(void *arg, enum err); /* the process can't go on */
    void *arg;
};

struct slot {
    struct slot_env *env;
    uint32_t shard_id;
    enum slot_state state;
    struct history_shard *shard;
    struct loop_timer timer; /* the next try to open, or step of draining */
    struct opener_job job;   /* opens; its results: */
    enum err loaded;
    struct err_detail load_detail;
    bool loading;
    uint32_t tries; /* to open, since something changed */
    struct backlog backlog;
    int64_t drain_until_ns;
    int64_t fenced_version; /* of the map by which we were fenced */
    uint64_t timers_owner;  /* who serves its deadlines, as the shard was told */
    bool lost, opened_once;
};

void slot_init(struct slot *slot, struct slot_env *env, uint32_t shard_id);
/* Something has changed: bring the slot to where the assignment wants it. */
void slot_look(struct slot *slot);

void slot_request(struct slot *slot, const struct mesh_request *request);
void slot_canceled(struct slot *slot, struct mesh_addr from);
void slot_peer(struct slot *slot, enum mesh_role role, uint64_t process, bool up);

#endif
