/* options.c - WorkflowExecutionOptionsUpdated: options that a client changes, what starts attach.
 */
#include "history/engine/options.h"
#include "history/engine/activity_int.h"

#include "common/base/hash.h"
#include "common/proto/wire.h"
#include "history/engine/callback.h"
#include "history/engine/engine_int.h"

/* -- versioning overrides -------------------------------------------------------------------- */

#define OVERRIDE(name) TEMPORAL__API__WORKFLOW__V1__VERSIONING_OVERRIDE__OVERRIDE_##name

api_versioning_override *versioning_override_kept(struct arena *arena,
                                                  const api_versioning_override *in)
{
    if (!in)
        return NULL;
    api_versioning_override *kept = engine_message(arena, &api_versioning_override__desc);
    kept->override_case = in->override_case;
    kept->pinned = in->pinned; /* one member of the union, whichever it is */
    if (in->override_case == OVERRIDE(AUTO_UPGRADE))
        kept->auto_upgrade = in->auto_upgrade;
    if (in->behavior == VERSIONING_BEHAVIOR_AUTO_UPGRADE) {
        kept->override_case = OVERRIDE(AUTO_UPGRADE);
        kept->auto_upgrade = true;
    }
    return kept;
}

/* Spec: a pinned version must be known to the task queue. No version is registered here. */
static enum err version_unknown(struct transition *t, const api_worker_deployment_version *version,
                                const char *queue)
{
    return err_fail(t->detail, ERR_PRECONDITION,
                    "Pinned version '%s:%s' is not present in task queue '%s' of type 'Workflow'",
                    version->deployment_name, version->build_id, queue);
}

static enum err check_deprecated(struct transition *t, const api_versioning_override *in,
                                 const char *queue)
{
    api_worker_deployment_version version = API_WORKER_DEPLOYMENT_VERSION_INIT;

    switch ((int)in->behavior) {
    case VERSIONING_BEHAVIOR_PINNED:
        if (in->deployment)
            return err_fail(t->detail, ERR_UNIMPLEMENTED,
                            "this server does not support pinning to a Deployment yet");
        if (!in->pinned_version[0])
            return err_fail(t->detail, ERR_INVALID,
                            "must provide deployment (deprecated) or pinned version if behavior is "
                            "'PINNED'");
        const char *dot = strchr(in->pinned_version, '.');
        if (!dot)
            return err_fail(t->detail, ERR_INVALID,
                            "invalid version string, expected format is "
                            "\"<deployment_name>.<build_id>\": %s",
                            in->pinned_version);
        version.deployment_name =
            transition_str(t, slice_of(in->pinned_version, (size_t)(dot - in->pinned_version)));
        version.build_id = transition_str(t, slice_str(dot + 1));
        return version_unknown(t, &version, queue);
    case VERSIONING_BEHAVIOR_AUTO_UPGRADE:
        if (in->deployment)
            return err_fail(t->detail, ERR_INVALID,
                            "only provide deployment if behavior is 'PINNED'");
        if (in->pinned_version[0])
            return err_fail(t->detail, ERR_INVALID,
                            "only provide pinned version if behavior is 'PINNED'");
        return ERR_OK;
    case VERSIONING_BEHAVIOR_UNSPECIFIED:
        return err_fail(t->detail, ERR_INVALID, "override behavior is required");
    default:
        return err_fail(t->detail, ERR_INVALID, "override behavior %d not recognized",
                        (int)in->behavior);
    }
}

enum err check_versioning_override(struct transition *t, const api_versioning_override *in,
                                   const char *queue)
{
    if (!in)
        return ERR_OK;
    switch ((int)in->override_case) {
    case OVERRIDE(AUTO_UPGRADE):
        return in->auto_upgrade
                   ? ERR_OK
                   : err_fail(t->detail, ERR_INVALID, "auto-upgrade override must be true");
    case OVERRIDE(PINNED):
        if (!in->pinned->version)
            return err_fail(t->detail, ERR_INVALID, "must provide version if override is pinned.");
        if ((int)in->pinned->behavior == 0)
            return err_fail(t->detail, ERR_INVALID,
                            "must specify pinned override behavior if override is pinned.");
        return version_unknown(t, in->pinned->version, queue);
    case OVERRIDE(ONE_TIME):
        if (!in->one_time->target_deployment_version)
            return err_fail(t->detail, ERR_INVALID,
                            "must provide target deployment version if override is one-time.");
        return version_unknown(t, in->one_time->target_deployment_version, queue);
    default:
        return check_deprecated(t, in, queue);
    }
}

void run_set_versioning_override(struct run *run, struct arena *arena,
                                 const api_versioning_override *in)
{
    const api_versioning_override *kept = versioning_override_kept(arena, in);

    bytes_set(&run->versioning_override, kept ? proto_encode(arena, kept) : SLICE_EMPTY);
    run->override_known |= kept != NULL;
}

/* -- the event ------------------------------------------------------------------------------- */

typedef api_workflow_execution_options_updated_event_attributes_workflow_update_options_update
    update_options;

static void attach_request(struct run *run, const char *request_id, int64_t event_id)
{
    if (request_id[0])
        run_request_attached(run, slice_str(request_id), event_id);
}

static void apply_to_updates(struct run *run, struct arena *arena, const api_history_event *event,
                             bool keep)
{
    const api_workflow_execution_options_updated_event_attributes *a =
        engine_event_attributes(event);

    for (size_t i = 0; i < a->n_workflow_update_options; i++) {
        const update_options *of = a->workflow_update_options[i];

        attach_request(run, of->attached_request_id, event->event_id);
        if (keep && of->update_id[0])
            update_callbacks_add(run, arena, event, of->update_id, of->attached_request_id,
                                 of->n_attached_completion_callbacks,
                                 of->attached_completion_callbacks);
    }
}

void run_options_apply(struct run *run, struct arena *arena, const api_history_event *event,
                       bool with_updates)
{
    const api_workflow_execution_options_updated_event_attributes *a =
        engine_event_attributes(event);

    if (a->unset_versioning_override)
        run_set_versioning_override(run, arena, NULL);
    else if (a->versioning_override)
        run_set_versioning_override(run, arena, a->versioning_override);
    attach_request(run, a->attached_request_id, event->event_id);
    run_callbacks_add(run, arena, event, a->attached_request_id, a->n_attached_completion_callbacks,
                      a->attached_completion_callbacks);
    apply_to_updates(run, arena, event, with_updates);
    if (a->priority)
        bytes_set(&run->priority, proto_encode(arena, a->priority));
    run->dirty = true;
}

void run_options_flushed(struct run *run, const api_history_event *event)
{
    const api_workflow_execution_options_updated_event_attributes *a =
        engine_event_attributes(event);

    attach_request(run, a->attached_request_id, event->event_id);
    for (size_t i = 0; i < a->n_workflow_update_options; i++)
        attach_request(run, a->workflow_update_options[i]->attached_request_id, event->event_id);
}

enum err options_check_updates(struct transition *t, const api_history_event *event)
{
    const api_workflow_execution_options_updated_event_attributes *a =
        engine_event_attributes(event);
    enum err err = ERR_OK;

    for (size_t i = 0; i < a->n_workflow_update_options && err == ERR_OK; i++) {
        const update_options *of = a->workflow_update_options[i];

        err = update_callbacks_check(t, slice_str(of->update_id), 0, 0,
                                     of->n_attached_completion_callbacks,
                                     of->attached_completion_callbacks);
    }
    return err;
}

static bool overrides_anew(const struct run *run, struct arena *arena,
                           const api_workflow_execution_options_updated_event_attributes *a)
{
    if (a->unset_versioning_override)
        return run->versioning_override.len > 0;
    if (!a->versioning_override)
        return false;
    return !slice_eq(bytes_slice(run->versioning_override),
                     proto_encode(arena, versioning_override_kept(arena, a->versioning_override)));
}

/* Tasks that wait for a worker wait by the priority that the run has. Spec: another override of
 * versioning ends the run's bond with its worker. */
static void write_options(struct transition *t, api_history_event *event)
{
    struct run *run = t->run;
    const api_workflow_execution_options_updated_event_attributes *a =
        engine_event_attributes(event);
    const bool waits = run->wft.row_seq != 0, sticky = run->wft.row_sticky;
    const bool changes =
        a->priority && !slice_eq(bytes_slice(run->priority), proto_encode(t->arena, a->priority));
    const bool turns = overrides_anew(run, t->arena, a);
    const bool moves = waits && (changes || (turns && sticky));
    struct activity **held = NULL;
    size_t held_count = 0;

    event->worker_may_ignore = true;
    transition_event_or_buffer(t, event);
    if (changes)
        held = activity_tasks_hold(t, &held_count);
    if (moves)
        wft_drop_row(t);
    if (a->versioning_override ||
        (a->unset_versioning_override && run->versioning_override.len > 0))
        t->visibility_changed = true;
    run_options_apply(run, t->arena, event, t->limits->update_callbacks);
    if (turns)
        wft_clear_sticky(run);
    if (moves)
        wft_offer(t, sticky && !turns);
    activity_tasks_offer(t, held, held_count);
    (void)run_enforce_limits(t);
}

api_history_event *options_event_of_update(struct transition *t, struct slice update_id,
                                           const api_update_request *request)
{
    api_history_event *event;
    api_workflow_execution_options_updated_event_attributes *a =
        engine_event(t, EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED, &event);
    update_options *of = engine_message(
        t->arena,
        &api_workflow_execution_options_updated_event_attributes_workflow_update_options_update__desc);

    of->update_id = transition_str(t, update_id);
    of->attached_request_id = request->request_id;
    of->n_attached_completion_callbacks = request->n_completion_callbacks;
    of->attached_completion_callbacks = request->completion_callbacks;
    a->n_workflow_update_options = 1;
    a->workflow_update_options = ARENA_ARRAY(t->arena, update_options *, 1);
    a->workflow_update_options[0] = of;
    event->worker_may_ignore = true;
    return event;
}

void options_of_update(struct transition *t, struct slice update_id,
                       const api_update_request *request)
{
    t->attached = t->attached || t->run->attached_requests.count == 0;
    write_options(t, options_event_of_update(t, update_id, request));
}

/* -- UpdateWorkflowExecutionOptions ---------------------------------------------------------- */

static bool masked(const pb_field_mask *mask, const char *path)
{
    for (size_t i = 0; i < mask->n_paths; i++)
        if (strcmp(mask->paths[i], path) == 0)
            return true;
    return false;
}

/* A path below `path`, other than the two that are allowed. */
static bool masked_below(const pb_field_mask *mask, const char *path, const char *allowed1,
                         const char *allowed2)
{
    const size_t len = strlen(path);

    for (size_t i = 0; i < mask->n_paths; i++) {
        const char *p = mask->paths[i];
        if (strncmp(p, path, len) == 0 && p[len] == '.' &&
            !(allowed1 && strcmp(p + len + 1, allowed1) == 0) &&
            !(allowed2 && strcmp(p + len + 1, allowed2) == 0))
            return true;
    }
    return false;
}

static api_priority *priority_to_change(struct transition *t, api_workflow_execution_options *into)
{
    if (!into->priority)
        into->priority = engine_message(t->arena, &api_priority__desc);
    return into->priority;
}

static void merge_priority(struct transition *t, const pb_field_mask *mask,
                           const api_workflow_execution_options *from,
                           api_workflow_execution_options *into)
{
    static const api_priority none = API_PRIORITY_INIT;
    const api_priority *wish = from->priority ? from->priority : &none;

    if (masked(mask, "priority"))
        into->priority = from->priority;
    if (masked(mask, "priority.priority_key"))
        priority_to_change(t, into)->priority_key = wish->priority_key;
    if (masked(mask, "priority.fairness_key"))
        priority_to_change(t, into)->fairness_key = wish->fairness_key;
    if (masked(mask, "priority.fairness_weight"))
        priority_to_change(t, into)->fairness_weight = wish->fairness_weight;
}

/* Spec: the texts of the reference's merge. */
static enum err merge(struct transition *t, const pb_field_mask *mask,
                      const api_workflow_execution_options *from,
                      api_workflow_execution_options *into)
{
    const bool behavior = masked(mask, "versioning_override.behavior");
    const bool deployment = masked(mask, "versioning_override.deployment");

    if (behavior != deployment)
        return err_fail(t->detail, ERR_INVALID,
                        "error applying update_options: versioning_override fields must be updated "
                        "together");
    if (masked(mask, "versioning_override") || behavior)
        into->versioning_override = from->versioning_override;
    if (masked_below(mask, "versioning_override", "deployment", "behavior"))
        return err_fail(t->detail, ERR_INVALID,
                        "error applying update_options: versioning_override doesn't support "
                        "partial updates");
    merge_priority(t, mask, from, into);
    if (masked(mask, "time_skipping_config"))
        into->time_skipping_config = from->time_skipping_config;
    if (masked_below(mask, "time_skipping_config", NULL, NULL))
        return err_fail(t->detail, ERR_INVALID,
                        "error applying update_options: time_skipping_config doesn't support "
                        "partial update");
    return ERR_OK;
}

static api_workflow_execution_options *options_of(struct transition *t)
{
    const struct run *run = t->run;
    api_workflow_execution_options *options =
        engine_message(t->arena, &api_workflow_execution_options__desc);

    if (run->versioning_override.len > 0) {
        options->versioning_override = engine_decode(t->arena, &api_versioning_override__desc,
                                                     bytes_slice(run->versioning_override));
        must(options->versioning_override != NULL);
    }
    if (run->priority.len > 0) {
        options->priority =
            engine_decode(t->arena, &api_priority__desc, bytes_slice(run->priority));
        must(options->priority != NULL);
    }
    return options;
}

/* Spec: who pins without naming a version means the one that the run is pinned to. */
static enum err check_pinned_to(struct transition *t, const api_versioning_override *override)
{
    if (!override || override->override_case != OVERRIDE(PINNED) || override->pinned->version ||
        (int) override->pinned->behavior == 0)
        return ERR_OK;
    return err_fail(
        t->detail, ERR_PRECONDITION,
        "must specify a specific pinned override version because workflow with id " SLICE_FMT
        " has behavior %s and is not yet pinned to any version",
        SLICE_ARG(t->run->workflow_id),
        t->run->versioning_override.len > 0 ? "AutoUpgrade" : "Unspecified");
}

enum err engine_update_options(struct transition *t,
                               const api_update_workflow_execution_options_request *request)
{
    struct run *run = t->run;
    api_history_event *event;
    api_update_workflow_execution_options_response *reply =
        engine_message(t->arena, &api_update_workflow_execution_options_response__desc);
    const api_workflow_execution_options *wish = request->workflow_execution_options;

    if (!run_is_open(run))
        return err_fail(t->detail, ERR_NOT_FOUND, "workflow execution already completed");
    enum err err = check_pinned_to(t, wish->versioning_override);
    if (err == ERR_OK)
        err = check_versioning_override(t, wish->versioning_override,
                                        transition_str(t, run->task_queue));
    if (err != ERR_OK)
        return err;
    api_workflow_execution_options *merged = options_of(t);
    const struct slice before = proto_encode(t->arena, merged);
    if ((err = merge(t, request->update_mask, wish, merged)) != ERR_OK)
        return err;
    reply->workflow_execution_options = merged;
    t->reply = proto_encode(t->arena, reply);
    if (slice_eq(before, proto_encode(t->arena, merged)))
        return ERR_OK;
    api_workflow_execution_options_updated_event_attributes *a =
        engine_event(t, EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED, &event);
    a->versioning_override = versioning_override_kept(t->arena, merged->versioning_override);
    a->unset_versioning_override = !merged->versioning_override;
    a->priority = merged->priority;
    a->identity = request->identity;
    write_options(t, event);
    return ERR_OK;
}

/* -- what a start attaches ------------------------------------------------------------------- */

static struct slice attached_reply(const struct run *run, struct arena *arena,
                                   const char *request_id, int32_t status)
{
    api_start_workflow_execution_response *reply =
        engine_message(arena, &api_start_workflow_execution_response__desc);

    reply->run_id = arena_str(arena, slice_str(run->run_id));
    reply->first_execution_run_id = arena_str(arena, slice_str(run->first_run_id));
    reply->status = (Temporal__Api__Enums__V1__WorkflowExecutionStatus)status;
    reply->link =
        run_link_to_request(arena, run, request_id, EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED);
    return proto_encode(arena, reply);
}

struct slice engine_attached_reply(const struct run *run, struct arena *arena,
                                   const char *request_id)
{
    return attached_reply(run, arena, request_id, run->status);
}

enum err engine_attach(struct transition *t, const api_start_workflow_execution_request *request)
{
    struct run *run = t->run;
    const api_workflow_on_conflict_options *options = request->on_conflict_options;
    api_history_event *event;
    api_callback **callbacks = NULL;
    size_t count = 0;

    must(run_is_open(run) && options != NULL);
    if (options->attach_completion_callbacks)
        count = request->n_completion_callbacks;
    const enum err err = callbacks_check(t, count, request->completion_callbacks, &callbacks);
    if (err != ERR_OK)
        return err;
    if (options->attach_request_id && strlen(request->request_id) > t->limits->id_bytes_max)
        return err_fail(t->detail, ERR_INVALID, "RequestId length exceeds limit.");
    api_workflow_execution_options_updated_event_attributes *a =
        engine_event(t, EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED, &event);
    if (options->attach_request_id) {
        t->attached = run->attached_requests.count == 0;
        a->attached_request_id = request->request_id;
    }
    a->n_attached_completion_callbacks = count;
    a->attached_completion_callbacks = callbacks;
    if (options->attach_links)
        event->n_links = links_beyond_callbacks(t->arena, request, &event->links);
    write_options(t, event);
    /* Spec: it is told to be running, a paused one too. */
    t->reply =
        options->attach_request_id
            ? attached_reply(run, t->arena, request->request_id, WORKFLOW_EXECUTION_STATUS_RUNNING)
            : engine_start_reply(t->arena, run->run_id, run->first_run_id, run->namespace_name,
                                 run->workflow_id, WORKFLOW_EXECUTION_STATUS_RUNNING, false);
    return ERR_OK;
}
