/* store_model.c - the laws of a shard's store, checked over every interleaving.
 *
 * The model: one stored shard (lease, last sequence, log, tables, position per family), a network
 * that delays and doubles appends and loses their replies, and two processes that take the shard
 * over, append, flush in slices, truncate, crash, or sleep and wake up as stale owners at any step.
 * Ghost fields remember what was committed, acknowledged and denied. What must hold:
 *
 *   1. a record that was acknowledged is the one that the log holds at its sequence;
 *   2. an owner that holds the lease sees exactly the committed records up to its position, and
 *      none is acknowledged beyond it;
 *   3. a record that was denied is never committed;
 *   4. a shard opens unless the disk itself lost a record, and then it refuses to;
 *   5. a read sees a prefix of the log that holds all that was acknowledged when it began.
 *
 * Every law can be switched off; the test wants a counter-example for each. */
#include "tests/models/explore.h"

#include <string.h>

enum law {
    LAW_FENCE,        /* an append checks the lease */
    LAW_NONCE,        /* a lease is its range and its owner's nonce */
    LAW_DIGEST,       /* a duplicate is success only when the stored record is ours, byte by byte */
    LAW_SAME_BYTES,   /* on an unknown outcome the same bytes again; never concluded from a read */
    LAW_LEASE_FIRST,  /* raise the lease, only then read the tail */
    LAW_READ_FENCE,   /* a read is served only under a confirmed lease */
    LAW_ROWS_FIRST,   /* rows, then the position */
    LAW_LAST_SLICE,   /* only the last slice of a flush moves the position */
    LAW_TRUNCATE,     /* truncation up to the stored position */
    LAW_TRUNCATE_MIN, /* ... of the family that is furthest behind */
    LAW_FLUSH_FENCE,  /* a deposed owner's flush is refused */
    LAW_FLUSH_DURABLE, /* only durable rows are flushed */
    LAW_FREE_LATE,     /* a frozen memtable lives until its flush is confirmed */
    LAW_CONTIGUOUS,    /* replay is contiguous up to the last sequence, or the open is refused */
    LAW_ELIDE,         /* a tombstone is elided only for an insert in the same memtable */
    LAW_REPLAY_PUT,    /* a replayed insert promises nothing: a slice may have written its row */
    LAW_PIN,           /* no flush commits between a read's pin and its table snapshot */
    LAW_COUNT
};

static const char *const law_names[LAW_COUNT] = {
    [LAW_FENCE] = "append checks the lease",
    [LAW_NONCE] = "lease compares the nonce",
    [LAW_DIGEST] = "duplicate compares the bytes",
    [LAW_SAME_BYTES] = "unknown outcome appends the same bytes again",
    [LAW_LEASE_FIRST] = "lease raised before the tail is read",
    [LAW_READ_FENCE] = "reads under a confirmed lease",
    [LAW_ROWS_FIRST] = "rows before the position",
    [LAW_LAST_SLICE] = "last slice moves the position",
    [LAW_TRUNCATE] = "truncate up to the stored position",
    [LAW_TRUNCATE_MIN] = "truncate up to the lowest family",
    [LAW_FLUSH_FENCE] = "late flush refused",
    [LAW_FLUSH_DURABLE] = "only durable rows are flushed",
    [LAW_FREE_LATE] = "memtable lives until its flush is confirmed",
    [LAW_CONTIGUOUS] = "replay is contiguous",
    [LAW_ELIDE] = "elision within one memtable",
    [LAW_REPLAY_PUT] = "replayed inserts are not elided",
    [LAW_PIN] = "no flush between pin and snapshot",
};

enum { KEYS = 2, SEQS = 4, OWNERS = 2, REQUESTS = 2 };
enum kind { KIND_PUT = 1, KIND_INSERT, KIND_DELETE };
enum { ROW_NONE = 0, ROW_TOMBSTONE = 1, ROW_VALUE = 2 }; /* a value is ROW_VALUE + (seq, nonce) */
enum phase { DOWN, RAISING, RAISED, READ_EARLY, LIVE, REFUSED };
enum append { APPEND_IDLE, APPEND_SENT, APPEND_UNKNOWN };
enum flush { FLUSH_IDLE, FLUSH_SLICES, FLUSH_POSITION, FLUSH_REST };

struct memtable {
    uint8_t row[KEYS];
    uint8_t born; /* keys whose first operation here was an insert: no row lies beneath */
};

struct owner {
    uint8_t phase, seen_range, range, nonce, last;
    uint8_t append, pending; /* a record's content at last + 1 */
    uint8_t flush, flush_family, flush_last, flush_key;
    struct memtable active, frozen;
    uint8_t read_phase, read_low, read_row[KEYS];
};

struct request {
    uint8_t content, seq, range, nonce; /* content 0: none */
};

struct state {
    uint8_t range, nonce, last, raises; /* the lease and the shard row */
    uint8_t log[SEQS + 1], table[KEYS], applied[KEYS];
    struct request net[REQUESTS];
    struct owner owner[OWNERS];
    uint8_t truth[SEQS + 1], denied[SEQS + 1], acked; /* ghosts; acked is a set of sequences */
    uint8_t disk_lost, bad;
};

enum bad { FINE, BAD_ACK, BAD_DENIED, BAD_UNREADABLE, BAD_READ };
static const char *const bad_names[] = {
    [BAD_ACK] = "acknowledged a record that the log does not hold",
    [BAD_DENIED] = "committed a record that was denied",
    [BAD_UNREADABLE] = "the shard cannot be opened",
    [BAD_READ] = "a read saw no prefix of the log",
};

struct config {
    const char *name;
    uint32_t laws_off; /* set of enum law */
    uint8_t owners, raises, seqs, family[KEYS], readers;
    bool disk_may_lose;
};

static bool on(const struct config *c, enum law law)
{
    return !(c->laws_off & 1u << law);
}

/* A record's content: key, kind and the nonce of who wrote it. */
static uint8_t content_of(uint8_t key, enum kind kind, uint8_t nonce)
{
    return (uint8_t)(key | (unsigned)kind << 1 | (unsigned)nonce << 3);
}

static uint8_t key_of(uint8_t content)
{
    return content & 1;
}

static uint8_t value_of(uint8_t content, uint8_t seq)
{
    if ((content >> 1 & 3) == KIND_DELETE)
        return ROW_TOMBSTONE;
    return (uint8_t)(ROW_VALUE + (content >> 3) * (SEQS + 1) + seq);
}

static void put(struct memtable *m, uint8_t content, uint8_t seq, bool promise)
{
    const uint8_t key = key_of(content);

    if (m->row[key] == ROW_NONE && promise && (content >> 1 & 3) == KIND_INSERT)
        m->born |= (uint8_t)(1u << key);
    m->row[key] = value_of(content, seq);
}

/* What an owner sees of a key: active, frozen, table. */
static uint8_t seen(const struct state *s, const struct owner *o, uint8_t key)
{
    const uint8_t row = o->active.row[key]   ? o->active.row[key]
                        : o->frozen.row[key] ? o->frozen.row[key]
                                             : s->table[key];
    return row == ROW_TOMBSTONE ? ROW_NONE : row;
}

static uint8_t truth_at(const struct state *s, uint8_t key, uint8_t last)
{
    uint8_t row = ROW_NONE;

    for (uint8_t seq = 1; seq <= last; seq++)
        if (s->truth[seq] && key_of(s->truth[seq]) == key)
            row = value_of(s->truth[seq], seq);
    return row == ROW_TOMBSTONE ? ROW_NONE : row;
}

static bool lease_held(const struct config *c, const struct state *s, uint8_t range, uint8_t nonce)
{
    return s->range == range && (s->nonce == nonce || !on(c, LAW_NONCE));
}

static void forget(struct owner *o)
{
    *o = (struct owner){.phase = DOWN};
}

/* -- take-over ------------------------------------------------------------------------------ */

static void read_tail(const struct config *c, struct state *s, struct owner *o)
{
    uint8_t from = s->applied[c->family[0]];

    if (s->applied[c->family[1]] < from)
        from = s->applied[c->family[1]];
    for (uint8_t seq = (uint8_t)(from + 1); seq <= s->last; seq++) {
        const uint8_t content = s->log[seq];

        if (!content && on(c, LAW_CONTIGUOUS)) {
            forget(o);
            o->phase = REFUSED;
            if (!s->disk_lost)
                s->bad = BAD_UNREADABLE;
            return;
        }
        if (content && seq > s->applied[c->family[key_of(content)]])
            put(&o->active, content, seq, !on(c, LAW_REPLAY_PUT));
    }
    o->last = s->last;
}

static void step_open(struct explore *x, const struct config *c, const struct state *from, int i)
{
    struct state s = *from;
    struct owner *o = &s.owner[i];

    switch ((enum phase)o->phase) {
    case DOWN:
        if (s.raises == c->raises)
            return;
        s.raises++;
        o->nonce = s.raises;
        o->seen_range = s.range;
        o->phase = RAISING;
        if (!on(c, LAW_LEASE_FIRST)) {
            o->phase = READ_EARLY;
            read_tail(c, &s, o);
        }
        explore_emit(x, &s, i ? "B reads the lease" : "A reads the lease");
        return;
    case RAISING:
    case READ_EARLY:
        s.range = o->range = (uint8_t)(o->seen_range + 1); /* blind: the nonce tells rivals apart */
        s.nonce = o->nonce;
        o->seen_range = 0;
        o->phase = o->phase == RAISING ? RAISED : LIVE;
        explore_emit(x, &s, i ? "B raises the lease" : "A raises the lease");
        return;
    case RAISED:
        o->phase = LIVE;
        read_tail(c, &s, o);
        explore_emit(x, &s, i ? "B reads the tail" : "A reads the tail");
        return;
    case LIVE:
    case REFUSED:
        return;
    }
}

/* -- append --------------------------------------------------------------------------------- */

static void send(struct state *s, struct owner *o)
{
    const struct request r = {o->pending, (uint8_t)(o->last + 1), o->range, o->nonce};
    struct request *place = NULL;

    for (int i = 0; i < REQUESTS; i++) {
        if (memcmp(&s->net[i], &r, sizeof r) == 0)
            return;
        if (!s->net[i].content)
            place = &s->net[i];
    }
    if (place)
        *place = r;
    o->append = APPEND_SENT;
}

static void acknowledge(const struct config *c, struct state *s, struct owner *o)
{
    const uint8_t seq = ++o->last;
    const uint8_t key_set = (uint8_t)(1u << key_of(o->pending));

    if (s->truth[seq] != o->pending)
        s->bad = BAD_ACK;
    s->acked |= (uint8_t)(1u << seq);
    if (!on(c, LAW_ELIDE) && o->active.row[key_of(o->pending)] == ROW_NONE)
        o->active.born |= o->frozen.born & key_set;
    put(&o->active, o->pending, seq, true);
    o->pending = 0;
    o->append = APPEND_IDLE;
}

static bool net_full(const struct state *s)
{
    return s->net[0].content && s->net[1].content;
}

static void step_append(struct explore *x, const struct config *c, const struct state *from, int i)
{
    const struct owner *was = &from->owner[i];

    if (was->append == APPEND_IDLE && was->last < c->seqs && !net_full(from)) {
        for (uint8_t key = 0; key < KEYS; key++) {
            for (enum kind kind = KIND_PUT; kind <= KIND_DELETE; kind++) {
                const bool there = seen(from, was, key) != ROW_NONE;

                if ((kind == KIND_INSERT) == there)
                    continue; /* put and delete of an absent key say nothing more */
                struct state s = *from;
                s.owner[i].pending = content_of(key, kind, was->nonce);
                send(&s, &s.owner[i]);
                s.owner[i].append = APPEND_SENT;
                explore_emit(x, &s, i ? "B sends an append" : "A sends an append");
            }
        }
    }
    struct state s = *from;
    struct owner *o = &s.owner[i];
    if (was->append == APPEND_SENT) {
        o->append = APPEND_UNKNOWN;
        explore_emit(x, &s, i ? "B hears nothing" : "A hears nothing");
    } else if (was->append == APPEND_UNKNOWN && on(c, LAW_SAME_BYTES)) {
        if (net_full(from))
            return;
        send(&s, o);
        o->append = APPEND_SENT;
        explore_emit(x, &s, i ? "B sends the same again" : "A sends the same again");
    } else if (was->append == APPEND_UNKNOWN) {
        if (s.log[o->last + 1] == o->pending) {
            acknowledge(c, &s, o);
        } else {
            s.denied[o->last + 1] = o->pending;
            o->pending = 0;
            o->append = APPEND_IDLE;
        }
        explore_emit(x, &s, i ? "B concludes from a read" : "A concludes from a read");
    }
}

/* The append's transaction; true: success. */
static bool commit(const struct config *c, struct state *s, const struct request *r)
{
    const bool fenced = on(c, LAW_FENCE) && !lease_held(c, s, r->range, r->nonce);

    if (!fenced && s->last == r->seq - 1) {
        s->last = r->seq;
        s->log[r->seq] = s->truth[r->seq] = r->content;
        if (s->denied[r->seq] == r->content)
            s->bad = BAD_DENIED;
        return true;
    }
    if (s->last < r->seq || !s->log[r->seq])
        return false;
    return s->log[r->seq] == r->content || !on(c, LAW_DIGEST);
}

static void step_network(struct explore *x, const struct config *c, const struct state *from)
{
    for (int n = 0; n < REQUESTS; n++) {
        const struct request r = from->net[n];

        if (!r.content)
            continue;
        struct state s = *from;
        s.net[n] = (struct request){0};
        const bool ok = commit(c, &s, &r);
        explore_emit(x, &s,
                     ok ? "an append commits, its reply is lost"
                        : "an append is refused, its reply is lost");
        for (int i = 0; i < OWNERS; i++) {
            struct owner *o = &s.owner[i];

            if (o->append != APPEND_SENT || o->nonce != r.nonce || o->pending != r.content ||
                o->last + 1 != r.seq)
                continue;
            if (ok)
                acknowledge(c, &s, o);
            else
                forget(o);
            explore_emit(x, &s,
                         ok ? "an append commits, its owner hears it"
                            : "an append is refused, its owner is down");
            break;
        }
    }
}

/* -- flush ---------------------------------------------------------------------------------- */

static void freeze(const struct config *c, struct owner *o, uint8_t family)
{
    o->flush = FLUSH_SLICES;
    o->flush_family = family;
    o->flush_last = o->last;
    for (uint8_t key = 0; key < KEYS; key++) {
        if (c->family[key] != family)
            continue;
        o->frozen.row[key] = o->active.row[key];
        o->frozen.born |= o->active.born & (uint8_t)(1u << key);
        o->active.row[key] = ROW_NONE;
        o->active.born &= (uint8_t) ~(1u << key);
        if (!on(c, LAW_FLUSH_DURABLE) && o->pending && key_of(o->pending) == key)
            put(&o->frozen, o->pending, (uint8_t)(o->last + 1), true);
    }
    if (!on(c, LAW_ROWS_FIRST))
        o->flush = FLUSH_POSITION;
}

/* The next row of the frozen memtable, or KEYS. */
static uint8_t next_slice(const struct config *c, const struct owner *o)
{
    uint8_t key = o->flush_key;

    while (key < KEYS && (c->family[key] != o->flush_family || o->frozen.row[key] == ROW_NONE))
        key++;
    return key;
}

static void write_slice(const struct config *c, struct state *s, struct owner *o, uint8_t key)
{
    const uint8_t row = o->frozen.row[key];

    if (row != ROW_TOMBSTONE)
        s->table[key] = row;
    else if (!(o->frozen.born & 1u << key))
        s->table[key] = ROW_NONE;
    o->flush_key = (uint8_t)(key + 1);
    if (!on(c, LAW_FREE_LATE))
        o->frozen.row[key] = o->flush_key < KEYS ? o->frozen.row[key] : ROW_NONE;
    const bool early = !on(c, LAW_LAST_SLICE) && o->flush == FLUSH_SLICES;
    if (early)
        o->flush = FLUSH_POSITION;
}

static void flush_done(struct owner *o)
{
    o->frozen = (struct memtable){0};
    o->flush = FLUSH_IDLE;
    o->flush_family = o->flush_last = o->flush_key = 0;
}

static void step_flush(struct explore *x, const struct config *c, const struct state *from, int i)
{
    const struct owner *was = &from->owner[i];

    if (was->flush == FLUSH_IDLE) {
        for (uint8_t family = 0; family < KEYS; family++) {
            bool dirty = false;

            for (uint8_t key = 0; key < KEYS; key++)
                dirty |= c->family[key] == family && was->active.row[key] != ROW_NONE;
            if (!dirty)
                continue;
            struct state s = *from;
            freeze(c, &s.owner[i], family);
            if (!on(c, LAW_FREE_LATE))
                memset(s.owner[i].frozen.row, ROW_NONE, KEYS);
            explore_emit(x, &s, i ? "B freezes a memtable" : "A freezes a memtable");
        }
        return;
    }
    if (was->read_phase && on(c, LAW_PIN))
        return;
    struct state s = *from;
    struct owner *o = &s.owner[i];
    if (on(c, LAW_FLUSH_FENCE) && !lease_held(c, &s, o->range, o->nonce)) {
        forget(o);
        explore_emit(x, &s, i ? "B's flush is refused" : "A's flush is refused");
        return;
    }
    const uint8_t key = next_slice(c, o);
    if (o->flush == FLUSH_SLICES && key == KEYS)
        o->flush = FLUSH_POSITION;
    if (o->flush == FLUSH_POSITION) {
        s.applied[o->flush_family] = o->flush_last;
        if (key == KEYS)
            flush_done(o);
        else
            o->flush = FLUSH_REST;
        explore_emit(x, &s, i ? "B moves the position" : "A moves the position");
        return;
    }
    write_slice(c, &s, o, key);
    if (o->flush == FLUSH_REST && next_slice(c, o) == KEYS)
        flush_done(o);
    explore_emit(x, &s, i ? "B writes a slice" : "A writes a slice");
}

/* Not fenced: up to the stored position it is right whoever does it. */
static void step_truncate(struct explore *x, const struct config *c, const struct state *from,
                          int i)
{
    const uint8_t a = from->applied[c->family[0]], b = from->applied[c->family[1]];
    uint8_t to = (a < b) == on(c, LAW_TRUNCATE_MIN) ? a : b;
    struct state s = *from;

    if (!on(c, LAW_TRUNCATE) && s.owner[i].flush != FLUSH_IDLE)
        to = s.owner[i].flush_last;
    for (uint8_t seq = 1; seq <= to; seq++)
        s.log[seq] = 0;
    explore_emit(x, &s, i ? "B truncates" : "A truncates");
}

/* -- reads, and the rest -------------------------------------------------------------------- */

static void step_read(struct explore *x, const struct config *c, const struct state *from, int i)
{
    struct state s = *from;
    struct owner *o = &s.owner[i];

    if (!c->readers)
        return;
    if (o->read_phase == 0) {
        o->read_phase = 1;
        o->read_low = o->last;
        for (int key = 0; key < KEYS; key++)
            o->read_row[key] = o->active.row[key] ? o->active.row[key] : o->frozen.row[key];
        explore_emit(x, &s, "a read pins the memtables");
        return;
    }
    bool prefix = false;
    for (uint8_t last = o->read_low; last <= s.last && !prefix; last++) {
        prefix = true;
        for (uint8_t key = 0; key < KEYS; key++) {
            uint8_t row = o->read_row[key] ? o->read_row[key] : s.table[key];

            row = row == ROW_TOMBSTONE ? ROW_NONE : row;
            prefix &= row == truth_at(&s, key, last);
        }
    }
    if (!prefix)
        s.bad = BAD_READ;
    o->read_phase = o->read_low = 0;
    memset(o->read_row, 0, KEYS);
    explore_emit(x, &s, "a read opens its table snapshot");
}

static void step_disk(struct explore *x, const struct config *c, const struct state *from)
{
    if (!c->disk_may_lose || from->disk_lost)
        return;
    for (uint8_t seq = 1; seq <= from->last; seq++) {
        struct state s = *from;

        if (!s.log[seq])
            continue;
        s.log[seq] = 0;
        s.disk_lost = 1;
        explore_emit(x, &s, "the disk loses a record");
    }
}

static void next(struct explore *x, const void *state, const void *arg)
{
    const struct state *s = state;
    const struct config *c = arg;

    step_network(x, c, s);
    step_disk(x, c, s);
    for (int i = 0; i < c->owners; i++) {
        step_open(x, c, s, i);
        if (s->owner[i].phase != DOWN && s->owner[i].phase != REFUSED) {
            struct state crashed = *s;
            forget(&crashed.owner[i]);
            explore_emit(x, &crashed, i ? "B crashes" : "A crashes");
        }
        if (s->owner[i].phase != LIVE)
            continue;
        step_append(x, c, s, i);
        step_flush(x, c, s, i);
        step_truncate(x, c, s, i);
        step_read(x, c, s, i);
    }
}

static const char *broken(const void *state, const void *arg)
{
    const struct state *s = state;
    const struct config *c = arg;

    if (s->bad)
        return bad_names[s->bad];
    for (int i = 0; i < c->owners; i++) {
        const struct owner *o = &s->owner[i];

        if (o->phase != LIVE || (on(c, LAW_READ_FENCE) && !lease_held(c, s, o->range, o->nonce)))
            continue;
        if (s->acked >> (o->last + 1))
            return "an owner lacks an acknowledged record";
        for (uint8_t key = 0; key < KEYS; key++)
            if (seen(s, o, key) != truth_at(s, key, o->last))
                return "an owner does not see what was committed";
    }
    return NULL;
}

/* -- the test ------------------------------------------------------------------------------- */

static const struct config configs[] = {
    {.name = "take-over", .owners = 2, .raises = 2, .seqs = 2, .family = {0, 0}},
    {.name = "crash", .owners = 1, .raises = 2, .seqs = 3, .family = {0, 0}},
    {.name = "stale", .owners = 2, .raises = 3, .seqs = 1, .family = {0, 0}},
    {.name = "families", .owners = 1, .raises = 2, .seqs = 3, .family = {0, 1}},
    {.name = "reads", .owners = 1, .raises = 1, .seqs = 4, .family = {0, 0}, .readers = 1},
    {.name = "disk", .owners = 1, .raises = 2, .seqs = 3, .family = {0, 0}, .disk_may_lose = true},
};

static const char *config_name(size_t config)
{
    return configs[config].name;
}

static struct explore_result search(size_t index, uint32_t laws_off, FILE *trace)
{
    struct config config = configs[index];

    config.laws_off = laws_off;
    const struct state initial = {0};
    const struct explore_model model = {.state_bytes = sizeof(struct state),
                                        .initial = &initial,
                                        .next = next,
                                        .broken = broken,
                                        .arg = &config,
                                        .states_max = 20 * 1000 * 1000};

    return explore_run(&model, trace);
}

int main(void)
{
    const struct explore_suite suite = {.name = "store_model",
                                        .config_count = COUNT_OF(configs),
                                        .config_name = config_name,
                                        .law_count = LAW_COUNT,
                                        .law_names = law_names,
                                        .search = search};

    return explore_main(&suite);
}
