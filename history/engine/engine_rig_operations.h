/* engine_rig_operations.h - the part of engine_rig.h that operates on pending activities and
 * pauses.
 *
 *   apause=ID[/REQUEST]  aunpause=ID[/rhj]  areset=ID[/khjo]   ID "*": all (of type "Act" to pause)
 *     r: attempts, h: heartbeats, j: with a jitter of 5 s, k: keep paused, o: original options
 *   aoptions=ID/SECONDS    another start-to-close time-out, queue and priority
 *   arestore=ID
 *   wpause[=REQUEST]  wunpause     the workflow */
#ifndef GNOMON_ENGINE_RIG_OPERATIONS_H
#define GNOMON_ENGINE_RIG_OPERATIONS_H

#include "history/engine/activity_operations.h"
#include "history/engine/pause.h"

static void rig_begin(struct rig *rig, struct transition *t);
static void rig_end(struct rig *rig, struct transition *t, const char *word, enum err err);
static pb_duration *rig_seconds(struct rig *rig, int64_t seconds);

static pb_duration *rig_jitter(struct rig *rig, const char *flags)
{
    return strchr(flags, 'j') ? rig_seconds(rig, 5) : NULL;
}

static enum err rig_pause(struct rig *rig, struct transition *t, char *id, char *request_id)
{
    api_pause_activity_request *q = engine_message(&rig->arena, &api_pause_activity_request__desc);

    q->request_id = request_id;
    q->activity_case = API_PAUSE_ACTIVITY_REQUEST_ACTIVITY_ID;
    q->id = id;
    if (id[0] == '*') {
        q->activity_case = API_PAUSE_ACTIVITY_REQUEST_ACTIVITY_TYPE;
        q->type = arena_str(&rig->arena, SLICE_LIT("Act"));
    }
    return engine_pause_activity(t, q);
}

static enum err rig_unpause(struct rig *rig, struct transition *t, char *id, const char *flags)
{
    api_unpause_activity_request *q =
        engine_message(&rig->arena, &api_unpause_activity_request__desc);

    q->activity_case = API_UNPAUSE_ACTIVITY_REQUEST_ACTIVITY_ID;
    q->id = id;
    if (id[0] == '*') {
        q->activity_case = API_UNPAUSE_ACTIVITY_REQUEST_ACTIVITY_UNPAUSE_ALL;
        q->unpause_all = true;
    }
    q->reset_attempts = strchr(flags, 'r') != NULL;
    q->reset_heartbeat = strchr(flags, 'h') != NULL;
    q->jitter = rig_jitter(rig, flags);
    return engine_unpause_activity(t, q);
}

static enum err rig_reset(struct rig *rig, struct transition *t, char *id, const char *flags)
{
    api_reset_activity_request *q = engine_message(&rig->arena, &api_reset_activity_request__desc);

    q->activity_case = API_RESET_ACTIVITY_REQUEST_ACTIVITY_ID;
    q->id = id;
    if (id[0] == '*') {
        q->activity_case = API_RESET_ACTIVITY_REQUEST_ACTIVITY_MATCH_ALL;
        q->match_all = true;
    }
    q->keep_paused = strchr(flags, 'k') != NULL;
    q->reset_heartbeat = strchr(flags, 'h') != NULL;
    q->restore_original_options = strchr(flags, 'o') != NULL;
    q->jitter = rig_jitter(rig, flags);
    return engine_reset_activity(t, q);
}

static enum err rig_options(struct rig *rig, struct transition *t, char *id, const char *seconds)
{
    api_update_activity_options_request *q =
        engine_message(&rig->arena, &api_update_activity_options_request__desc);
    static char start_to_close[] = "start_to_close_timeout", queue[] = "task_queue.name",
                priority[] = "priority.priority_key", interval[] = "retryPolicy.initialInterval",
                other[] = "other";
    static char *paths[] = {start_to_close, queue, priority, interval};

    q->activity_case = API_UPDATE_ACTIVITY_OPTIONS_REQUEST_ACTIVITY_ID;
    q->id = id;
    if (id[0] == '*') {
        q->activity_case = API_UPDATE_ACTIVITY_OPTIONS_REQUEST_ACTIVITY_MATCH_ALL;
        q->match_all = true;
    }
    q->restore_original = seconds == NULL;
    if (!seconds)
        return engine_update_activity_options(t, q);
    q->update_mask = engine_message(&rig->arena, &pb_field_mask__desc);
    q->update_mask->n_paths = COUNT_OF(paths);
    q->update_mask->paths = paths;
    q->activity_options = engine_message(&rig->arena, &api_activity_options__desc);
    q->activity_options->start_to_close_timeout = rig_seconds(rig, strtoll(seconds, NULL, 10));
    q->activity_options->task_queue = engine_message(&rig->arena, &api_task_queue__desc);
    q->activity_options->task_queue->name = other;
    q->activity_options->priority = engine_message(&rig->arena, &api_priority__desc);
    q->activity_options->priority->priority_key = 2;
    q->activity_options->retry_policy = engine_message(&rig->arena, &api_retry_policy__desc);
    q->activity_options->retry_policy->initial_interval = rig_seconds(rig, 2);
    return engine_update_activity_options(t, q);
}

static enum err rig_pause_workflow(struct rig *rig, struct transition *t, char *request_id)
{
    api_pause_workflow_execution_request *q =
        engine_message(&rig->arena, &api_pause_workflow_execution_request__desc);
    static char reason[] = "because";

    q->request_id = request_id;
    q->reason = reason;
    return engine_pause_workflow(t, q);
}

/* false: it is none of these. */
static bool rig_operation_step(struct rig *rig, const char *word, const char *verb,
                               const char *args)
{
    static const char *const verbs[] = {"apause",   "aunpause", "areset",  "aoptions",
                                        "arestore", "wpause",   "wunpause"};
    char *id = arena_str(&rig->arena, slice_str(args ? args : "")), *rest = strchr(id, '/');
    struct transition t;
    enum err err = ERR_OK;
    size_t at = 0;

    while (at < COUNT_OF(verbs) && strcmp(verb, verbs[at]) != 0)
        at++;
    if (at == COUNT_OF(verbs))
        return false;
    if (rest)
        *rest++ = '\0';
    char *flags = rest ? rest : arena_str(&rig->arena, SLICE_EMPTY);
    rig_begin(rig, &t);
    switch (at) {
    case 0:
        err = rig_pause(rig, &t, id, flags);
        break;
    case 1:
        err = rig_unpause(rig, &t, id, flags);
        break;
    case 2:
        err = rig_reset(rig, &t, id, flags);
        break;
    case 3:
        err = rig_options(rig, &t, id, flags);
        break;
    case 4:
        err = rig_options(rig, &t, id, NULL);
        break;
    case 5:
        err = rig_pause_workflow(rig, &t, id);
        break;
    default:
        err = engine_unpause_workflow(
            &t, engine_message(&rig->arena, &api_unpause_workflow_execution_request__desc));
        break;
    }
    rig_end(rig, &t, word, err);
    return true;
}

#endif
