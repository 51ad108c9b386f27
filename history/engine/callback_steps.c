/* callback_steps.c - completion callbacks: how they come, wait, are delivered and shown. */
#include "history/engine/engine_int.h"

#include "common/base/hash.h"
#include "common/nexus/completion.h"
#include "common/proto/wire.h"
#include "history/engine/callback.h"
#include "history/engine/update_int.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

/* -- their coming ---------------------------------------------------------------------------- */

/* Spec: header names become lower case; of two that are the same then, the last one counts. */
static api_callback *with_lower_headers(struct arena *arena, const api_callback *callback)
{
    api_callback *out = engine_message(arena, &api_callback__desc);
    api_callback_nexus *nexus = engine_message(arena, &api_callback_nexus__desc);
    const api_callback_nexus *in = callback->nexus;

    *out = *callback;
    *nexus = *in;
    out->nexus = nexus;
    nexus->n_header = 0;
    nexus->header = ARENA_ARRAY(arena, api_callback_nexus_header_entry *, in->n_header + 1);
    for (size_t i = 0; i < in->n_header; i++) {
        api_callback_nexus_header_entry *entry =
            engine_message(arena, &api_callback_nexus_header_entry__desc);
        size_t at = 0;

        *entry = *in->header[i];
        entry->key = arena_str(arena, slice_str(entry->key));
        for (char *c = entry->key; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        while (at < nexus->n_header && strcmp(nexus->header[at]->key, entry->key) != 0)
            at++;
        nexus->header[at] = entry;
        if (at == nexus->n_header)
            nexus->n_header++;
    }
    return out;
}

/* Spec: as the reference's language names the type of a variant. */
static const char *variant_name(const api_callback *callback)
{
    switch ((int)callback->variant_case) {
    case TEMPORAL__API__COMMON__V1__CALLBACK__VARIANT_INTERNAL:
        return "*common.Callback_Internal_";
    case TEMPORAL__API__COMMON__V1__CALLBACK__VARIANT_NEXUS_HANDLER:
        return "*common.Callback_NexusHandler_";
    default:
        return "<nil>";
    }
}

static enum err check_total(struct transition *t, size_t had, size_t count, uint32_t max)
{
    if (count + had <= max)
        return ERR_OK;
    return err_fail(t->detail, ERR_PRECONDITION,
                    "cannot attach more than %u callbacks to a workflow (%zu callbacks already "
                    "attached)",
                    max, had);
}

enum err callbacks_check(struct transition *t, size_t count, api_callback *const *callbacks,
                         api_callback ***out)
{
    const enum err err = check_total(t, t->run->callbacks.count, count, t->limits->callbacks_max);

    *out = NULL;
    if (err != ERR_OK)
        return err;
    api_callback **checked = ARENA_ARRAY(t->arena, api_callback *, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (callbacks[i]->variant_case != TEMPORAL__API__COMMON__V1__CALLBACK__VARIANT_NEXUS)
            return err_fail(t->detail, ERR_INVALID, "unsupported callback variant: %s",
                            variant_name(callbacks[i]));
        checked[i] = with_lower_headers(t->arena, callbacks[i]);
    }
    *out = checked;
    return ERR_OK;
}

static uint32_t count_of(const struct run *run, bool of_updates)
{
    uint32_t count = 0;

    for (struct map_node *it = map_next(&run->callbacks, NULL); it;
         it = map_next(&run->callbacks, it))
        count += (CONTAINER_OF(it, struct callback, node)->update_id.len > 0) == of_updates;
    return count;
}

static struct callback *begin(struct slice id, struct arena *arena, const api_history_event *event,
                              const char *request_id, const api_callback *spec)
{
    struct callback *callback = callback_new(id);

    bytes_set(&callback->request_id, slice_str(request_id));
    bytes_set(&callback->spec, proto_encode(arena, spec));
    must(proto_timestamp_ns(event->event_time, &callback->registered_ns) == ERR_OK);
    callback->state = CALLBACK_STATE_STANDBY;
    return callback;
}

void run_callbacks_add(struct run *run, struct arena *arena, const api_history_event *event,
                       const char *request_id, size_t count, api_callback *const *callbacks)
{
    uint32_t number = count > 0 ? count_of(run, false) : 0;

    for (size_t i = 0; i < count; i++) {
        const struct slice id = slice_str(arena_printf(arena, "%s-%zu", request_id, i));

        if (run_callback(run, id)) /* a repeat */
            continue;
        struct callback *callback = begin(id, arena, event, request_id, callbacks[i]);
        callback->index = (uint32_t)i;
        callback->number = ++number;
        run_callback_put(run, callback);
        run_callback_changed(run, callback);
    }
}

/* -- in the order of their coming ------------------------------------------------------------ */

/* Spec: the run's own come before those of its updates. */
static int by_number(const void *left, const void *right)
{
    const struct callback *const *a = left, *const *b = right;
    const bool a_of_update = (*a)->update_id.len > 0, b_of_update = (*b)->update_id.len > 0;

    if (a_of_update != b_of_update)
        return a_of_update ? 1 : -1;
    return (*a)->number < (*b)->number ? -1 : (*a)->number > (*b)->number;
}

static struct callback **in_order(const struct run *run, struct arena *arena)
{
    struct callback **all = ARENA_ARRAY(arena, struct callback *, run->callbacks.count + 1);
    size_t count = 0;

    for (struct map_node *it = map_next(&run->callbacks, NULL); it;
         it = map_next(&run->callbacks, it))
        all[count++] = CONTAINER_OF(it, struct callback, node);
    qsort(all, count, sizeof(struct callback *), by_number);
    return all;
}

size_t run_callbacks_waiting(const struct run *run, struct arena *arena, api_callback ***out)
{
    struct callback **all = in_order(run, arena);
    size_t count = 0;

    *out = ARENA_ARRAY(arena, api_callback *, run->callbacks.count + 1);
    for (size_t i = 0; i < run->callbacks.count; i++) {
        if (all[i]->state != CALLBACK_STATE_STANDBY || all[i]->update_id.len > 0)
            continue;
        api_callback *spec = engine_decode(arena, &api_callback__desc, bytes_slice(all[i]->spec));
        must(spec != NULL);
        (*out)[count++] = spec;
    }
    return count;
}

/* -- delivery -------------------------------------------------------------------------------- */

/* Spec: callbacks are sent in turn by namespace and destination, the URL up to its path. */
static uint64_t destination_of(const struct run *run, struct arena *arena,
                               const struct callback *callback)
{
    const api_callback *spec =
        engine_decode(arena, &api_callback__desc, bytes_slice(callback->spec));

    must(spec != NULL && spec->nexus != NULL);
    return hash_bytes(nexus_destination(spec->nexus->url), hash_bytes(run->namespace_id, 0));
}

static void row_changed(struct transition *t, bool add, uint64_t row_seq,
                        const struct callback *callback)
{
    if (t->callback_count == t->callback_cap) {
        const size_t cap = t->callback_cap ? 2 * t->callback_cap : 4;
        struct callback_change *more = ARENA_ARRAY(t->arena, struct callback_change, cap);

        if (t->callback_count)
            memcpy(more, t->callbacks, t->callback_count * sizeof *more);
        t->callbacks = more;
        t->callback_cap = cap;
    }
    t->callbacks[t->callback_count++] =
        (struct callback_change){add, row_seq, arena_copy(t->arena, bytes_slice(callback->id)),
                                 add ? destination_of(t->run, t->arena, callback) : 0};
}

static void schedule(struct transition *t, struct callback *callback)
{
    callback->state = CALLBACK_STATE_SCHEDULED;
    callback->next_attempt_ns = 0;
    callback->row_seq = ++*t->row_seq;
    run_callback_changed(t->run, callback);
    row_changed(t, true, callback->row_seq, callback);
}

/* Whether the run that follows takes the callbacks over. */
static bool hands_on(const api_history_event *closing)
{
    switch ((int)closing->event_type) {
    case EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
        return true;
    case EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
        return closing->workflow_execution_failed_event_attributes->retry_state ==
               RETRY_STATE_IN_PROGRESS;
    case EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
        return closing->workflow_execution_timed_out_event_attributes->retry_state ==
               RETRY_STATE_IN_PROGRESS;
    default:
        return false;
    }
}

/* Spec: the run that it was reset to has them. */
static bool was_reset(const struct run *run)
{
    return run->reset_run_id[0] && strcmp(run->reset_run_id, run->run_id) != 0;
}

/* Those that wait for the end of the run, or of an update: of that one, empty: of all. */
static void schedule_waiting(struct transition *t, bool of_updates, struct slice update_id)
{
    const struct run *run = t->run;
    struct callback **all = in_order(run, t->arena);

    for (size_t i = 0; i < run->callbacks.count; i++) {
        const struct slice of = bytes_slice(all[i]->update_id);

        if (all[i]->state != CALLBACK_STATE_STANDBY || (of.len > 0) != of_updates ||
            (update_id.len > 0 && !slice_eq(of, update_id)))
            continue;
        schedule(t, all[i]);
    }
}

void run_callbacks_closed(struct transition *t)
{
    if (t->run->callbacks.count > 0 && !hands_on(t->last_event) && !was_reset(t->run))
        schedule_waiting(t, false, SLICE_EMPTY);
}

/* -- those of updates ------------------------------------------------------------------------ */

static size_t count_of_update(const struct run *run, struct slice update_id)
{
    size_t count = 0;

    for (struct map_node *it = map_next(&run->callbacks, NULL); it;
         it = map_next(&run->callbacks, it))
        count +=
            slice_eq(bytes_slice(CONTAINER_OF(it, struct callback, node)->update_id), update_id);
    return count;
}

enum err update_callbacks_check(struct transition *t, struct slice update_id, size_t coming,
                                size_t own, size_t count, api_callback *const *callbacks)
{
    const struct engine_limits *limits = t->limits;

    if (count == 0 || !limits->update_callbacks)
        return ERR_OK;
    const enum err err = check_total(t, t->run->callbacks.count + coming, count,
                                     limits->workflow_update_callbacks_max);
    if (err != ERR_OK)
        return err;
    const size_t had = count_of_update(t->run, update_id) + own;
    if (count + had > limits->update_callbacks_max)
        return err_fail(
            t->detail, ERR_PRECONDITION,
            "cannot attach more than %u callbacks to update %s (%zu callbacks already attached)",
            limits->update_callbacks_max, engine_quoted(t->arena, update_id), had);
    for (size_t i = 0; i < count; i++)
        if (callbacks[i]->variant_case != TEMPORAL__API__COMMON__V1__CALLBACK__VARIANT_NEXUS)
            return err_fail(t->detail, ERR_INVALID, "unsupported callback variant: %s",
                            variant_name(callbacks[i]));
    return ERR_OK;
}

static bool is_known(const struct run *run, struct slice update_id, struct slice request_id,
                     size_t index)
{
    for (struct map_node *it = map_next(&run->callbacks, NULL); it;
         it = map_next(&run->callbacks, it)) {
        const struct callback *callback = CONTAINER_OF(it, struct callback, node);
        if (callback->index == index && slice_eq(bytes_slice(callback->update_id), update_id) &&
            slice_eq(bytes_slice(callback->request_id), request_id))
            return true;
    }
    return false;
}

void update_callbacks_add(struct run *run, struct arena *arena, const api_history_event *event,
                          const char *update_id, const char *request_id, size_t count,
                          api_callback *const *callbacks)
{
    uint32_t number = count > 0 ? count_of(run, true) : 0;

    for (size_t i = 0; i < count; i++) {
        uint8_t id[5] = {0};

        if (is_known(run, slice_str(update_id), slice_str(request_id), i))
            continue;
        be32_put(id + 1, ++number);
        struct callback *callback =
            begin(slice_of(id, sizeof id), arena, event, request_id, callbacks[i]);
        callback->index = (uint32_t)i;
        callback->number = number;
        bytes_set(&callback->update_id, slice_str(update_id));
        run_callback_put(run, callback);
        run_callback_changed(run, callback);
    }
}

void update_callbacks_ended(struct transition *t, struct slice update_id)
{
    must(update_id.len > 0);
    if (t->run->callbacks.count > 0)
        schedule_waiting(t, true, update_id);
}

void update_callbacks_rejected(struct transition *t, struct slice update_id,
                               const api_failure_failure *why)
{
    const struct run *run = t->run;

    for (struct map_node *it = map_next(&run->callbacks, NULL); it;
         it = map_next(&run->callbacks, it)) {
        struct callback *callback = CONTAINER_OF(it, struct callback, node);
        if (callback->state != CALLBACK_STATE_STANDBY ||
            !slice_eq(bytes_slice(callback->update_id), update_id))
            continue;
        callback->rejected = true;
        bytes_set(&callback->rejection, why ? proto_encode(t->arena, why) : SLICE_EMPTY);
    }
    update_callbacks_ended(t, update_id);
}

static bool is_over(const struct run *run, const struct callback *callback)
{
    const struct update *update = run_update(run, bytes_slice(callback->update_id));

    return update && update->completed_event_id != 0;
}

/* Spec: an end before the fork is the new run's too, and is told again. */
void update_callbacks_reset(struct transition *t)
{
    struct run *run = t->run;
    struct callback **all = in_order(run, t->arena);
    const size_t count = run->callbacks.count;

    for (size_t i = 0; i < count; i++) {
        if (all[i]->update_id.len == 0)
            continue;
        if (!t->limits->update_callbacks) {
            run_callback_remove(run, all[i]);
        } else if (is_over(run, all[i])) {
            schedule(t, all[i]);
        }
    }
}

void update_callbacks_closed(struct transition *t)
{
    must(!run_is_open(t->run));
    if (t->run->callbacks.count > 0 && !was_reset(t->run))
        schedule_waiting(t, true, SLICE_EMPTY);
}

int64_t run_callbacks_deadline_ns(const struct run *run)
{
    const struct heap_node *first = heap_first(&run->callback_deadlines);

    return first ? first->at : 0;
}

void run_callbacks_fire(struct transition *t)
{
    const struct heap *deadlines = &t->run->callback_deadlines;

    for (struct heap_node *due; (due = heap_first(deadlines)) && due->at <= t->now_ns;)
        schedule(t, CONTAINER_OF(due, struct callback, deadline)); /* it is not due any more */
}

#define OPTIONS_UPDATED "WorkflowExecutionOptionsUpdated"

/* The event that has the request id, as links name it. NULL: there is none. */
static const char *event_of_request(const struct run *run, struct slice request_id)
{
    int32_t type = 0;

    if (slice_eq(request_id, slice_str(run->start_request_id)))
        return "WorkflowExecutionStarted";
    if (run_has_attached(run, request_id))
        return OPTIONS_UPDATED;
    for (struct map_node *it = map_next(&run->updates, NULL); it;
         it = map_next(&run->updates, it)) {
        const struct update *update = CONTAINER_OF(it, struct update, node);
        if (request_id.len > 0 && slice_eq(bytes_slice(update->request_id), request_id) &&
            update_request_event(update, &type) != 0)
            return type == EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED
                       ? "WorkflowExecutionUpdateAdmitted"
                       : "WorkflowExecutionUpdateAccepted";
    }
    return NULL;
}

bool run_has_request(const struct run *run, struct slice request_id)
{
    return event_of_request(run, request_id) != NULL;
}

/* Spec: what an update without an outcome is told of is the end of its run. */
static void tell_update(const struct run *run, const struct callback *callback, struct arena *arena,
                        struct callback_call *out)
{
    const struct update *update = run_update(run, bytes_slice(callback->update_id));

    out->request_event = event_of_request(run, bytes_slice(callback->request_id));
    if (callback->rejected) {
        out->ended =
            engine_decode(arena, &api_failure_failure__desc, bytes_slice(callback->rejection));
        must(out->ended != NULL);
        out->event_id = 0;
    } else if (update && update->completed_event_id != 0) {
        out->event_id = update->completed_event_id;
    } else {
        must(!run_is_open(run));
        out->ended = update_closed_failure(arena);
    }
}

enum err engine_callback_call(const struct run *run, struct slice id, uint64_t row_seq,
                              struct arena *arena, struct callback_call *out)
{
    const struct callback *callback = run_callback(run, id);

    if (!callback || callback->row_seq != row_seq)
        return ERR_STALE;
    must(callback->state == CALLBACK_STATE_SCHEDULED);
    must(callback->update_id.len > 0 || !run_is_open(run));
    *out = (struct callback_call){
        .spec = arena_copy(arena, bytes_slice(callback->spec)),
        .namespace_name = arena_copy(arena, run->namespace_name),
        .workflow_id = arena_copy(arena, run->workflow_id),
        .start_ns = run->start_ns,
        .event_id = run->next_event_id - 1,
        .of_update = callback->update_id.len > 0,
    };
    if (out->of_update)
        tell_update(run, callback, arena, out);
    else if (run_has_attached(run, bytes_slice(callback->request_id)))
        out->request_event = OPTIONS_UPDATED;
    if (out->request_event)
        out->request_id = arena_str(arena, bytes_slice(callback->request_id));
    return ERR_OK;
}

/* Spec: doubled from attempt to attempt, less up to a fifth, so that not all come at once. */
static int64_t backoff_ns(struct transition *t, int32_t attempt)
{
    const double max = (double)t->limits->callback_retry_max_ns;
    double ns = (double)t->limits->callback_retry_initial_ns * pow(2, attempt - 1);

    if (!(ns < max))
        ns = max;
    ns *= 0.8 + 0.2 * (double)rng_below(t->rng, 1000) / 1000;
    return ns < 1 ? 1 : (int64_t)ns;
}

enum err engine_callback_answered(struct transition *t, struct slice id, uint64_t row_seq,
                                  enum callback_outcome outcome, const char *failure)
{
    struct callback *callback = run_callback(t->run, id);

    if (!callback || callback->row_seq != row_seq)
        return ERR_STALE;
    must(callback->state == CALLBACK_STATE_SCHEDULED);
    row_changed(t, false, row_seq, callback);
    callback->row_seq = 0;
    callback->attempt += callback->attempt < INT32_MAX;
    callback->last_attempt_ns = t->now_ns;
    callback->next_attempt_ns = 0;
    bytes_clear(&callback->last_failure);
    switch (outcome) {
    case CALLBACK_DELIVERED:
        callback->state = CALLBACK_STATE_SUCCEEDED;
        break;
    case CALLBACK_REFUSED:
        callback->state = CALLBACK_STATE_FAILED;
        bytes_set(&callback->last_failure, slice_str(failure));
        break;
    case CALLBACK_TRY_AGAIN:
        callback->state = CALLBACK_STATE_BACKING_OFF;
        callback->next_attempt_ns = t->now_ns + backoff_ns(t, callback->attempt);
        bytes_set(&callback->last_failure, slice_str(failure));
        break;
    }
    run_callback_changed(t->run, callback);
    return ERR_OK;
}

/* -- looking --------------------------------------------------------------------------------- */

void run_callbacks_look(struct run *run, struct arena *arena, callback_blocked_fn blocked,
                        void *arg)
{
    for (struct map_node *it = map_next(&run->callbacks, NULL); it;
         it = map_next(&run->callbacks, it)) {
        struct callback *callback = CONTAINER_OF(it, struct callback, node);

        callback->blocked = callback->state == CALLBACK_STATE_SCHEDULED &&
                            blocked(arg, destination_of(run, arena, callback));
    }
}

static api_failure_failure *failure_of(const struct callback *callback, struct arena *arena)
{
    api_failure_failure *failure = engine_message(arena, &api_failure_failure__desc);
    api_application_failure_info *info = engine_message(arena, &api_application_failure_info__desc);

    failure->message = arena_str(arena, bytes_slice(callback->last_failure));
    info->non_retryable = callback->state == CALLBACK_STATE_FAILED;
    failure->failure_info_case = API_FAILURE_FAILURE_INFO_APPLICATION_FAILURE_INFO;
    failure->application_failure_info = info;
    return failure;
}

#define TRIGGER(what) TEMPORAL__API__WORKFLOW__V1__CALLBACK_INFO__TRIGGER__VARIANT_##what

static api_workflow_callback_info *info_of(const struct callback *callback, struct arena *arena)
{
    static char blocked_reason[] = "The circuit breaker is open.";
    api_workflow_callback_info *info = engine_message(arena, &api_workflow_callback_info__desc);

    info->callback = engine_decode(arena, &api_callback__desc, bytes_slice(callback->spec));
    must(info->callback != NULL);
    info->trigger = engine_message(arena, &api_workflow_callback_info_trigger__desc);
    info->trigger->variant_case = TRIGGER(WORKFLOW_CLOSED);
    if (callback->update_id.len > 0) {
        api_callback_info_update_workflow_execution_completed *update =
            engine_message(arena, &api_callback_info_update_workflow_execution_completed__desc);

        update->update_id = arena_str(arena, bytes_slice(callback->update_id));
        info->trigger->variant_case = TRIGGER(UPDATE_WORKFLOW_EXECUTION_COMPLETED);
        info->trigger->update_workflow_execution_completed = update;
    } else {
        info->trigger->workflow_closed =
            engine_message(arena, &api_callback_info_workflow_closed__desc);
    }
    info->registration_time = proto_timestamp(arena, callback->registered_ns);
    info->state = (Temporal__Api__Enums__V1__CallbackState)callback->state;
    if (callback->state == CALLBACK_STATE_SCHEDULED && callback->blocked) {
        info->state = CALLBACK_STATE_BLOCKED;
        info->blocked_reason = blocked_reason;
    }
    info->attempt = callback->attempt;
    if (callback->last_attempt_ns)
        info->last_attempt_complete_time = proto_timestamp(arena, callback->last_attempt_ns);
    if (callback->last_failure.len > 0)
        info->last_attempt_failure = failure_of(callback, arena);
    if (callback->next_attempt_ns)
        info->next_attempt_schedule_time = proto_timestamp(arena, callback->next_attempt_ns);
    return info;
}

void run_callbacks_describe(const struct run *run, struct arena *arena,
                            api_describe_workflow_execution_response *out)
{
    if (run->callbacks.count == 0)
        return;
    struct callback **all = in_order(run, arena);
    out->callbacks = ARENA_ARRAY(arena, api_workflow_callback_info *, run->callbacks.count);
    for (size_t i = 0; i < run->callbacks.count; i++)
        out->callbacks[out->n_callbacks++] = info_of(all[i], arena);
}
