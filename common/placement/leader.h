/* leader.h - who publishes the next assignment map: one process' part in it, without clock, store
 * or sockets.
 *
 * The map's row in the cluster store names the leader. While what the members want differs from
 * the map, the leader publishes the next version (a compare-and-swap on the version); so nobody
 * has anything to do while all is settled. A leader that is not alive is replaced at once, by the
 * live process that wins the post by rendezvous hashing; anybody replaces one that has been silent
 * for PLACEMENT_SILENCE_NS although it should have spoken. The compare-and-swap decides: of two
 * who publish at the same time one fails, and reads again.
 *
 * Use: tell it what happens (members, maps, a need for a higher version), then call
 * placement_step() and do what it says, until it says IDLE. One thread at a time. */
#ifndef GNOMON_PLACEMENT_LEADER_H
#define GNOMON_PLACEMENT_LEADER_H

#include "common/placement/map.h"

#define PLACEMENT_SILENCE_NS (1000 * NS_PER_MS)
#define PLACEMENT_SILENCE_MAX_NS (16 * PLACEMENT_SILENCE_NS) /* of who deposed in vain */
#define PLACEMENT_MOVE_NS (200 * NS_PER_MS)  /* between two versions that only make it even */
#define PLACEMENT_RETRY_NS (100 * NS_PER_MS) /* after a failure of the store */

struct placement_leader {
    uint64_t self;
    uint32_t shard_count[PLACEMENT_ROLES];
    struct placement_map map;                            /* the highest version known */
    struct placement_member live[PLACEMENT_MEMBERS_MAX]; /* ourselves too */
    uint32_t live_count;
    bool stale;            /* the row must be read */
    int64_t above;         /* a version higher than this is wanted */
    int64_t since_ns;      /* since when the map is not what we want; 0: it is */
    int64_t moved_ns;      /* when we last published moves; 0: never */
    int64_t patience_ns;   /* with a silent leader */
    int64_t not_before_ns; /* the store failed: no read, no write until then */
};

void placement_leader_init(struct placement_leader *leader, uint64_t self,
                           const uint32_t shard_count[PLACEMENT_ROLES]);

/* All that are alive, ourselves included. */
void placement_members(struct placement_leader *leader, const struct placement_member *live,
                       uint32_t count);
/* The row may be newer than what we know: read it. */
void placement_stale(struct placement_leader *leader);
/* A map that was read or told. Lower versions are ignored. True: it is taken. */
bool placement_learn(struct placement_leader *leader, const struct placement_map *map);
/* Somebody can't go on with `version`: a higher one is wanted, if with the same owners. */
void placement_want_above(struct placement_leader *leader, int64_t version);

enum placement_do {
    PLACEMENT_IDLE,    /* nothing before *until_ns (INT64_MAX: before something happens) */
    PLACEMENT_READ,    /* read the row, then placement_was_read() */
    PLACEMENT_PUBLISH, /* swap the row from version next->version - 1 to *next, then
                          placement_was_published() */
};
enum placement_do placement_step(struct placement_leader *leader, int64_t now_ns,
                                 struct placement_map *next, int64_t *until_ns);

/* `map` is looked at when err is ERR_OK only; its version is 0 when there is no row. True: taken.
 */
bool placement_was_read(struct placement_leader *leader, enum err err,
                        const struct placement_map *map, int64_t now_ns);
/* ERR_ABORTED: the row had another version. True: the map is published, tell everybody. */
bool placement_was_published(struct placement_leader *leader, enum err err,
                             const struct placement_map *map, int64_t now_ns);

#endif
