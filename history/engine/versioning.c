/* versioning.c - see versioning.h. Spec: the reference's names and forms: a version is shown as
 * deployment:build, and used ones are remembered for good. */
#include "history/engine/versioning.h"

#include "common/proto/wire.h"
#include "history/engine/attributes.h"
#include "history/engine/engine_int.h"
#include "history/engine/reset_points.h"

/* Of a search attribute's value. */
enum { VALUE_BYTES_MAX = 2048 };

static const api_workflow_task_completed_event_attributes *deployment_of(const struct run *run,
                                                                         struct arena *arena)
{
    const api_workflow_task_completed_event_attributes *kept = engine_decode(
        arena, &api_workflow_task_completed_event_attributes__desc, bytes_slice(run->deployment));

    must(kept != NULL);
    return kept;
}

static bool is_versioned(const api_workflow_task_completed_event_attributes *completed)
{
    return completed->deployment_version &&
           completed->versioning_behavior != VERSIONING_BEHAVIOR_UNSPECIFIED;
}

static const char *version_text(struct arena *arena, const api_worker_deployment_version *version,
                                char between)
{
    return arena_printf(arena, "%s%c%s", version->deployment_name, between, version->build_id);
}

static bool contains(struct slice text, struct slice part)
{
    return text.len > 0 && memmem(text.ptr, text.len, part.ptr, part.len) != NULL;
}

/* The JSON strings of the used versions, one after the other with commas. */
static bool add_used(struct run *run, struct arena *arena,
                     const api_worker_deployment_version *version)
{
    struct buf text, all;
    bool added = false;

    buf_init(&text, 0);
    run_json_text(&text, "", version_text(arena, version, ':'));
    must(buf_ok(&text));
    const struct slice used = bytes_slice(run->used_versions), one = buf_slice(&text);
    if (!contains(used, one) && used.len + one.len + 3 <= VALUE_BYTES_MAX) {
        buf_init(&all, 0);
        buf_append_slice(&all, used);
        if (used.len > 0)
            buf_append_slice(&all, SLICE_LIT(","));
        buf_append_slice(&all, one);
        must(buf_ok(&all));
        bytes_set(&run->used_versions, buf_slice(&all));
        buf_release(&all);
        added = true;
    }
    buf_release(&text);
    return added;
}

bool run_note_deployment(struct run *run, struct arena *arena,
                         const api_workflow_task_completed_event_attributes *completed)
{
    api_workflow_task_completed_event_attributes kept =
        API_WORKFLOW_TASK_COMPLETED_EVENT_ATTRIBUTES_INIT;
    bool changed = false;

    kept.worker_deployment_name = completed->worker_deployment_name;
    if (is_versioned(completed)) {
        kept.deployment_version = completed->deployment_version;
        kept.versioning_behavior = completed->versioning_behavior;
        changed = add_used(run, arena, completed->deployment_version);
    }
    const struct slice encoded = proto_encode(arena, &kept);
    if (!slice_eq(encoded, bytes_slice(run->deployment))) {
        bytes_set(&run->deployment, encoded);
        changed = true;
    }
    run->dirty |= changed;
    return changed;
}

void run_describe_deployment(const struct run *run, struct arena *arena,
                             api_workflow_execution_info *info)
{
    const api_workflow_task_completed_event_attributes *kept = deployment_of(run, arena);

    info->worker_deployment_name = kept->worker_deployment_name;
    if (run->used_versions.len == 0)
        return;
    if (!info->versioning_info)
        info->versioning_info =
            engine_message(arena, &api_workflow_execution_versioning_info__desc);
    if (!is_versioned(kept))
        return;
    info->versioning_info->behavior = kept->versioning_behavior;
    info->versioning_info->deployment_version = kept->deployment_version;
    info->versioning_info->version =
        arena_str(arena, slice_str(version_text(arena, kept->deployment_version, '.')));
}

/* -- search attributes ----------------------------------------------------------------------- */

void run_list_deployment(const struct run *run, struct arena *arena, struct buf *list)
{
    const api_workflow_task_completed_event_attributes *kept = deployment_of(run, arena);

    if (run->versioning_override.len > 0) /* Spec: who upgrades is neither without nor of one */
        return;
    if (!is_versioned(kept))
        buf_append_slice(list, SLICE_LIT("\"unversioned\""));
    else if (kept->versioning_behavior == VERSIONING_BEHAVIOR_PINNED)
        run_json_text(list, "pinned:", version_text(arena, kept->deployment_version, ':'));
}

bool run_used_version(const struct run *run, const char *build_id)
{
    struct buf text;

    buf_init(&text, 0);
    run_json_text(&text, ":", build_id);
    must(buf_ok(&text));
    /* Without the opening quote: the deployment's name stands before it. */
    const struct slice end = slice_of(text.ptr + 1, text.len - 1);
    const bool used = contains(bytes_slice(run->used_versions), end);
    buf_release(&text);
    return used;
}

static void add(struct arena *arena, api_search_attributes *shown, const char *name,
                const char *type, const struct buf *json)
{
    api_search_attributes_indexed_fields_entry *entry =
        engine_message(arena, &api_search_attributes_indexed_fields_entry__desc);

    entry->key = arena_str(arena, slice_str(name));
    entry->value = attribute_payload(arena, type, buf_slice(json));
    shown->indexed_fields[shown->n_indexed_fields++] = entry;
}

static void add_keyword(struct arena *arena, api_search_attributes *shown, const char *name,
                        const char *value)
{
    struct buf json;

    buf_init(&json, 0);
    run_json_text(&json, "", value);
    must(buf_ok(&json));
    if (json.len <= VALUE_BYTES_MAX)
        add(arena, shown, name, "Keyword", &json);
    buf_release(&json);
}

void run_add_deployment(const struct run *run, struct arena *arena, api_search_attributes *shown)
{
    const api_workflow_task_completed_event_attributes *kept = deployment_of(run, arena);

    if (kept->worker_deployment_name[0])
        add_keyword(arena, shown, "TemporalWorkerDeployment", kept->worker_deployment_name);
    if (is_versioned(kept)) {
        add_keyword(arena, shown, "TemporalWorkerDeploymentVersion",
                    version_text(arena, kept->deployment_version, ':'));
        add_keyword(arena, shown, "TemporalWorkflowVersioningBehavior",
                    kept->versioning_behavior == VERSIONING_BEHAVIOR_PINNED ? "Pinned"
                                                                            : "AutoUpgrade");
    }
    if (run->used_versions.len == 0)
        return;
    struct buf list;
    buf_init(&list, 0);
    buf_append_slice(&list, SLICE_LIT("["));
    buf_append_slice(&list, bytes_slice(run->used_versions));
    buf_append_slice(&list, SLICE_LIT("]"));
    must(buf_ok(&list));
    add(arena, shown, "TemporalUsedWorkerDeploymentVersions", "KeywordList", &list);
    buf_release(&list);
}
