/* leader.c - see leader.h. */
#include "common/placement/leader.h"

#define POST_ROLE UINT32_MAX /* the post of leader is won as a shard of this role */

void placement_leader_init(struct placement_leader *leader, uint64_t self,
                           const uint32_t shard_count[PLACEMENT_ROLES])
{
    must(self != 0);
    *leader =
        (struct placement_leader){.self = self, .stale = true, .patience_ns = PLACEMENT_SILENCE_NS};
    memcpy(leader->shard_count, shard_count, sizeof leader->shard_count);
}

void placement_members(struct placement_leader *leader, const struct placement_member *live,
                       uint32_t count)
{
    must(count <= PLACEMENT_MEMBERS_MAX);
    if (count)
        memcpy(leader->live, live, count * sizeof *live);
    leader->live_count = count;
}

void placement_stale(struct placement_leader *leader)
{
    leader->stale = true;
}

bool placement_learn(struct placement_leader *leader, const struct placement_map *map)
{
    if (map->version <= leader->map.version)
        return false;
    leader->map = *map;
    leader->since_ns = 0; /* whoever leads has spoken */
    return true;
}

void placement_want_above(struct placement_leader *leader, int64_t version)
{
    /* Of versions that are not there yet nobody can have had enough. */
    if (version <= leader->map.version && version > leader->above)
        leader->above = version;
}

static bool is_alive(const struct placement_leader *leader, uint64_t process)
{
    for (uint32_t i = 0; i < leader->live_count; i++)
        if (leader->live[i].process == process)
            return true;
    return false;
}

/* Who is to lead: 0 when everybody leaves. */
static uint64_t candidate(const struct placement_leader *leader)
{
    uint64_t best = 0, best_score = 0;

    for (uint32_t i = 0; i < leader->live_count; i++) {
        const struct placement_member *member = &leader->live[i];
        const uint64_t score = placement_score(member->process, POST_ROLE, 0);

        if (!member->leaving && (best == 0 || score > best_score)) {
            best = member->process;
            best_score = score;
        }
    }
    return best;
}

static bool leaves(const struct placement_leader *leader)
{
    for (uint32_t i = 0; i < leader->live_count; i++)
        if (leader->live[i].process == leader->self)
            return leader->live[i].leaving;
    return false;
}

static enum placement_do wait_until(int64_t at_ns, int64_t *until_ns)
{
    *until_ns = at_ns;
    return PLACEMENT_IDLE;
}

enum placement_do placement_step(struct placement_leader *leader, int64_t now_ns,
                                 struct placement_map *next, int64_t *until_ns)
{
    const uint64_t best = candidate(leader);
    const bool rested = leader->moved_ns == 0 || now_ns - leader->moved_ns >= PLACEMENT_MOVE_NS;

    *until_ns = INT64_MAX;
    if (leader->stale || leader->since_ns)
        if (now_ns < leader->not_before_ns)
            return wait_until(leader->not_before_ns, until_ns);
    if (leader->stale)
        return PLACEMENT_READ;
    const enum placement_need need = placement_plan(&leader->map, leader->live, leader->live_count,
                                                    leader->shard_count, rested, next);
    const bool wanted = leader->above >= leader->map.version && leader->map.version > 0;
    if ((need == PLACEMENT_SETTLED && !wanted) || best == 0) {
        leader->since_ns = 0;
        leader->patience_ns = PLACEMENT_SILENCE_NS;
        return PLACEMENT_IDLE;
    }
    if (leader->since_ns == 0)
        leader->since_ns = now_ns;
    if (leader->map.leader == leader->self) {
        if (need == PLACEMENT_UNEVEN && !wanted && !rested)
            return wait_until(leader->moved_ns + PLACEMENT_MOVE_NS, until_ns);
        if (leaves(leader)) {
            next->leader = best;
            next->term++;
        }
        return PLACEMENT_PUBLISH;
    }
    const bool orphaned = !is_alive(leader, leader->map.leader);
    if (leaves(leader))
        return PLACEMENT_IDLE; /* others see to it */
    if (!(orphaned && best == leader->self) && now_ns - leader->since_ns < leader->patience_ns)
        return wait_until(leader->since_ns + leader->patience_ns, until_ns);
    next->leader = leader->self;
    next->term++;
    return PLACEMENT_PUBLISH;
}

static void failed(struct placement_leader *leader, int64_t now_ns)
{
    leader->stale = true;
    leader->not_before_ns = now_ns + PLACEMENT_RETRY_NS;
}

bool placement_was_read(struct placement_leader *leader, enum err err,
                        const struct placement_map *map, int64_t now_ns)
{
    if (err != ERR_OK) {
        failed(leader, now_ns);
        return false;
    }
    leader->stale = false;
    leader->not_before_ns = 0;
    return placement_learn(leader, map);
}

bool placement_was_published(struct placement_leader *leader, enum err err,
                             const struct placement_map *map, int64_t now_ns)
{
    if (err == ERR_ABORTED) {
        leader->stale = true; /* somebody was faster */
        return false;
    }
    if (err != ERR_OK) {
        failed(leader, now_ns);
        return false;
    }
    if (map->leader == leader->self && leader->map.leader != leader->self) {
        /* Whoever has to do so again and again does not agree with somebody: slowly, then. */
        leader->patience_ns *= 2;
        if (leader->patience_ns > PLACEMENT_SILENCE_MAX_NS)
            leader->patience_ns = PLACEMENT_SILENCE_MAX_NS;
    }
    leader->moved_ns = now_ns;
    must(placement_learn(leader, map));
    return true;
}
