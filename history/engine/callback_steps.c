/* callback_steps.c - completion callbacks: how they come, wait, are delivered and shown. */
#include "history/engine/engine_int.h"

#include "common/base/hash.h"
#include "common/proto/wire.h"
#include "history/engine/callback.h"

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

enum err callbacks_check(struct transition *t, size_t count, api_callback *const *callbacks,
                         api_callback ***out)
{
    const size_t had = t->run->callbacks.count;

    *out = NULL;
    if (count + had > t->limits->callbacks_max)
        return err_fail(t->detail, ERR_PRECONDITION,
                        "cannot attach more than %u callbacks to a workflow (%zu callbacks already "
                        "attached)",
                        t->limits->callbacks_max, had);
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

void run_callbacks_add(struct run *run, struct arena *arena, const api_history_event *event,
                       const char *request_id, size_t count, api_callback *const *callbacks)
{
    for (size_t i = 0; i < count; i++) {
        const struct slice id = slice_str(arena_printf(arena, "%s-%zu", request_id, i));

        if (run_callback(run, id)) /* a repeat */
            continue;
        struct callback *callback = callback_new(id);
        bytes_set(&callback->request_id, slice_str(request_id));
        callback->number = (uint32_t)run->callbacks.count + 1;
        bytes_set(&callback->spec, proto_encode(arena, callbacks[i]));
        must(proto_timestamp_ns(event->event_time, &callback->registered_ns) == ERR_OK);
        callback->state = CALLBACK_STATE_STANDBY;
        run_callback_put(run, callback);
        run_callback_changed(run, callback);
    }
}

/* -- in the order of their coming ------------------------------------------------------------ */

static int by_number(const void *left, const void *right)
{
    const struct callback *const *a = left, *const *b = right;

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
        if (all[i]->state != CALLBACK_STATE_STANDBY)
            continue;
        api_callback *spec = engine_decode(arena, &api_callback__desc, bytes_slice(all[i]->spec));
        must(spec != NULL);
        (*out)[count++] = spec;
    }
    return count;
}

/* -- delivery -------------------------------------------------------------------------------- */

/* Spec: callbacks are sent in turn by destination, which is the URL up to its path. */
static uint64_t destination_of(struct transition *t, const struct callback *callback)
{
    const api_callback *spec =
        engine_decode(t->arena, &api_callback__desc, bytes_slice(callback->spec));

    must(spec != NULL && spec->nexus != NULL);
    const char *url = spec->nexus->url, *host = strstr(url, "://");
    const size_t before = host ? (size_t)(host + 3 - url) : 0;
    const size_t len = before + strcspn(url + before, "/?#");
    return hash_bytes(slice_of((const uint8_t *)url, len), 0);
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
                                 add ? destination_of(t, callback) : 0};
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

void run_callbacks_closed(struct transition *t)
{
    struct run *run = t->run;

    if (run->callbacks.count == 0 || hands_on(t->last_event))
        return;
    if (run->reset_run_id[0] && strcmp(run->reset_run_id, run->run_id) != 0)
        return; /* Spec: the run that it was reset to has them */
    struct callback **all = in_order(run, t->arena);
    for (size_t i = 0; i < run->callbacks.count; i++)
        if (all[i]->state == CALLBACK_STATE_STANDBY)
            schedule(t, all[i]);
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

enum err engine_callback_call(const struct run *run, struct slice id, uint64_t row_seq,
                              struct arena *arena, struct callback_call *out)
{
    const struct callback *callback = run_callback(run, id);

    if (!callback || callback->row_seq != row_seq)
        return ERR_STALE;
    must(!run_is_open(run) && callback->state == CALLBACK_STATE_SCHEDULED);
    *out = (struct callback_call){
        .spec = arena_copy(arena, bytes_slice(callback->spec)),
        .namespace_name = arena_copy(arena, run->namespace_name),
        .workflow_id = arena_copy(arena, run->workflow_id),
        .start_ns = run->start_ns,
        .close_event_id = run->next_event_id - 1,
    };
    if (run_has_attached(run, bytes_slice(callback->request_id)))
        out->attached_request_id = arena_str(arena, bytes_slice(callback->request_id));
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

static api_workflow_callback_info *info_of(const struct callback *callback, struct arena *arena)
{
    api_workflow_callback_info *info = engine_message(arena, &api_workflow_callback_info__desc);

    info->callback = engine_decode(arena, &api_callback__desc, bytes_slice(callback->spec));
    must(info->callback != NULL);
    info->trigger = engine_message(arena, &api_workflow_callback_info_trigger__desc);
    info->trigger->variant_case =
        TEMPORAL__API__WORKFLOW__V1__CALLBACK_INFO__TRIGGER__VARIANT_WORKFLOW_CLOSED;
    info->trigger->workflow_closed =
        engine_message(arena, &api_callback_info_workflow_closed__desc);
    info->registration_time = proto_timestamp(arena, callback->registered_ns);
    info->state = (Temporal__Api__Enums__V1__CallbackState)callback->state;
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
