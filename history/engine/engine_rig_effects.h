/* engine_rig_effects.h - the part of engine_rig.h that plays the other executions: it keeps the
 * requests that the run sends, answers them, and does to the run what others do.
 *
 *   commands: child=ID[/POLICY]  sigx=ID  canx=ID  memo=NAME  unmemo=NAME; the first three with
 *             @NAMESPACE, too
 *   answer, refuse          the oldest request is answered; reanswer: that answer once more
 *   closed[=N]              the oldest started child closes: 0 completed, 1 failed, 2 canceled,
 *                           3 timed out, 4 terminated
 *   xsignal[=1]  xcancel[=1]  another execution (1: for its child only) signals, asks to cancel
 *   pterm  pcancel          the parent (start:parent=1) has closed */
#ifndef GNOMON_ENGINE_RIG_EFFECTS_H
#define GNOMON_ENGINE_RIG_EFFECTS_H

#include "common/base/hash.h"
#include "common/proto/wire.h"
#include "history/engine/child.h"

#define RIG_PARENT_RUN "aaaaaaaa-0506-4708-890a-0b0c0d0e0f10"
#define RIG_OTHER_RUN "bbbbbbbb-0506-4708-890a-0b0c0d0e0f10"

static void rig_begin(struct rig *rig, struct transition *t);
static void rig_end(struct rig *rig, struct transition *t, const char *word, enum err err);

/* -- the requests that are out --------------------------------------------------------------- */

static void rig_out_remove(struct rig *rig, size_t at)
{
    memmove(&rig->out[at], &rig->out[at + 1], (rig->out_count - at - 1) * sizeof(rig->out[0]));
    rig->out_count--;
}

static void rig_keep_outgoing(struct rig *rig, const struct transition *t)
{
    for (size_t i = 0; i < t->outgoing_count; i++) {
        const struct outgoing_change *change = &t->outgoing[i];
        size_t at = 0;

        if (change->add) {
            must(rig->out_count < RIG_TASKS_MAX);
            check_i64(change->target_tablet, hash_tablet(change->effect.target_namespace_id,
                                                         change->effect.target_workflow_id));
            check_slice(change->effect.source_run_id, slice_str(t->run->run_id));
            rig->out[rig->out_count++] = change->effect;
            continue;
        }
        while (at < rig->out_count && rig->out[at].row_seq != change->row_seq)
            at++;
        check(at < rig->out_count); /* only what was there can be dropped */
        if (at < rig->out_count)
            rig_out_remove(rig, at);
    }
}

/* A row of requests says what was asked. */
static bool rig_visit_outgoing(void *arg, struct slice key, struct slice value)
{
    struct rig_load *load = arg;
    struct rpc_effect effect;
    size_t at = 0;

    load->outgoing_rows++;
    check_i64((int64_t)key.len, 11);
    check_ok(rpc_effect_decode(&load->rig->arena, value, &effect));
    while (at < load->rig->out_count && load->rig->out[at].row_seq != effect.row_seq)
        at++;
    check(at < load->rig->out_count);
    if (at == load->rig->out_count)
        return true;
    check_i64(effect.kind, load->rig->out[at].kind);
    check_slice(effect.payload, load->rig->out[at].payload);
    return true;
}

/* A run that ended before the one at hand has nothing more to say: only its row goes. */
static void rig_forget_outgoing(struct rig *rig, size_t at)
{
    struct row_key key;
    int64_t seq;

    row_key_outgoing(&key, rig->run->tablet,
                     hash_tablet(rig->out[at].target_namespace_id, rig->out[at].target_workflow_id),
                     rig->out[at].row_seq);
    struct store_op op = {.kind = STORE_DELETE, .family = STORE_MAIN, .key = row_key_slice(&key)};
    check_ok(store_stage(rig->shard, &op, 1, true, &seq));
    while (store_step(rig->store))
        ;
    rig_out_remove(rig, at);
}

static void rig_answer(struct rig *rig, const char *word, bool failed)
{
    struct transition t;
    const struct rpc_effect_outcome outcome = {
        .failed = failed,
        .cause = failed ? 1 : 0,
        .run_id = failed ? SLICE_EMPTY : SLICE_LIT(RIG_OTHER_RUN),
    };

    if (rig->out_count == 0)
        return;
    rig->last_answered = rig->out[0];
    rig->last_failed = failed;
    if (!slice_eq(rig->out[0].source_run_id, slice_str(rig->run->run_id))) {
        rig_forget_outgoing(rig, 0);
        return;
    }
    rig_begin(rig, &t);
    rig_end(rig, &t, word, engine_effect_answered(&t, &rig->last_answered, &outcome));
}

/* The answer comes again: it changes nothing, and asks for the row to go (which is gone). */
static void rig_reanswer(struct rig *rig, const char *word)
{
    struct transition t;
    const struct rpc_effect_outcome outcome = {.failed = rig->last_failed,
                                               .run_id = SLICE_LIT(RIG_OTHER_RUN)};

    if (rig->last_answered.row_seq == 0 ||
        !slice_eq(rig->last_answered.source_run_id, slice_str(rig->run->run_id)))
        return;
    rig_begin(rig, &t);
    check_ok(engine_effect_answered(&t, &rig->last_answered, &outcome));
    check_i64(t.event_count, 0);
    check_i64((int64_t)t.outgoing_count, 1);
    check(t.outgoing_count == 1 && !t.outgoing[0].add);
    t.outgoing_count = 0;
    rig_end(rig, &t, word, ERR_OK);
}

/* -- what others do -------------------------------------------------------------------------- */

static struct rpc_effect rig_effect(struct rig *rig, enum rpc_effect_kind kind)
{
    return (struct rpc_effect){
        .kind = kind,
        .source_namespace_id = SLICE_LIT(RIG_NAMESPACE),
        .source_namespace = SLICE_LIT("default"),
        .source_workflow_id = SLICE_LIT("parent"),
        .source_run_id = SLICE_LIT(RIG_PARENT_RUN),
        .initiated_event_id = 5,
        .target_namespace_id = SLICE_LIT(RIG_NAMESPACE),
        .target_namespace = SLICE_LIT("default"),
        .target_workflow_id = rig->run->workflow_id,
        .root_workflow_id = SLICE_LIT("root"),
        .root_run_id = SLICE_LIT(RIG_OTHER_RUN),
    };
}

static void rig_apply(struct rig *rig, const char *word, const struct rpc_effect *effect)
{
    struct transition t;

    rig_begin(rig, &t);
    rig_end(rig, &t, word, engine_effect_apply(&t, effect, &rig->outcome));
}

static void rig_child_closed(struct rig *rig, const char *word, int64_t how)
{
    static const int32_t types[] = {
        EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
        EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED, EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
        EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED};
    struct rpc_effect effect = rig_effect(rig, EFFECT_CHILD_CLOSED);
    struct transition t;
    api_history_event *event;
    const struct child *first = NULL;

    for (struct map_node *it = map_next(&rig->run->children, NULL); it;
         it = map_next(&rig->run->children, it)) {
        const struct child *child = CONTAINER_OF(it, struct child, node);
        if (!first || child->initiated_event_id < first->initiated_event_id)
            first = child;
    }
    if (!first)
        return;
    rig_begin(rig, &t);
    (void)engine_event(&t, types[how % 5], &event);
    effect.payload = transition_pack(&t, event);
    transition_release(&t);
    effect.source_workflow_id = arena_copy(&rig->arena, bytes_slice(first->workflow_id));
    effect.source_run_id = SLICE_LIT(RIG_OTHER_RUN);
    effect.initiated_event_id = first->initiated_event_id;
    rig_apply(rig, word, &effect);
}

static void rig_other_signals(struct rig *rig, const char *word, bool child_only)
{
    struct rpc_effect effect = rig_effect(rig, EFFECT_SIGNAL);
    api_signal_workflow_execution_request *request =
        engine_message(&rig->arena, &api_signal_workflow_execution_request__desc);
    static char name[] = "from-other", id[] = "signal-request";

    request->signal_name = name;
    request->request_id = id;
    effect.payload = proto_encode(&rig->arena, request);
    effect.child_only = child_only;
    rig_apply(rig, word, &effect);
}

static void rig_other_cancels(struct rig *rig, const char *word, bool child_only)
{
    struct rpc_effect effect = rig_effect(rig, EFFECT_CANCEL);
    api_request_cancel_workflow_execution_request *request =
        engine_message(&rig->arena, &api_request_cancel_workflow_execution_request__desc);
    static char why[] = "because";

    request->reason = why;
    effect.payload = proto_encode(&rig->arena, request);
    effect.child_only = child_only;
    rig_apply(rig, word, &effect);
}

static void rig_parent_closed(struct rig *rig, const char *word, bool cancel)
{
    struct rpc_effect effect = rig_effect(rig, EFFECT_PARENT_CLOSED);
    api_request_cancel_workflow_execution_request *stop =
        engine_message(&rig->arena, &api_request_cancel_workflow_execution_request__desc);
    api_terminate_workflow_execution_request *end =
        engine_message(&rig->arena, &api_terminate_workflow_execution_request__desc);
    static char why[] = "by parent close policy";

    stop->first_execution_run_id = end->first_execution_run_id = rig->run->first_run_id;
    end->reason = why;
    effect.cancel = cancel;
    effect.payload = cancel ? proto_encode(&rig->arena, stop) : proto_encode(&rig->arena, end);
    rig_apply(rig, word, &effect);
}

/* false: not a word of this part. */
static bool rig_effect_step(struct rig *rig, const char *word, const char *verb, const char *args)
{
    const int64_t number = args ? strtoll(args, NULL, 10) : 0;

    if (strcmp(verb, "answer") == 0)
        rig_answer(rig, word, false);
    else if (strcmp(verb, "refuse") == 0)
        rig_answer(rig, word, true);
    else if (strcmp(verb, "reanswer") == 0)
        rig_reanswer(rig, word);
    else if (strcmp(verb, "closed") == 0)
        rig_child_closed(rig, word, number);
    else if (strcmp(verb, "xsignal") == 0)
        rig_other_signals(rig, word, number != 0);
    else if (strcmp(verb, "xcancel") == 0)
        rig_other_cancels(rig, word, number != 0);
    else if (strcmp(verb, "pterm") == 0 || strcmp(verb, "pcancel") == 0)
        rig_parent_closed(rig, word, verb[1] == 'c');
    else
        return false;
    return true;
}

/* -- commands -------------------------------------------------------------------------------- */

static api_memo *rig_memo(struct arena *a, char *name, bool set)
{
    static char value[] = "1", unset[] = "null";
    api_memo *memo = engine_message(a, &api_memo__desc);
    api_memo_fields_entry *field = engine_message(a, &api_memo_fields_entry__desc);

    field->key = name;
    field->value = engine_message(a, &api_payload__desc);
    field->value->data = (ProtobufCBinaryData){set ? 1 : 4, (uint8_t *)(set ? value : unset)};
    memo->n_fields = 1;
    memo->fields = ARENA_ARRAY(a, api_memo_fields_entry *, 1);
    memo->fields[0] = field;
    return memo;
}

#define RIG_ATTRS(TYPE, member)                                                                    \
    (c->command_type = COMMAND_TYPE_##TYPE,                                                        \
     c->attributes_case =                                                                          \
         TEMPORAL__API__COMMAND__V1__COMMAND__ATTRIBUTES_##TYPE##_COMMAND_ATTRIBUTES,              \
     c->member##_command_attributes = engine_message(a, &api_##member##_command_attributes__desc))
/* false: not a command of this part. */
static bool rig_effect_command(struct rig *rig, api_command *c, struct slice verb, char *arg)
{
    struct arena *a = &rig->arena;
    static char own[] = "";
    char *at = arg ? strchr(arg, '@') : NULL, *namespace_name = at ? at + 1 : own;

    if (at)
        *at = '\0';
    if (slice_eq(verb, SLICE_LIT("child"))) {
        static char type[] = "Child";
        api_start_child_workflow_execution_command_attributes *s =
            RIG_ATTRS(START_CHILD_WORKFLOW_EXECUTION, start_child_workflow_execution);
        char *slash = strchr(arg, '/');
        if (slash) {
            *slash = '\0';
            s->parent_close_policy =
                (Temporal__Api__Enums__V1__ParentClosePolicy)strtol(slash + 1, NULL, 10);
        }
        s->namespace_ = namespace_name;
        s->workflow_id = arg;
        s->workflow_type = engine_message(a, &api_workflow_type__desc);
        s->workflow_type->name = type;
    } else if (slice_eq(verb, SLICE_LIT("sigx"))) {
        static char name[] = "hello";
        api_signal_external_workflow_execution_command_attributes *s =
            RIG_ATTRS(SIGNAL_EXTERNAL_WORKFLOW_EXECUTION, signal_external_workflow_execution);
        s->execution = engine_message(a, &api_common_workflow_execution__desc);
        s->execution->workflow_id = arg;
        s->namespace_ = namespace_name;
        s->signal_name = name;
    } else if (slice_eq(verb, SLICE_LIT("canx"))) {
        api_request_cancel_external_workflow_execution_command_attributes *s = RIG_ATTRS(
            REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION, request_cancel_external_workflow_execution);
        s->workflow_id = arg;
        s->namespace_ = namespace_name;
    } else if (slice_eq(verb, SLICE_LIT("memo")) || slice_eq(verb, SLICE_LIT("unmemo"))) {
        RIG_ATTRS(MODIFY_WORKFLOW_PROPERTIES, modify_workflow_properties)->upserted_memo =
            rig_memo(a, arg, verb.ptr[0] == 'm');
    } else {
        return false;
    }
    return true;
}
#undef RIG_ATTRS

#endif
