/* map.c - see map.h. */
#include "common/placement/map.h"

#include "common/base/arena.h"
#include "common/base/hash.h"
#include "common/pack/record.h"

#include <stdlib.h>

/* -- scores --------------------------------------------------------------------------------- */

uint64_t placement_score(uint64_t process, uint32_t role, uint32_t shard)
{
    uint8_t key[16];

    be64_put(key, process);
    be32_put(key + 8, role);
    be32_put(key + 12, shard);
    return hash_bytes(slice_of(key, sizeof key), 0);
}

/* -- asking --------------------------------------------------------------------------------- */

uint64_t placement_owner(const struct placement_map *map, uint32_t role, uint32_t shard)
{
    must(role < PLACEMENT_ROLES);
    return shard < map->shard_count[role] ? map->owners[role][shard] : 0;
}

bool placement_has_member(const struct placement_map *map, uint64_t process)
{
    for (uint32_t i = 0; i < map->member_count; i++)
        if (map->members[i].process == process)
            return true;
    return false;
}

/* -- planning ------------------------------------------------------------------------------- */

/* One role's eligible processes and how many shards each has. */
struct crew {
    uint32_t role, count, shards, share; /* share: the most that rule 2 gives one of them */
    uint64_t process[PLACEMENT_MEMBERS_MAX];
    uint32_t load[PLACEMENT_MEMBERS_MAX];
};

static int by_process(const void *a, const void *b)
{
    const struct placement_member *left = a, *right = b;

    return left->process < right->process ? -1 : left->process > right->process;
}

static void take_members(struct placement_map *next, const struct placement_member *live,
                         uint32_t live_count)
{
    next->member_count = 0;
    for (uint32_t i = 0; i < live_count; i++)
        if (!live[i].leaving && live[i].role < PLACEMENT_ROLES && next->shard_count[live[i].role])
            next->members[next->member_count++] = live[i];
    qsort(next->members, next->member_count, sizeof *next->members, by_process);
}

static bool same_members(const struct placement_map *a, const struct placement_map *b)
{
    if (a->member_count != b->member_count)
        return false;
    for (uint32_t i = 0; i < a->member_count; i++)
        if (a->members[i].process != b->members[i].process ||
            a->members[i].role != b->members[i].role)
            return false;
    return true;
}

static uint32_t find(const struct crew *crew, uint64_t process)
{
    uint32_t at = 0;

    while (at < crew->count && crew->process[at] != process)
        at++;
    return at;
}

static void muster(struct crew *crew, const struct placement_map *map, uint32_t role)
{
    *crew = (struct crew){.role = role, .shards = map->shard_count[role]};
    for (uint32_t i = 0; i < map->member_count; i++)
        if (map->members[i].role == role)
            crew->process[crew->count++] = map->members[i].process;
    if (crew->count)
        crew->share = (crew->shards + crew->count - 1) / crew->count;
    for (uint32_t shard = 0; shard < crew->shards; shard++) {
        const uint32_t at = find(crew, map->owners[role][shard]);

        if (at < crew->count)
            crew->load[at]++;
    }
}

/* Rules 1 and 2. Gives whether anything changed. */
static bool adopt_orphans(struct crew *crew, uint64_t *owners)
{
    bool changed = false;

    for (uint32_t shard = 0; shard < crew->shards; shard++) {
        uint32_t best = crew->count;
        uint64_t best_score = 0;

        if (find(crew, owners[shard]) < crew->count)
            continue;
        for (uint32_t i = 0; i < crew->count; i++) {
            const uint64_t score = placement_score(crew->process[i], crew->role, shard);

            if (crew->load[i] < crew->share && (best == crew->count || score > best_score)) {
                best = i;
                best_score = score;
            }
        }
        must(crew->count == 0 || best < crew->count);
        const uint64_t owner = crew->count ? crew->process[best] : 0;
        if (crew->count)
            crew->load[best]++;
        changed = changed || owners[shard] != owner;
        owners[shard] = owner;
    }
    return changed;
}

/* The ends of the crew; false: they are near enough to each other. */
static bool is_uneven(const struct crew *crew, uint32_t *fullest, uint32_t *emptiest)
{
    *fullest = *emptiest = 0;
    for (uint32_t i = 1; i < crew->count; i++) {
        if (crew->load[i] > crew->load[*fullest])
            *fullest = i;
        if (crew->load[i] < crew->load[*emptiest])
            *emptiest = i;
    }
    return crew->count && crew->load[*fullest] > crew->load[*emptiest] + 1;
}

/* Rule 3, one step: the taker gets the shard of the fullest that it is drawn to most. */
static void move_one(struct crew *crew, uint64_t *owners, uint32_t fullest, uint32_t emptiest)
{
    uint32_t best = crew->shards;
    uint64_t best_score = 0;

    for (uint32_t shard = 0; shard < crew->shards; shard++) {
        const uint64_t score = placement_score(crew->process[emptiest], crew->role, shard);

        if (owners[shard] == crew->process[fullest] &&
            (best == crew->shards || score > best_score)) {
            best = shard;
            best_score = score;
        }
    }
    must(best < crew->shards);
    owners[best] = crew->process[emptiest];
    crew->load[fullest]--;
    crew->load[emptiest]++;
}

static uint32_t moves_at_a_time(uint32_t shards)
{
    return shards < PLACEMENT_MOVES_DIVISOR ? 1 : shards / PLACEMENT_MOVES_DIVISOR;
}

enum placement_need placement_plan(const struct placement_map *present,
                                   const struct placement_member *live, uint32_t live_count,
                                   const uint32_t shard_count[PLACEMENT_ROLES], bool may_move,
                                   struct placement_map *next)
{
    bool urgent = false, uneven = false;

    must(live_count <= PLACEMENT_MEMBERS_MAX);
    *next = *present;
    next->version = present->version + 1;
    for (uint32_t role = 0; role < PLACEMENT_ROLES; role++) {
        must(shard_count[role] <= PLACEMENT_SHARDS_MAX);
        urgent = urgent || present->shard_count[role] != shard_count[role];
        next->shard_count[role] = shard_count[role];
        for (uint32_t shard = shard_count[role]; shard < PLACEMENT_SHARDS_MAX; shard++)
            next->owners[role][shard] = 0;
    }
    take_members(next, live, live_count);
    urgent = urgent || !same_members(present, next);
    for (uint32_t role = 0; role < PLACEMENT_ROLES; role++) {
        struct crew crew;
        uint32_t fullest, emptiest;

        muster(&crew, next, role);
        urgent = adopt_orphans(&crew, next->owners[role]) || urgent;
        uneven = is_uneven(&crew, &fullest, &emptiest) || uneven;
        for (uint32_t moves = moves_at_a_time(crew.shards);
             may_move && moves > 0 && is_uneven(&crew, &fullest, &emptiest); moves--)
            move_one(&crew, next->owners[role], fullest, emptiest);
    }
    return urgent ? PLACEMENT_URGENT : uneven ? PLACEMENT_UNEVEN : PLACEMENT_SETTLED;
}

/* -- the record ----------------------------------------------------------------------------- */

/* Keys are part of the stored format and of the wire's. */
enum { FORMAT = 1 };
enum {
    KEY_FORMAT = 1,
    KEY_LEADER = 2,
    KEY_TERM = 3,
    KEY_VERSION = 4,
    KEY_MEMBERS = 5,
    KEY_ROLES = 6
};
enum { MEMBER_PROCESS = 1, MEMBER_ROLE = 2 };
enum { ROLE_NUMBER = 1, ROLE_OWNERS = 2 };

void placement_encode(const struct placement_map *map, struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    rec_put_u64(&w, KEY_FORMAT, FORMAT);
    rec_put_u64(&w, KEY_LEADER, map->leader);
    rec_put_i64(&w, KEY_TERM, map->term);
    rec_put_i64(&w, KEY_VERSION, map->version);
    rec_list(&w, KEY_MEMBERS, map->member_count);
    for (uint32_t i = 0; i < map->member_count; i++) {
        rec_item(&w);
        rec_put_u64(&w, MEMBER_PROCESS, map->members[i].process);
        rec_put_u64(&w, MEMBER_ROLE, map->members[i].role);
        rec_end(&w);
    }
    rec_list(&w, KEY_ROLES, PLACEMENT_ROLES);
    for (uint32_t role = 0; role < PLACEMENT_ROLES; role++) {
        uint8_t owners[PLACEMENT_SHARDS_MAX * 8];

        for (uint32_t shard = 0; shard < map->shard_count[role]; shard++)
            be64_put(owners + shard * 8, map->owners[role][shard]);
        rec_item(&w);
        rec_put_u64(&w, ROLE_NUMBER, role);
        rec_put_bytes(&w, ROLE_OWNERS, slice_of(owners, (size_t)map->shard_count[role] * 8));
        rec_end(&w);
    }
    rec_end(&w);
}

static bool read_members(struct rec *r, struct placement_map *map)
{
    map->member_count = rec_list_count(r, KEY_MEMBERS);
    if (map->member_count > PLACEMENT_MEMBERS_MAX)
        return false;
    for (uint32_t i = 0; i < map->member_count; i++) {
        struct rec item = rec_list_item(r, KEY_MEMBERS, i);
        const uint64_t role = rec_u64(&item, MEMBER_ROLE, PLACEMENT_ROLES);

        map->members[i].process = rec_u64(&item, MEMBER_PROCESS, 0);
        if (item.malformed || map->members[i].process == 0 || role >= PLACEMENT_ROLES ||
            (i > 0 && map->members[i - 1].process >= map->members[i].process))
            return false;
        map->members[i].role = (uint32_t)role;
    }
    return true;
}

static bool read_roles(struct rec *r, struct placement_map *map)
{
    const uint32_t count = rec_list_count(r, KEY_ROLES);
    bool seen[PLACEMENT_ROLES] = {false};

    for (uint32_t i = 0; i < count; i++) {
        struct rec item = rec_list_item(r, KEY_ROLES, i);
        const uint64_t role = rec_u64(&item, ROLE_NUMBER, PLACEMENT_ROLES);
        const struct slice owners = rec_bytes(&item, ROLE_OWNERS);

        if (!item.malformed && role >= PLACEMENT_ROLES)
            continue; /* of a later version */
        if (item.malformed || seen[role] || owners.len % 8 != 0 ||
            owners.len / 8 > PLACEMENT_SHARDS_MAX)
            return false;
        seen[role] = true;
        map->shard_count[role] = (uint32_t)(owners.len / 8);
        for (uint32_t shard = 0; shard < map->shard_count[role]; shard++)
            map->owners[role][shard] = be64_get(owners.ptr + (size_t)shard * 8);
    }
    return true;
}

enum err placement_decode(struct slice bytes, struct placement_map *out)
{
    struct arena arena;
    struct rec r;

    *out = (struct placement_map){0};
    arena_init(&arena);
    enum err err = rec_decode(&arena, bytes, &r);
    if (err == ERR_OK) {
        out->leader = rec_u64(&r, KEY_LEADER, 0);
        out->term = rec_i64(&r, KEY_TERM, 0);
        out->version = rec_i64(&r, KEY_VERSION, 0);
        if (!read_members(&r, out) || !read_roles(&r, out) || rec_u64(&r, KEY_FORMAT, 0) < FORMAT ||
            out->term < 0 || out->version <= 0 || out->version == INT64_MAX ||
            out->term == INT64_MAX || r.malformed)
            err = ERR_CORRUPT;
    }
    arena_release(&arena);
    if (err != ERR_OK)
        *out = (struct placement_map){0};
    return err;
}
