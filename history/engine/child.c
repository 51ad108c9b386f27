/* child.c - pending children, signals and cancellations of other executions: life, stored form. */
#include "history/engine/child.h"

#include "history/engine/child_int.h"
#include "history/engine/rows.h"

#include <stdlib.h>

/* -- children -------------------------------------------------------------------------------- */

struct child *child_new(int64_t initiated_event_id)
{
    struct child *child = calloc(1, sizeof *child);

    must(child != NULL && initiated_event_id > 0);
    child->initiated_event_id = initiated_event_id;
    list_init(&child->changed);
    return child;
}

void child_free(struct child *child)
{
    if (!child)
        return;
    bytes_clear(&child->namespace_id);
    bytes_clear(&child->namespace_name);
    bytes_clear(&child->workflow_id);
    bytes_clear(&child->workflow_type);
    bytes_clear(&child->control);
    bytes_clear(&child->run_id);
    free(child);
}

struct child *run_child(const struct run *run, int64_t initiated_event_id)
{
    struct map_node *node = map_get_u64(&run->children, (uint64_t)initiated_event_id);

    return node ? CONTAINER_OF(node, struct child, node) : NULL;
}

static void count_child(struct run *run, struct child *child, size_t bytes)
{
    run->relations_bytes += bytes - child->counted_bytes;
    child->counted_bytes = bytes;
}

void run_child_put(struct run *run, struct child *child)
{
    map_put_u64(&run->children, (uint64_t)child->initiated_event_id, &child->node);
    count_child(run, child, child_bytes(child));
}

void run_child_remove(struct run *run, struct child *child)
{
    count_child(run, child, 0);
    list_remove(&child->changed);
    map_remove(&run->children, &child->node);
    child_free(child);
}

void run_child_changed(struct run *run, struct child *child)
{
    count_child(run, child, child_bytes(child));
    if (list_empty(&child->changed))
        list_push_back(&run->changed_children, &child->changed);
}

size_t child_bytes(const struct child *child)
{
    return sizeof *child + child->namespace_id.len + child->namespace_name.len +
           child->workflow_id.len + child->workflow_type.len + child->control.len +
           child->run_id.len;
}

static struct slice event_key(uint8_t bytes[8], int64_t event_id)
{
    be64_put(bytes, (uint64_t)event_id);
    return slice_of(bytes, 8);
}

void child_end(struct transition *t, struct child *child)
{
    uint8_t key[8];

    run_drop_item(t, ITEM_CHILD, event_key(key, child->initiated_event_id));
    run_child_remove(t->run, child);
}

enum child_key {
    CHILD_INITIATED = 1,
    CHILD_NAMESPACE_ID,
    CHILD_NAMESPACE,
    CHILD_WORKFLOW_ID,
    CHILD_TYPE,
    CHILD_CONTROL,
    CHILD_POLICY,
    CHILD_STARTED,
    CHILD_STARTED_ID,
    CHILD_RUN_ID,
    CHILD_ROW_SEQ,
};

void child_encode(const struct child *child, struct buf *out)
{
    struct rec_writer w;

    must(child->initiated_event_id > 0 && child->workflow_id.len > 0);
    rec_begin(&w, out);
    rec_put_i64(&w, CHILD_INITIATED, child->initiated_event_id);
    rec_put_bytes(&w, CHILD_NAMESPACE_ID, bytes_slice(child->namespace_id));
    rec_put_bytes(&w, CHILD_NAMESPACE, bytes_slice(child->namespace_name));
    rec_put_bytes(&w, CHILD_WORKFLOW_ID, bytes_slice(child->workflow_id));
    rec_put_bytes(&w, CHILD_TYPE, bytes_slice(child->workflow_type));
    rec_put_bytes(&w, CHILD_CONTROL, bytes_slice(child->control));
    rec_put_i64(&w, CHILD_POLICY, child->parent_close_policy);
    rec_put_bool(&w, CHILD_STARTED, child->started);
    rec_put_i64(&w, CHILD_STARTED_ID, child->started_event_id);
    rec_put_bytes(&w, CHILD_RUN_ID, bytes_slice(child->run_id));
    rec_put_u64(&w, CHILD_ROW_SEQ, child->row_seq);
    rec_end(&w);
}

enum err child_decode(struct arena *scratch, struct slice bytes, struct child **out)
{
    struct rec r;
    const enum err err = rec_decode(scratch, bytes, &r);
    if (err != ERR_OK)
        return err;

    const int64_t initiated = rec_i64(&r, CHILD_INITIATED, 0);
    const int64_t policy = rec_i64(&r, CHILD_POLICY, 0);
    const struct slice workflow_id = rec_bytes(&r, CHILD_WORKFLOW_ID);
    if (initiated <= 0 || workflow_id.len == 0 || policy < 0 || policy > INT32_MAX)
        return ERR_CORRUPT;
    struct child *child = child_new(initiated);
    bytes_set(&child->namespace_id, rec_bytes(&r, CHILD_NAMESPACE_ID));
    bytes_set(&child->namespace_name, rec_bytes(&r, CHILD_NAMESPACE));
    bytes_set(&child->workflow_id, workflow_id);
    bytes_set(&child->workflow_type, rec_bytes(&r, CHILD_TYPE));
    bytes_set(&child->control, rec_bytes(&r, CHILD_CONTROL));
    child->parent_close_policy = (int32_t)policy;
    child->started = rec_bool(&r, CHILD_STARTED, false);
    child->started_event_id = rec_i64(&r, CHILD_STARTED_ID, 0);
    bytes_set(&child->run_id, rec_bytes(&r, CHILD_RUN_ID));
    child->row_seq = rec_u64(&r, CHILD_ROW_SEQ, 0);
    if (r.malformed || (child->started && child->run_id.len == 0)) {
        child_free(child);
        return ERR_CORRUPT;
    }
    *out = child;
    return ERR_OK;
}

/* -- signals and cancellations --------------------------------------------------------------- */

struct external *external_new(int64_t initiated_event_id, enum external_kind kind)
{
    struct external *external = calloc(1, sizeof *external);

    must(external != NULL && initiated_event_id > 0);
    external->initiated_event_id = initiated_event_id;
    external->kind = kind;
    list_init(&external->changed);
    return external;
}

void external_free(struct external *external)
{
    free(external);
}

struct external *run_external(const struct run *run, int64_t initiated_event_id)
{
    struct map_node *node = map_get_u64(&run->externals, (uint64_t)initiated_event_id);

    return node ? CONTAINER_OF(node, struct external, node) : NULL;
}

void run_external_put(struct run *run, struct external *external)
{
    map_put_u64(&run->externals, (uint64_t)external->initiated_event_id, &external->node);
    run->external_counts[external->kind]++;
}

void run_external_remove(struct run *run, struct external *external)
{
    must(run->external_counts[external->kind] > 0);
    run->external_counts[external->kind]--;
    list_remove(&external->changed);
    map_remove(&run->externals, &external->node);
    external_free(external);
}

void run_external_changed(struct run *run, struct external *external)
{
    if (list_empty(&external->changed))
        list_push_back(&run->changed_externals, &external->changed);
}

uint32_t run_external_count(const struct run *run, enum external_kind kind)
{
    return run->external_counts[kind];
}

void external_end(struct transition *t, struct external *external)
{
    uint8_t key[8];

    run_drop_item(t, ITEM_EXTERNAL, event_key(key, external->initiated_event_id));
    run_external_remove(t->run, external);
}

enum external_key { EXTERNAL_INITIATED = 1, EXTERNAL_KIND, EXTERNAL_ROW_SEQ };

void external_encode(const struct external *external, struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    rec_put_i64(&w, EXTERNAL_INITIATED, external->initiated_event_id);
    rec_put_u64(&w, EXTERNAL_KIND, (uint64_t)external->kind);
    rec_put_u64(&w, EXTERNAL_ROW_SEQ, external->row_seq);
    rec_end(&w);
}

enum err external_decode(struct arena *scratch, struct slice bytes, struct external **out)
{
    struct rec r;
    const enum err err = rec_decode(scratch, bytes, &r);
    if (err != ERR_OK)
        return err;

    const int64_t initiated = rec_i64(&r, EXTERNAL_INITIATED, 0);
    const uint64_t kind = rec_u64(&r, EXTERNAL_KIND, 0), row_seq = rec_u64(&r, EXTERNAL_ROW_SEQ, 0);
    if (r.malformed || initiated <= 0 || kind < EXTERNAL_SIGNAL || kind > EXTERNAL_CANCEL)
        return ERR_CORRUPT;
    struct external *external = external_new(initiated, (enum external_kind)kind);
    external->row_seq = row_seq;
    *out = external;
    return ERR_OK;
}
