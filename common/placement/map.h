/* map.h - the assignment map: which process owns which shard, and how the next one is made.
 *
 * Pure: no clock, no store, no sockets. A map is computed from the present one and the live
 * members, so that as little as possible moves:
 *
 * 1. A shard stays with its owner as long as that one is eligible (alive, and not leaving).
 * 2. A shard without an eligible owner goes, at once, to the process that wins it by rendezvous
 *    hashing among those with room: nobody gets more than the even share, rounded up.
 * 3. While two processes of a role differ by more than one shard, shards move from the fullest to
 *    the emptiest, a few with each version (PLACEMENT_MOVES_DIVISOR). */
#ifndef GNOMON_PLACEMENT_MAP_H
#define GNOMON_PLACEMENT_MAP_H

#include "common/base/buf.h"
#include "common/base/err.h"

enum {
    PLACEMENT_ROLES = 4,
    PLACEMENT_SHARDS_MAX = 256,
    PLACEMENT_MEMBERS_MAX = 257,  /* the mesh's peers, and ourselves */
    PLACEMENT_MOVES_DIVISOR = 16, /* of a role's shards, this part moves at a time; at least one */
};

struct placement_member {
    uint64_t process;
    uint32_t role;
    bool leaving; /* not stored: a map holds nobody who leaves */
};

struct placement_map {
    uint64_t leader; /* who published it, or whom that one made leader; 0: nobody yet */
    int64_t term;    /* counts leaders */
    int64_t version; /* rises by one with each map; 0: there has been none */
    uint32_t member_count;
    /* Those it was made for, by process; of roles with shards only. */
    struct placement_member members[PLACEMENT_MEMBERS_MAX];
    uint32_t shard_count[PLACEMENT_ROLES];
    uint64_t owners[PLACEMENT_ROLES][PLACEMENT_SHARDS_MAX]; /* 0: nobody of the role is there */
};

enum placement_need {
    PLACEMENT_SETTLED, /* the present map is what we want */
    PLACEMENT_UNEVEN,  /* only rule 3 asks for another one */
    PLACEMENT_URGENT,  /* somebody came or went */
};

/* Compare `present` with what these members want, and make the next map of it: its version is the
 * present one plus one, its leader and term are the present ones. Shards move by rule 3 only if
 * `may_move`. `shard_count` of a role without shards is 0. */
enum placement_need placement_plan(const struct placement_map *present,
                                   const struct placement_member *live, uint32_t live_count,
                                   const uint32_t shard_count[PLACEMENT_ROLES], bool may_move,
                                   struct placement_map *next);

uint64_t placement_owner(const struct placement_map *map, uint32_t role, uint32_t shard);
bool placement_has_member(const struct placement_map *map, uint64_t process);

/* How strongly `process` is drawn to a shard: the highest wins. */
uint64_t placement_score(uint64_t process, uint32_t role, uint32_t shard);

/* As a record, which travels and is stored. Decoding takes hostile bytes: ERR_CORRUPT, or a map
 * within all bounds (its owners may be anybody). */
void placement_encode(const struct placement_map *map, struct buf *out);
MUST_USE enum err placement_decode(struct slice bytes, struct placement_map *out);

#endif
