/* callback.c - completion callbacks and attached request ids: life, stored form. */
#include "history/engine/callback.h"

#include "common/pack/record.h"

#include <stdlib.h>

/* -- callbacks ------------------------------------------------------------------------------- */

struct callback *run_callback(const struct run *run, struct slice id)
{
    struct map_node *node = map_get(&run->callbacks, id);

    return node ? CONTAINER_OF(node, struct callback, node) : NULL;
}

struct callback *callback_new(struct slice id)
{
    struct callback *callback = calloc(1, sizeof *callback);

    must(callback != NULL && id.len > 0);
    bytes_set(&callback->id, id);
    list_init(&callback->changed);
    return callback;
}

/* What is known of it without looking at it: its deadline, what it holds. */
static void callback_note(struct run *run, struct callback *callback)
{
    const size_t bytes = callback_bytes(callback);

    run->relations_bytes += bytes - callback->counted_bytes;
    callback->counted_bytes = bytes;
    heap_remove(&run->callback_deadlines, &callback->deadline);
    if (callback->next_attempt_ns != 0)
        heap_add(&run->callback_deadlines, &callback->deadline, callback->next_attempt_ns);
}

void run_callback_put(struct run *run, struct callback *callback)
{
    map_put(&run->callbacks, bytes_slice(callback->id), &callback->node);
    callback_note(run, callback);
}

void run_callback_changed(struct run *run, struct callback *callback)
{
    callback_note(run, callback);
    if (list_empty(&callback->changed))
        list_push_back(&run->changed_callbacks, &callback->changed);
    run->dirty = true;
}

void run_callback_remove(struct run *run, struct callback *callback)
{
    heap_remove(&run->callback_deadlines, &callback->deadline);
    list_remove(&callback->changed);
    map_remove(&run->callbacks, &callback->node);
    run->relations_bytes -= callback->counted_bytes;
    callback_free(callback);
}

void callback_free(struct callback *callback)
{
    if (!callback)
        return;
    bytes_clear(&callback->id);
    bytes_clear(&callback->update_id);
    bytes_clear(&callback->rejection);
    bytes_clear(&callback->request_id);
    bytes_clear(&callback->spec);
    bytes_clear(&callback->last_failure);
    free(callback);
}

size_t callback_bytes(const struct callback *callback)
{
    return sizeof *callback + callback->id.len + callback->update_id.len +
           callback->request_id.len + callback->spec.len + callback->last_failure.len +
           callback->rejection.len;
}

enum { ROW_VERSION = 1 };
enum callback_key {
    CALLBACK_VERSION = 1,
    CALLBACK_ID,
    CALLBACK_REQUEST_ID,
    CALLBACK_NUMBER,
    CALLBACK_SPEC,
    CALLBACK_REGISTERED,
    CALLBACK_STATE,
    CALLBACK_ATTEMPT,
    CALLBACK_LAST_ATTEMPT,
    CALLBACK_NEXT_ATTEMPT,
    CALLBACK_LAST_FAILURE,
    CALLBACK_ROW_SEQ,
    CALLBACK_UPDATE_ID,
    CALLBACK_INDEX,
    CALLBACK_REJECTION,
};

void callback_encode(const struct callback *callback, struct buf *out)
{
    struct rec_writer w;

    must(callback->id.len > 0 && callback->number > 0);
    must((callback->state == CALLBACK_STATE_SCHEDULED) == (callback->row_seq != 0));
    rec_begin(&w, out);
    rec_put_u64(&w, CALLBACK_VERSION, ROW_VERSION);
    rec_put_bytes(&w, CALLBACK_ID, bytes_slice(callback->id));
    rec_put_bytes(&w, CALLBACK_REQUEST_ID, bytes_slice(callback->request_id));
    rec_put_u64(&w, CALLBACK_NUMBER, callback->number);
    rec_put_bytes(&w, CALLBACK_SPEC, bytes_slice(callback->spec));
    rec_put_i64(&w, CALLBACK_REGISTERED, callback->registered_ns);
    rec_put_i64(&w, CALLBACK_STATE, callback->state);
    rec_put_i64(&w, CALLBACK_ATTEMPT, callback->attempt);
    rec_put_i64(&w, CALLBACK_LAST_ATTEMPT, callback->last_attempt_ns);
    rec_put_i64(&w, CALLBACK_NEXT_ATTEMPT, callback->next_attempt_ns);
    rec_put_bytes(&w, CALLBACK_LAST_FAILURE, bytes_slice(callback->last_failure));
    rec_put_u64(&w, CALLBACK_ROW_SEQ, callback->row_seq);
    if (callback->update_id.len > 0) {
        rec_put_bytes(&w, CALLBACK_UPDATE_ID, bytes_slice(callback->update_id));
        rec_put_u64(&w, CALLBACK_INDEX, callback->index);
        if (callback->rejected)
            rec_put_bytes(&w, CALLBACK_REJECTION, bytes_slice(callback->rejection));
    }
    rec_end(&w);
}

enum err callback_decode(struct arena *scratch, struct slice bytes, struct callback **out)
{
    struct rec r;
    const enum err err = rec_decode(scratch, bytes, &r);
    if (err != ERR_OK)
        return err;

    const struct slice id = rec_bytes(&r, CALLBACK_ID);
    const uint64_t number = rec_u64(&r, CALLBACK_NUMBER, 0);
    const int64_t state = rec_i64(&r, CALLBACK_STATE, 0),
                  attempt = rec_i64(&r, CALLBACK_ATTEMPT, 0);
    const uint64_t row_seq = rec_u64(&r, CALLBACK_ROW_SEQ, 0),
                   index = rec_u64(&r, CALLBACK_INDEX, 0);
    if (id.len == 0 || index > UINT32_MAX || number == 0 || number > UINT32_MAX ||
        state < CALLBACK_STATE_STANDBY || state > CALLBACK_STATE_SUCCEEDED || attempt < 0 ||
        attempt > INT32_MAX || (state == CALLBACK_STATE_SCHEDULED) != (row_seq != 0) ||
        rec_u64(&r, CALLBACK_VERSION, 0) == 0)
        return ERR_CORRUPT;
    struct callback *callback = callback_new(id);
    bytes_set(&callback->request_id, rec_bytes(&r, CALLBACK_REQUEST_ID));
    callback->number = (uint32_t)number;
    bytes_set(&callback->spec, rec_bytes(&r, CALLBACK_SPEC));
    callback->registered_ns = rec_i64(&r, CALLBACK_REGISTERED, 0);
    callback->state = (int32_t)state;
    callback->attempt = (int32_t)attempt;
    callback->last_attempt_ns = rec_i64(&r, CALLBACK_LAST_ATTEMPT, 0);
    callback->next_attempt_ns = rec_i64(&r, CALLBACK_NEXT_ATTEMPT, 0);
    bytes_set(&callback->last_failure, rec_bytes(&r, CALLBACK_LAST_FAILURE));
    callback->row_seq = row_seq;
    callback->index = (uint32_t)index;
    bytes_set(&callback->update_id, rec_bytes(&r, CALLBACK_UPDATE_ID));
    callback->rejected = rec_has(&r, CALLBACK_REJECTION);
    bytes_set(&callback->rejection, rec_bytes(&r, CALLBACK_REJECTION));
    if (r.malformed) {
        callback_free(callback);
        return ERR_CORRUPT;
    }
    *out = callback;
    return ERR_OK;
}

/* -- attached request ids -------------------------------------------------------------------- */

bool run_has_attached(const struct run *run, struct slice request_id)
{
    return request_id.len > 0 && map_get(&run->attached_requests, request_id) != NULL;
}

static struct attached_request *attached_new(struct slice id)
{
    struct attached_request *attached = calloc(1, sizeof *attached);

    must(attached != NULL && id.len > 0);
    bytes_set(&attached->id, id);
    list_init(&attached->changed);
    return attached;
}

void run_attached_put(struct run *run, struct attached_request *attached)
{
    map_put(&run->attached_requests, bytes_slice(attached->id), &attached->node);
    run->relations_bytes += attached->id.len;
}

void run_attached_changed(struct run *run, struct attached_request *attached)
{
    if (list_empty(&attached->changed))
        list_push_back(&run->changed_attached, &attached->changed);
    run->dirty = true;
}

void attached_request_free(struct attached_request *attached)
{
    if (!attached)
        return;
    bytes_clear(&attached->id);
    free(attached);
}

void run_request_attached(struct run *run, struct slice request_id, int64_t event_id)
{
    struct map_node *node = map_get(&run->attached_requests, request_id);
    struct attached_request *attached;

    if (node) {
        attached = CONTAINER_OF(node, struct attached_request, node);
    } else {
        attached = attached_new(request_id);
        run_attached_put(run, attached);
    }
    attached->event_id = event_id;
    run_attached_changed(run, attached);
}

enum attached_key { ATTACHED_VERSION = 1, ATTACHED_ID, ATTACHED_EVENT };

void attached_request_encode(const struct attached_request *attached, struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    rec_put_u64(&w, ATTACHED_VERSION, ROW_VERSION);
    rec_put_bytes(&w, ATTACHED_ID, bytes_slice(attached->id));
    rec_put_i64(&w, ATTACHED_EVENT, attached->event_id);
    rec_end(&w);
}

enum err attached_request_decode(struct arena *scratch, struct slice bytes,
                                 struct attached_request **out)
{
    struct rec r;
    const enum err err = rec_decode(scratch, bytes, &r);
    if (err != ERR_OK)
        return err;

    const struct slice id = rec_bytes(&r, ATTACHED_ID);
    const int64_t event_id = rec_i64(&r, ATTACHED_EVENT, 0);
    if (r.malformed || id.len == 0 || event_id < 0 || rec_u64(&r, ATTACHED_VERSION, 0) == 0)
        return ERR_CORRUPT;
    struct attached_request *attached = attached_new(id);
    attached->event_id = event_id;
    *out = attached;
    return ERR_OK;
}
