/* run_codec.c - the stored form of a run's own fields, and the comparison of two runs. */
#include "history/engine/run_codec.h"

#include "common/pack/record.h"

enum { KEY_VERSION = 1 };

/* -- writing: zero and empty fields are left out --------------------------------------------- */

static void put_i64(struct rec_writer *w, uint32_t key, int64_t value)
{
    if (value != 0)
        rec_put_i64(w, key, value);
}

static void put_u64(struct rec_writer *w, uint32_t key, uint64_t value)
{
    if (value != 0)
        rec_put_u64(w, key, value);
}

static void put_bytes(struct rec_writer *w, uint32_t key, struct slice value)
{
    if (value.len > 0)
        rec_put_bytes(w, key, value);
}

static void put_ring(struct rec_writer *w, uint32_t key, const uint64_t ids[COMPLETED_RING])
{
    uint8_t bytes[8 * COMPLETED_RING];
    bool any = false;

    for (size_t i = 0; i < COMPLETED_RING; i++) {
        be64_put(bytes + 8 * i, ids[i]);
        any |= ids[i] != 0;
    }
    if (any)
        rec_put_bytes(w, key, slice_of(bytes, sizeof(bytes)));
}

#define PUT_NONE(key, member) (void)0
#define PUT_I64(key, member) put_i64(&w, key, run->member)
#define PUT_I32(key, member) put_i64(&w, key, run->member)
#define PUT_U64(key, member) put_u64(&w, key, run->member)
#define PUT_U32(key, member) put_u64(&w, key, run->member)
#define PUT_BOOL(key, member) put_u64(&w, key, run->member)
#define PUT_STATE(key, member) put_u64(&w, key, (uint64_t)run->member)
#define PUT_KIND(key, member) put_u64(&w, key, (uint64_t)run->member)
#define PUT_SLICE(key, member) put_bytes(&w, key, run->member)
#define PUT_BYTES(key, member) put_bytes(&w, key, bytes_slice(run->member))
#define PUT_TEXT(key, member) put_bytes(&w, key, slice_str(run->member))
#define PUT_STR(key, member) put_bytes(&w, key, slice_str(run->member))
#define PUT_POINTS PUT_BYTES
#define PUT_RING(key, member) put_ring(&w, key, run->member)

const struct run *run_as_stored(const struct run *run, struct run *copy)
{
    if (!run->wft.speculative)
        return run;
    *copy = *run;
    copy->wft = (struct workflow_task){.state = WFT_NONE, .attempt = 1};
    return copy;
}

void run_encode(const struct run *whole, struct buf *out)
{
    struct rec_writer w;
    struct run copy;
    const struct run *run = run_as_stored(whole, &copy);

    rec_begin(&w, out);
    rec_put_u64(&w, KEY_VERSION, RUN_ROW_VERSION);
#define RUN_FIELD(sort, form, key, member) PUT_##form(key, member);
#include "history/engine/run_fields.def"
#undef RUN_FIELD
    rec_end(&w);
}

/* -- reading --------------------------------------------------------------------------------- */

static bool get_text(struct rec *r, uint32_t key, char *out, size_t size)
{
    const struct slice text = rec_bytes(r, key);

    if (text.len >= size || memchr(text.len ? text.ptr : (const uint8_t *)"", '\0', text.len))
        return false;
    if (text.len > 0)
        memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

static bool get_str(struct arena *arena, struct rec *r, uint32_t key, const char **out)
{
    const struct slice text = rec_bytes(r, key);

    *out = arena_str(arena, text);
    return strlen(*out) == text.len;
}

static bool get_small(struct rec *r, uint32_t key, int64_t min, int64_t max, int64_t *out)
{
    *out = rec_i64(r, key, 0);
    return *out >= min && *out <= max;
}

static bool get_ring(struct rec *r, uint32_t key, uint64_t ids[COMPLETED_RING])
{
    const struct slice bytes = rec_bytes(r, key);

    if (bytes.len == 0)
        return true;
    if (bytes.len != (size_t)8 * COMPLETED_RING)
        return false;
    for (size_t i = 0; i < COMPLETED_RING; i++)
        ids[i] = be64_get(bytes.ptr + 8 * i);
    return true;
}

#define GET_NONE(key, member) (void)0
#define GET_I64(key, member) run->member = rec_i64(&r, key, 0)
#define GET_U64(key, member) run->member = rec_u64(&r, key, 0)
#define GET_I32(key, member)                                                                       \
    ok = ok && get_small(&r, key, INT32_MIN, INT32_MAX, &small), run->member = (int32_t)small
#define GET_U32(key, member)                                                                       \
    ok = ok && get_small(&r, key, 0, UINT32_MAX, &small), run->member = (uint32_t)small
#define GET_BOOL(key, member) ok = ok && get_small(&r, key, 0, 1, &small), run->member = small != 0
#define GET_STATE(key, member)                                                                     \
    ok = ok && get_small(&r, key, WFT_NONE, WFT_STARTED, &small),                                  \
    run->member = (enum wft_state)small
#define GET_KIND(key, member)                                                                      \
    ok = ok && get_small(&r, key, EXECUTION_WORKFLOW, EXECUTION_WORKFLOW, &small),                 \
    run->member = (enum execution_kind)small
#define GET_SLICE(key, member) run->member = arena_copy(&run->arena, rec_bytes(&r, key))
#define GET_BYTES(key, member) bytes_set(&run->member, rec_bytes(&r, key))
#define GET_TEXT(key, member) ok = ok && get_text(&r, key, run->member, sizeof(run->member))
#define GET_STR(key, member) ok = ok && get_str(&run->arena, &r, key, &run->member)
#define GET_POINTS GET_BYTES
#define GET_RING(key, member) ok = ok && get_ring(&r, key, run->member)

enum err run_decode(struct arena *scratch, struct slice row, struct run *run)
{
    struct rec r;
    bool ok = true;
    int64_t small = 0;

    const enum err err = rec_decode(scratch, row, &r);
    if (err != ERR_OK)
        return err;
    if (rec_u64(&r, KEY_VERSION, 0) == 0)
        return ERR_CORRUPT;
#define RUN_FIELD(sort, form, key, member) GET_##form(key, member);
#include "history/engine/run_fields.def"
#undef RUN_FIELD
    if (!ok || r.malformed || run->wft.attempt < 1 || run->next_event_id < 1 ||
        run->completed_next >= COMPLETED_RING)
        return ERR_CORRUPT;
    return ERR_OK;
}
