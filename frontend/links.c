/* links.c - the links that a request attaches. Spec: the reference's link validator, its texts. */
#include "common/proto/wire.h"
#include "frontend/validate.h"

static enum err invalid(struct fe_call *fc, const char *text)
{
    return err_fail(&fc->detail, ERR_INVALID, "%s", text);
}

/* What a link of this kind must name: texts end with what is missing. */
static enum err check_named(struct fe_call *fc, const char *kind, const char *const names[][2],
                            size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (names[i][0][0] == '\0')
            return err_fail(&fc->detail, ERR_INVALID, "%s link must not have an empty %s", kind,
                            names[i][1]);
    return ERR_OK;
}

static enum err check_workflow_event(struct fe_call *fc, const api_link_workflow_event *link)
{
    const char *const names[][2] = {{link->namespace_, "namespace field"},
                                    {link->workflow_id, "workflow ID field"},
                                    {link->run_id, "run ID field"}};
    const enum err err = check_named(fc, "workflow event", names, COUNT_OF(names));

    if (err != ERR_OK)
        return err;
    if (link->reference_case ==
            TEMPORAL__API__COMMON__V1__LINK__WORKFLOW_EVENT__REFERENCE_EVENT_REF &&
        link->event_ref->event_type == EVENT_TYPE_UNSPECIFIED && link->event_ref->event_id != 0)
        return invalid(fc, "workflow event link ref cannot have an unspecified event type and a "
                           "non-zero event ID");
    return ERR_OK;
}

static enum err check_link(struct fe_call *fc, const api_common_link *link)
{
    switch ((int)link->variant_case) {
    case TEMPORAL__API__COMMON__V1__LINK__VARIANT_WORKFLOW_EVENT:
        return check_workflow_event(fc, link->workflow_event);
    case TEMPORAL__API__COMMON__V1__LINK__VARIANT_BATCH_JOB:
        return check_named(fc, "batch job",
                           (const char *const[][2]){{link->batch_job->job_id, "job ID"}}, 1);
    case TEMPORAL__API__COMMON__V1__LINK__VARIANT_NEXUS_OPERATION: {
        const char *const names[][2] = {{link->nexus_operation->namespace_, "namespace field"},
                                        {link->nexus_operation->operation_id, "operation ID field"},
                                        {link->nexus_operation->run_id, "run ID field"}};
        return check_named(fc, "nexus operation", names, COUNT_OF(names));
    }
    case TEMPORAL__API__COMMON__V1__LINK__VARIANT_ACTIVITY: {
        const char *const names[][2] = {{link->activity->namespace_, "namespace field"},
                                        {link->activity->activity_id, "activity ID field"},
                                        {link->activity->run_id, "run ID field"}};
        return check_named(fc, "activity", names, COUNT_OF(names));
    }
    case TEMPORAL__API__COMMON__V1__LINK__VARIANT_WORKFLOW: {
        const char *const names[][2] = {{link->workflow->namespace_, "namespace field"},
                                        {link->workflow->workflow_id, "workflow ID field"},
                                        {link->workflow->run_id, "run ID field"}};
        return check_named(fc, "workflow", names, COUNT_OF(names));
    }
    default:
        return invalid(fc, "unsupported link variant");
    }
}

enum err fe_check_links(struct fe_call *fc, size_t count, api_common_link *const *links)
{
    const size_t count_max = fe_limit(fc, DYNCONF_FRONTEND_MAX_LINKS);
    const size_t bytes_max = fe_limit(fc, DYNCONF_FRONTEND_LINK_SIZE);

    if (count > count_max)
        return err_fail(&fc->detail, ERR_INVALID,
                        "cannot attach more than %zu links per request, got %zu", count_max, count);
    for (size_t i = 0; i < count; i++) {
        const size_t bytes = protobuf_c_message_get_packed_size(&links[i]->base);

        if (bytes > bytes_max)
            return err_fail(&fc->detail, ERR_INVALID, "link exceeds allowed size of %zu, got %zu",
                            bytes_max, bytes);
        const enum err err = check_link(fc, links[i]);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

/* Spec: what a callback's link says already is left out; all the rest count. */
enum err fe_check_links_of(struct fe_call *fc, size_t *count, api_common_link **links,
                           size_t callback_count, api_callback *const *callbacks)
{
    const size_t count_max = fe_limit(fc, DYNCONF_FRONTEND_MAX_LINKS);
    size_t theirs = 0, of_nexus = 0, kept = 0;

    for (size_t i = 0; i < callback_count; i++)
        theirs += callbacks[i]->n_links;
    if (theirs > count_max)
        return err_fail(&fc->detail, ERR_INVALID,
                        "cannot attach more than %zu links per request, got %zu", count_max,
                        *count + theirs);
    struct slice *known = ARENA_ARRAY(fc->arena, struct slice, theirs + 1);
    api_common_link **all = ARENA_ARRAY(fc->arena, api_common_link *, *count + theirs + 1);
    for (size_t i = 0; i < callback_count; i++)
        for (size_t j = 0; j < callbacks[i]->n_links; j++)
            if (callbacks[i]->variant_case == TEMPORAL__API__COMMON__V1__CALLBACK__VARIANT_NEXUS)
                known[of_nexus++] = proto_encode(fc->arena, callbacks[i]->links[j]);
    for (size_t i = 0; i < *count; i++) {
        const struct slice link = of_nexus > 0 ? proto_encode(fc->arena, links[i]) : SLICE_EMPTY;
        size_t at = 0;

        while (at < of_nexus && !slice_eq(known[at], link))
            at++;
        if (at == of_nexus)
            all[kept++] = links[i];
    }
    if (kept > 0)
        memcpy(links, all, kept * sizeof *links);
    *count = kept;
    for (size_t i = 0; i < callback_count; i++)
        for (size_t j = 0; j < callbacks[i]->n_links; j++)
            all[kept++] = callbacks[i]->links[j];
    return fe_check_links(fc, kept, all);
}
