/* update_item.c - see update_item.h. */
#include "history/engine/update_item.h"

#include "api.h"
#include "common/pack/record.h"

#include <stdlib.h>

struct update *update_new(struct slice id)
{
    struct update *update = calloc(1, sizeof *update);

    must(update != NULL && id.len > 0);
    update->state = UPDATE_ADMITTED;
    bytes_set(&update->id, id);
    return update;
}

void update_free(struct update *update)
{
    if (!update)
        return;
    bytes_clear(&update->id);
    bytes_clear(&update->request);
    bytes_clear(&update->request_id);
    bytes_clear(&update->attaching);
    free(update);
}

struct update *run_update(const struct run *run, struct slice id)
{
    struct map_node *node = run->updates.count > 0 ? map_get(&run->updates, id) : NULL;

    return node ? CONTAINER_OF(node, struct update, node) : NULL;
}

static void activate(struct run *run, struct update *update)
{
    must(!update->is_active);
    list_push_back(&run->active_updates, &update->active);
    update->is_active = true;
    run->active_update_count++;
    run->active_update_bytes += update->id.len + update->request.len;
}

void run_update_deactivate(struct run *run, struct update *update)
{
    if (!update->is_active)
        return;
    list_remove(&update->active);
    update->is_active = false;
    must(run->active_update_count > 0);
    run->active_update_count--;
    run->active_update_bytes -= update->id.len + update->request.len;
}

void run_update_put(struct run *run, struct update *update)
{
    map_put(&run->updates, bytes_slice(update->id), &update->node);
    if (update->state != UPDATE_COMPLETED && !update->rejected)
        activate(run, update);
}

void run_update_set_request(struct run *run, struct update *update, struct slice request)
{
    const bool was_active = update->is_active;

    if (was_active)
        run->active_update_bytes -= update->request.len;
    bytes_set(&update->request, request);
    if (was_active)
        run->active_update_bytes += update->request.len;
}

void run_update_dirty(struct run *run, struct update *update)
{
    if (update->is_dirty)
        return;
    list_push_back(&run->dirty_updates, &update->dirty);
    update->is_dirty = true;
    run->dirty = true;
}

void run_update_clean(struct update *update)
{
    if (!update->is_dirty)
        return;
    list_remove(&update->dirty);
    update->is_dirty = false;
}

void run_update_remove(struct run *run, struct update *update)
{
    run_update_deactivate(run, update);
    run_update_clean(update);
    map_remove(&run->updates, &update->node);
    update_free(update);
}

void run_updates_free(struct run *run)
{
    for (struct map_node *it = map_next(&run->updates, NULL), *next; it; it = next) {
        next = map_next(&run->updates, it);
        update_free(CONTAINER_OF(it, struct update, node));
    }
    map_release(&run->updates);
}

size_t run_updates_bytes(const struct run *run)
{
    return run->updates.count * (sizeof(struct update) + 64) + run->active_update_bytes;
}

enum update_state update_stored_state(const struct update *update)
{
    return update->completed_event_id  ? UPDATE_COMPLETED
           : update->accepted_event_id ? UPDATE_ACCEPTED
                                       : UPDATE_ADMITTED;
}

int64_t update_request_event(const struct update *update, int32_t *type)
{
    *type = update->admitted_event_id ? EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED
                                      : EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED;
    return update->admitted_event_id ? update->admitted_event_id : update->accepted_event_id;
}

enum update_key {
    KEY_ID = 1,
    KEY_ADMITTED,
    KEY_ACCEPTED,
    KEY_COMPLETED,
    KEY_REJECTED,
    KEY_REQUEST_ID,
};

void update_encode(const struct update *update, struct buf *out)
{
    struct rec_writer w;

    must(update->admitted_event_id > 0 || update->accepted_event_id > 0);
    rec_begin(&w, out);
    rec_put_bytes(&w, KEY_ID, bytes_slice(update->id));
    if (update->admitted_event_id)
        rec_put_i64(&w, KEY_ADMITTED, update->admitted_event_id);
    if (update->accepted_event_id)
        rec_put_i64(&w, KEY_ACCEPTED, update->accepted_event_id);
    if (update->completed_event_id)
        rec_put_i64(&w, KEY_COMPLETED, update->completed_event_id);
    if (update->rejected)
        rec_put_bool(&w, KEY_REJECTED, true);
    if (update->request_id.len > 0)
        rec_put_bytes(&w, KEY_REQUEST_ID, bytes_slice(update->request_id));
    rec_end(&w);
}

enum err update_decode(struct arena *scratch, struct slice bytes, struct update **out)
{
    struct rec r;
    const enum err err = rec_decode(scratch, bytes, &r);

    if (err != ERR_OK)
        return err;
    const struct slice id = rec_bytes(&r, KEY_ID);
    const int64_t admitted = rec_i64(&r, KEY_ADMITTED, 0), accepted = rec_i64(&r, KEY_ACCEPTED, 0);
    const int64_t completed = rec_i64(&r, KEY_COMPLETED, 0);
    const bool rejected = rec_bool(&r, KEY_REJECTED, false);
    const struct slice request_id = rec_bytes(&r, KEY_REQUEST_ID);
    if (r.malformed || id.len == 0 || admitted < 0 || accepted < 0 || completed < 0 ||
        (admitted == 0 && accepted == 0) || (completed != 0 && accepted == 0) ||
        (rejected && (admitted == 0 || accepted != 0)))
        return ERR_CORRUPT;
    struct update *update = update_new(id);
    update->admitted_event_id = admitted;
    update->accepted_event_id = accepted;
    update->completed_event_id = completed;
    update->rejected = rejected;
    bytes_set(&update->request_id, request_id);
    update->state = update_stored_state(update);
    *out = update;
    return ERR_OK;
}
