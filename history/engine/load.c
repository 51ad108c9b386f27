/* load.c - a run read back from its rows. */
#include "history/engine/rows.h"

#include "history/engine/activity.h"
#include "history/engine/callback.h"
#include "history/engine/child.h"
#include "history/engine/engine_int.h"
#include "history/engine/run_codec.h"
#include "history/engine/timer.h"
#include "history/engine/update_item.h"

struct loading {
    struct run *run;
    struct arena scratch;
    size_t prefix_len;
    enum err err;
};

static enum err load_activity(struct loading *loading, struct slice id, struct slice value)
{
    struct activity *activity;
    const enum err err = activity_decode(&loading->scratch, value, &activity);

    if (err != ERR_OK)
        return err;
    if (id.len != 8 || be64_get(id.ptr) != (uint64_t)activity->scheduled_event_id) {
        activity_free(activity);
        return ERR_CORRUPT;
    }
    run_activity_put(loading->run, activity);
    return ERR_OK;
}

/* Rows of this kind come after those of all activities. */
static enum err load_activity_input(struct loading *loading, struct slice id, struct slice value)
{
    struct activity *activity =
        id.len == 8 ? run_activity(loading->run, (int64_t)be64_get(id.ptr)) : NULL;

    if (!activity || activity_has_input(activity))
        return ERR_CORRUPT;
    const enum err err = activity_decode_input(&loading->scratch, value, activity);

    run_activity_count(loading->run, activity);
    return err;
}

static enum err load_timer(struct loading *loading, struct slice id, struct slice value)
{
    struct timer *timer;
    const enum err err = timer_decode(&loading->scratch, value, &timer);

    if (err != ERR_OK)
        return err;
    if (!slice_eq(id, bytes_slice(timer->timer_id))) {
        timer_free(timer);
        return ERR_CORRUPT;
    }
    run_timer_put(loading->run, timer);
    return ERR_OK;
}

static enum err load_child(struct loading *loading, struct slice id, struct slice value)
{
    struct child *child;
    const enum err err = child_decode(&loading->scratch, value, &child);

    if (err != ERR_OK)
        return err;
    if (id.len != 8 || be64_get(id.ptr) != (uint64_t)child->initiated_event_id) {
        child_free(child);
        return ERR_CORRUPT;
    }
    run_child_put(loading->run, child);
    return ERR_OK;
}

static enum err load_external(struct loading *loading, struct slice id, struct slice value)
{
    struct external *external;
    const enum err err = external_decode(&loading->scratch, value, &external);

    if (err != ERR_OK)
        return err;
    if (id.len != 8 || be64_get(id.ptr) != (uint64_t)external->initiated_event_id) {
        external_free(external);
        return ERR_CORRUPT;
    }
    run_external_put(loading->run, external);
    return ERR_OK;
}

static enum err load_update(struct loading *loading, struct slice id, struct slice value)
{
    struct update *update;
    const enum err err = update_decode(&loading->scratch, value, &update);

    if (err != ERR_OK)
        return err;
    if (!slice_eq(id, bytes_slice(update->id))) {
        update_free(update);
        return ERR_CORRUPT;
    }
    run_update_put(loading->run, update);
    return ERR_OK;
}

static enum err load_callback(struct loading *loading, struct slice id, struct slice value)
{
    struct callback *callback;
    const enum err err = callback_decode(&loading->scratch, value, &callback);

    if (err != ERR_OK)
        return err;
    if (!slice_eq(id, bytes_slice(callback->id))) {
        callback_free(callback);
        return ERR_CORRUPT;
    }
    run_callback_put(loading->run, callback);
    return ERR_OK;
}

static enum err load_attached(struct loading *loading, struct slice id, struct slice value)
{
    struct attached_request *attached;
    const enum err err = attached_request_decode(&loading->scratch, value, &attached);

    if (err != ERR_OK)
        return err;
    if (!slice_eq(id, bytes_slice(attached->id))) {
        attached_request_free(attached);
        return ERR_CORRUPT;
    }
    run_attached_put(loading->run, attached);
    return ERR_OK;
}

static enum err load_callback_item(struct loading *loading, struct slice id, struct slice value)
{
    const uint8_t sort = id.len > 0 ? id.ptr[0] : 0;
    const struct slice rest = id.len > 0 ? slice_of(id.ptr + 1, id.len - 1) : id;

    if (sort == CALLBACK_ITEM)
        return load_callback(loading, rest, value);
    return sort == ATTACHED_ITEM ? load_attached(loading, rest, value) : ERR_CORRUPT;
}

static bool visit_item(void *arg, struct slice key, struct slice value)
{
    struct loading *loading = arg;

    if (key.len <= loading->prefix_len) {
        loading->err = ERR_CORRUPT;
        return false;
    }
    const uint8_t kind = key.ptr[loading->prefix_len];
    const struct slice id =
        slice_of(key.ptr + loading->prefix_len + 1, key.len - loading->prefix_len - 1);
    switch (kind) {
    case ITEM_ACTIVITY:
        loading->err = load_activity(loading, id, value);
        break;
    case ITEM_ACTIVITY_INPUT:
        loading->err = load_activity_input(loading, id, value);
        break;
    case ITEM_TIMER:
        loading->err = load_timer(loading, id, value);
        break;
    case ITEM_CHILD:
        loading->err = load_child(loading, id, value);
        break;
    case ITEM_EXTERNAL:
        loading->err = load_external(loading, id, value);
        break;
    case ITEM_UPDATE:
        loading->err = load_update(loading, id, value);
        break;
    case ITEM_CALLBACK:
        loading->err = load_callback_item(loading, id, value);
        break;
    case ITEM_SIGNAL_REQUEST:
        run_signal_request_add(loading->run, id,
                               value.len > 8 ? (int64_t)be64_get(value.ptr + 1) : 0, false);
        break;
    default:
        loading->err = ERR_CORRUPT;
    }
    arena_reset(&loading->scratch);
    return loading->err == ERR_OK;
}

/* The first key behind all that begin with this one. */
static void key_after(struct row_key *key)
{
    while (key->len > 0 && key->bytes[key->len - 1] == 0xff)
        key->len--;
    if (key->len > 0)
        key->bytes[key->len - 1]++;
}

static enum err load_into(struct loading *loading, struct store_snapshot *snapshot, uint8_t tablet,
                          struct slice namespace_id, const char *run_id)
{
    struct run *run = loading->run;
    struct row_key from, to;
    struct slice row;
    bool found;

    row_key_execution(&from, tablet, run_id);
    enum err err =
        store_get(snapshot, STORE_MAIN, row_key_slice(&from), &loading->scratch, &row, &found);
    if (err != ERR_OK)
        return err;
    if (!found)
        return ERR_NOT_FOUND;
    err = run_decode(&loading->scratch, row, run);
    if (err != ERR_OK)
        return err;
    run->tablet = tablet;
    if (namespace_id.len && !slice_eq(run->namespace_id, namespace_id))
        return ERR_NOT_FOUND; /* a run id of another namespace */
    struct branches branches;
    if (strcmp(run->run_id, run_id) != 0 || !branches_decode(run->branches, &branches))
        return ERR_CORRUPT;
    row_key_items(&from, tablet, run_id);
    loading->prefix_len = from.len;
    to = from;
    key_after(&to);
    err = store_scan(snapshot, STORE_MAIN, row_key_slice(&from), row_key_slice(&to), false,
                     visit_item, loading);
    return err != ERR_OK ? err : loading->err;
}

enum err run_load(struct store_snapshot *snapshot, uint8_t tablet, struct slice namespace_id,
                  const char *run_id, struct run **out)
{
    struct loading loading = {.run = run_new(), .err = ERR_OK};
    uint8_t uuid[16];
    char canonical[UUID_TEXT_LEN + 1];

    *out = NULL;
    arena_init(&loading.scratch);
    enum err err = ERR_NOT_FOUND;
    if (uuid_parse(slice_str(run_id), uuid)) {
        uuid_format(uuid, canonical);
        err = load_into(&loading, snapshot, tablet, namespace_id, canonical);
    }
    arena_release(&loading.scratch);
    if (err != ERR_OK) {
        run_free(loading.run);
        return err;
    }
    *out = loading.run;
    return ERR_OK;
}
