/* dynconf.c - the snapshot in force, look-ups in it, and how an old one is let go.
 *
 * 1. A cell holds the value of a key that has no constraints in the file, or says that the snapshot
 *    must be asked.
 * 2. Whoever uses the snapshot counts himself in `readers` before he fetches the pointer, and out
 *    when he is done. One that was replaced is freed at a later load (or at the end) that finds no
 *    reader: whoever came after the exchange fetched the new one. */
#include "common/dynconf/dynconf_int.h"

#include <stdatomic.h>
#include <stdlib.h>

const struct dynconf_setting dynconf_settings[DYNCONF_KEY_COUNT] = {
#define DYNCONF(name_, type_, scope_, key_, absent_, meaning_)                                     \
    [DYNCONF_##name_] = {.name = key_,                                                             \
                         .type = DYNCONF_##type_,                                                  \
                         .scope = DYNCONF_##scope_,                                                \
                         .absent = (int64_t)(absent_),                                             \
                         .absent_float = (double)(absent_),                                        \
                         .meaning = meaning_},
#include "common/dynconf/settings.def"
#undef DYNCONF
};

struct cell {
    atomic_int_fast64_t value; /* of a FLOAT: its bits */
    atomic_bool constrained;
};

struct shared {
    struct cell cells[DYNCONF_KEY_COUNT];
    _Atomic(struct dynconf_snapshot *) current;
    atomic_uint readers;
    atomic_uint_fast64_t version;
};

struct dynconf {
    struct shared *shared;
    struct dynconf_snapshot *retired; /* the loading thread's */
};

static int64_t bits_of(double real)
{
    int64_t bits;

    memcpy(&bits, &real, sizeof bits);
    return bits;
}

static double real_of(int64_t bits)
{
    double real;

    memcpy(&real, &bits, sizeof real);
    return real;
}

static int64_t absent_bits(enum dynconf_key key)
{
    const struct dynconf_setting *setting = &dynconf_settings[key];

    return setting->type == DYNCONF_FLOAT ? bits_of(setting->absent_float) : setting->absent;
}

static int64_t entry_bits(enum dynconf_key key, const struct dynconf_entry *entry)
{
    if (!entry || !entry->usable)
        return absent_bits(key);
    return dynconf_settings[key].type == DYNCONF_FLOAT ? bits_of(entry->real) : entry->number;
}

/* ---- loading ---- */

static struct dynconf_snapshot *snapshot_new(void)
{
    struct dynconf_snapshot *snapshot = calloc(1, sizeof *snapshot);

    must(snapshot != NULL);
    arena_init(&snapshot->arena);
    return snapshot;
}

static void snapshot_free(struct dynconf_snapshot *snapshot)
{
    arena_release(&snapshot->arena);
    free(snapshot);
}

static void free_retired(struct dynconf *dc)
{
    if (atomic_load(&dc->shared->readers) != 0)
        return; /* the next load looks again */
    while (dc->retired) {
        struct dynconf_snapshot *next = dc->retired->retired_next;

        snapshot_free(dc->retired);
        dc->retired = next;
    }
}

static void set_cells(struct shared *shared, const struct dynconf_snapshot *snapshot)
{
    for (uint32_t key = 0; key < DYNCONF_KEY_COUNT; key++) {
        bool constrained = false;

        for (size_t i = 0; i < snapshot->keys[key].count; i++)
            constrained |= !dynconf_entry_is_plain(&snapshot->keys[key].entries[i]);
        const struct dynconf_entry *entry = dynconf_snapshot_find(snapshot, key, NULL);

        atomic_store(&shared->cells[key].value, entry_bits(key, entry));
        atomic_store(&shared->cells[key].constrained, constrained);
    }
}

static void put_in_force(struct dynconf *dc, struct dynconf_snapshot *snapshot)
{
    struct dynconf_snapshot *old = atomic_exchange(&dc->shared->current, snapshot);

    set_cells(dc->shared, snapshot);
    atomic_fetch_add(&dc->shared->version, 1);
    if (old) {
        old->retired_next = dc->retired;
        dc->retired = old;
    }
    free_retired(dc);
}

struct dynconf *dynconf_new(void)
{
    struct dynconf *dc = calloc(1, sizeof *dc);

    must(dc != NULL);
    dc->shared = calloc(1, sizeof *dc->shared);
    must(dc->shared != NULL);
    put_in_force(dc, snapshot_new());
    return dc;
}

void dynconf_free(struct dynconf *dc)
{
    if (!dc)
        return;
    must(atomic_load(&dc->shared->readers) == 0);
    free_retired(dc);
    snapshot_free(atomic_load(&dc->shared->current));
    free(dc->shared);
    free(dc);
}

enum err dynconf_load(struct dynconf *dc, struct slice text, struct buf *warnings,
                      struct err_detail *detail)
{
    struct dynconf_snapshot *snapshot = snapshot_new();
    const enum err err = dynconf_snapshot_fill(snapshot, text, warnings, detail);

    if (err != ERR_OK) {
        snapshot_free(snapshot);
        return err;
    }
    put_in_force(dc, snapshot);
    return ERR_OK;
}

uint64_t dynconf_version(const struct dynconf *dc)
{
    return dc ? atomic_load(&dc->shared->version) : 0;
}

/* ---- look-ups ---- */

static const struct dynconf_snapshot *enter(const struct dynconf *dc)
{
    atomic_fetch_add(&dc->shared->readers, 1);
    return atomic_load(&dc->shared->current);
}

static void leave(const struct dynconf *dc)
{
    atomic_fetch_sub(&dc->shared->readers, 1);
}

static int64_t look_up(const struct dynconf *dc, enum dynconf_key key, enum dynconf_type type,
                       const struct dynconf_where *where)
{
    must(key < DYNCONF_KEY_COUNT && dynconf_settings[key].type == type);
    if (!dc)
        return absent_bits(key);
    const struct cell *cell = &dc->shared->cells[key];
    if (!atomic_load_explicit(&cell->constrained, memory_order_relaxed))
        return atomic_load_explicit(&cell->value, memory_order_relaxed);

    const int64_t bits = entry_bits(key, dynconf_snapshot_find(enter(dc), key, where));
    leave(dc);
    return bits;
}

int64_t dynconf_int_at(const struct dynconf *dc, enum dynconf_key key,
                       const struct dynconf_where *where)
{
    return look_up(dc, key, DYNCONF_INT, where);
}

int64_t dynconf_duration_at(const struct dynconf *dc, enum dynconf_key key,
                            const struct dynconf_where *where)
{
    return look_up(dc, key, DYNCONF_DURATION, where);
}

double dynconf_float_at(const struct dynconf *dc, enum dynconf_key key,
                        const struct dynconf_where *where)
{
    return real_of(look_up(dc, key, DYNCONF_FLOAT, where));
}

bool dynconf_bool_at(const struct dynconf *dc, enum dynconf_key key,
                     const struct dynconf_where *where)
{
    return look_up(dc, key, DYNCONF_BOOL, where) != 0;
}

struct dynval dynconf_tree_at(const struct dynconf *dc, enum dynconf_key key,
                              const struct dynconf_where *where, struct arena *arena)
{
    struct dynval tree = {.kind = DYNVAL_NULL};

    must(key < DYNCONF_KEY_COUNT);
    if (!dc)
        return tree;
    const struct dynconf_entry *entry = dynconf_snapshot_find(enter(dc), key, where);
    if (entry && entry->usable)
        tree = dynval_copy(arena, &entry->tree);
    leave(dc);
    return tree;
}

struct slice dynconf_string_at(const struct dynconf *dc, enum dynconf_key key,
                               const struct dynconf_where *where, struct arena *arena)
{
    must(key < DYNCONF_KEY_COUNT && dynconf_settings[key].type == DYNCONF_STRING);
    return dynconf_tree_at(dc, key, where, arena).text;
}

struct dynconf_retry dynconf_retry_at(const struct dynconf *dc, enum dynconf_key key,
                                      const struct dynconf_where *where)
{
    struct dynconf_retry retry = dynconf_retry_default;

    must(key < DYNCONF_KEY_COUNT && dynconf_settings[key].type == DYNCONF_RETRY);
    if (!dc)
        return retry;
    const struct dynconf_entry *entry = dynconf_snapshot_find(enter(dc), key, where);
    if (entry && entry->usable)
        retry = entry->retry;
    leave(dc);
    return retry;
}
