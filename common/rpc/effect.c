/* effect.c - the records of effect.h: keys are never reused and never change their type. */
#include "common/rpc/effect.h"

#include "common/pack/record.h"

enum effect_key {
    EFFECT_KEY_KIND = 1,
    EFFECT_KEY_ROW_SEQ = 2,
    EFFECT_KEY_SOURCE_SHARD = 3,
    EFFECT_KEY_SOURCE_LEASE = 4,
    EFFECT_KEY_SOURCE_NAMESPACE_ID = 5,
    EFFECT_KEY_SOURCE_NAMESPACE = 6,
    EFFECT_KEY_SOURCE_WORKFLOW_ID = 7,
    EFFECT_KEY_SOURCE_RUN_ID = 8,
    EFFECT_KEY_INITIATED = 9,
    EFFECT_KEY_TARGET_NAMESPACE_ID = 10,
    EFFECT_KEY_TARGET_NAMESPACE = 11,
    EFFECT_KEY_TARGET_WORKFLOW_ID = 12,
    EFFECT_KEY_TARGET_RUN_ID = 13,
    EFFECT_KEY_CHILD_ONLY = 14,
    EFFECT_KEY_CANCEL = 15,
    EFFECT_KEY_PARENT_CLOSE_POLICY = 16,
    EFFECT_KEY_ROOT_WORKFLOW_ID = 17,
    EFFECT_KEY_ROOT_RUN_ID = 18,
    EFFECT_KEY_PAYLOAD = 19,
    EFFECT_KEY_HEIR_OF = 20,
};

enum outcome_key { OUTCOME_FAILED = 1, OUTCOME_CAUSE = 2, OUTCOME_RUN_ID = 3 };

static void put_some(struct rec_writer *w, uint32_t key, struct slice value)
{
    if (value.len > 0)
        rec_put_bytes(w, key, value);
}

static int32_t get_i32(struct rec *r, uint32_t key)
{
    const int64_t value = rec_i64(r, key, 0);

    if (value < INT32_MIN || value > INT32_MAX) {
        r->malformed = true;
        return 0;
    }
    return (int32_t)value;
}

void rpc_effect_encode(const struct rpc_effect *effect, struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    rec_put_u64(&w, EFFECT_KEY_KIND, (uint64_t)effect->kind);
    rec_put_u64(&w, EFFECT_KEY_ROW_SEQ, effect->row_seq);
    rec_put_u64(&w, EFFECT_KEY_SOURCE_SHARD, effect->source_shard);
    rec_put_u64(&w, EFFECT_KEY_SOURCE_LEASE, effect->source_lease);
    put_some(&w, EFFECT_KEY_SOURCE_NAMESPACE_ID, effect->source_namespace_id);
    put_some(&w, EFFECT_KEY_SOURCE_NAMESPACE, effect->source_namespace);
    put_some(&w, EFFECT_KEY_SOURCE_WORKFLOW_ID, effect->source_workflow_id);
    put_some(&w, EFFECT_KEY_SOURCE_RUN_ID, effect->source_run_id);
    rec_put_i64(&w, EFFECT_KEY_INITIATED, effect->initiated_event_id);
    put_some(&w, EFFECT_KEY_TARGET_NAMESPACE_ID, effect->target_namespace_id);
    put_some(&w, EFFECT_KEY_TARGET_NAMESPACE, effect->target_namespace);
    put_some(&w, EFFECT_KEY_TARGET_WORKFLOW_ID, effect->target_workflow_id);
    put_some(&w, EFFECT_KEY_TARGET_RUN_ID, effect->target_run_id);
    rec_put_bool(&w, EFFECT_KEY_CHILD_ONLY, effect->child_only);
    rec_put_bool(&w, EFFECT_KEY_CANCEL, effect->cancel);
    rec_put_i64(&w, EFFECT_KEY_PARENT_CLOSE_POLICY, effect->parent_close_policy);
    put_some(&w, EFFECT_KEY_ROOT_WORKFLOW_ID, effect->root_workflow_id);
    put_some(&w, EFFECT_KEY_ROOT_RUN_ID, effect->root_run_id);
    put_some(&w, EFFECT_KEY_PAYLOAD, effect->payload);
    put_some(&w, EFFECT_KEY_HEIR_OF, effect->heir_of);
    rec_end(&w);
}

enum err rpc_effect_decode(struct arena *arena, struct slice body, struct rpc_effect *out)
{
    struct rec r;
    const enum err err = rec_decode(arena, body, &r);

    *out = (struct rpc_effect){0};
    if (err != ERR_OK)
        return err;
    const uint64_t kind = rec_u64(&r, EFFECT_KEY_KIND, 0);
    const uint64_t shard = rec_u64(&r, EFFECT_KEY_SOURCE_SHARD, 0);
    if (kind < EFFECT_START_CHILD || kind > EFFECT_PARENT_CLOSED || shard > UINT32_MAX)
        return ERR_CORRUPT;
    out->kind = (enum rpc_effect_kind)kind;
    out->row_seq = rec_u64(&r, EFFECT_KEY_ROW_SEQ, 0);
    out->source_shard = (uint32_t)shard;
    out->source_lease = rec_u64(&r, EFFECT_KEY_SOURCE_LEASE, 0);
    out->source_namespace_id = rec_bytes(&r, EFFECT_KEY_SOURCE_NAMESPACE_ID);
    out->source_namespace = rec_bytes(&r, EFFECT_KEY_SOURCE_NAMESPACE);
    out->source_workflow_id = rec_bytes(&r, EFFECT_KEY_SOURCE_WORKFLOW_ID);
    out->source_run_id = rec_bytes(&r, EFFECT_KEY_SOURCE_RUN_ID);
    out->initiated_event_id = rec_i64(&r, EFFECT_KEY_INITIATED, 0);
    out->target_namespace_id = rec_bytes(&r, EFFECT_KEY_TARGET_NAMESPACE_ID);
    out->target_namespace = rec_bytes(&r, EFFECT_KEY_TARGET_NAMESPACE);
    out->target_workflow_id = rec_bytes(&r, EFFECT_KEY_TARGET_WORKFLOW_ID);
    out->target_run_id = rec_bytes(&r, EFFECT_KEY_TARGET_RUN_ID);
    out->heir_of = rec_bytes(&r, EFFECT_KEY_HEIR_OF);
    out->child_only = rec_bool(&r, EFFECT_KEY_CHILD_ONLY, false);
    out->cancel = rec_bool(&r, EFFECT_KEY_CANCEL, false);
    out->parent_close_policy = get_i32(&r, EFFECT_KEY_PARENT_CLOSE_POLICY);
    out->root_workflow_id = rec_bytes(&r, EFFECT_KEY_ROOT_WORKFLOW_ID);
    out->root_run_id = rec_bytes(&r, EFFECT_KEY_ROOT_RUN_ID);
    out->payload = rec_bytes(&r, EFFECT_KEY_PAYLOAD);
    return r.malformed ? ERR_CORRUPT : ERR_OK;
}

enum effects_key { EFFECTS_ITEMS = 1 };

void rpc_effects_encode(const struct rpc_effect *effects, uint32_t count, struct buf *out)
{
    struct rec_writer w;
    struct buf one;

    must(count <= RPC_EFFECTS_MAX);
    buf_init(&one, 0);
    rec_begin(&w, out);
    rec_list(&w, EFFECTS_ITEMS, count);
    for (uint32_t i = 0; i < count; i++) {
        buf_clear(&one);
        rpc_effect_encode(&effects[i], &one);
        rec_elem_bytes(&w, buf_slice(&one));
    }
    rec_end(&w);
    buf_release(&one);
}

enum err rpc_effects_decode(struct arena *arena, struct slice body, struct rpc_effect **effects,
                            uint32_t *count)
{
    struct rec r;
    enum err err = rec_decode(arena, body, &r);

    *effects = NULL;
    *count = 0;
    if (err != ERR_OK)
        return err;
    const uint32_t n = rec_list_count(&r, EFFECTS_ITEMS);
    if (n > RPC_EFFECTS_MAX || r.malformed)
        return ERR_CORRUPT;
    struct rpc_effect *list = ARENA_ARRAY(arena, struct rpc_effect, n + 1);
    for (uint32_t i = 0; i < n && err == ERR_OK; i++)
        err = rpc_effect_decode(arena, rec_list_bytes(&r, EFFECTS_ITEMS, i), &list[i]);
    if (err != ERR_OK || r.malformed)
        return ERR_CORRUPT;
    *effects = list;
    *count = n;
    return ERR_OK;
}

void rpc_effect_outcome_encode(const struct rpc_effect_outcome *outcome, struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    rec_put_bool(&w, OUTCOME_FAILED, outcome->failed);
    rec_put_i64(&w, OUTCOME_CAUSE, outcome->cause);
    put_some(&w, OUTCOME_RUN_ID, outcome->run_id);
    rec_end(&w);
}

enum err rpc_effect_outcome_decode(struct arena *arena, struct slice body,
                                   struct rpc_effect_outcome *out)
{
    struct rec r;
    const enum err err = rec_decode(arena, body, &r);

    *out = (struct rpc_effect_outcome){0};
    if (err != ERR_OK)
        return err;
    out->failed = rec_bool(&r, OUTCOME_FAILED, false);
    out->cause = get_i32(&r, OUTCOME_CAUSE);
    out->run_id = rec_bytes(&r, OUTCOME_RUN_ID);
    return r.malformed ? ERR_CORRUPT : ERR_OK;
}
