/* update_attach.c - callbacks and request ids that come with updates: those of a request wait for
 * its acceptance, those of further requests for the same update as well.
 *
 * Spec: the further requests of an update that a worker has are kept in memory until it is
 * accepted; each is then an event of its own. */
#include "history/engine/callback.h"
#include "history/engine/options.h"
#include "history/engine/update_int.h"

#include "common/proto/wire.h"

typedef api_workflow_execution_options_updated_event_attributes options_attributes;
#define OPTIONS_DESC api_workflow_execution_options_updated_event_attributes__desc

static options_attributes *attaching(struct transition *t, const struct update *update)
{
    options_attributes *all =
        engine_decode(t->arena, &OPTIONS_DESC, bytes_slice(update->attaching));

    must(all != NULL);
    return all;
}

enum err update_attach_later(struct transition *t, struct update *update,
                             const api_update_request *request)
{
    const options_attributes *all = attaching(t, update);
    size_t count = 0;

    for (size_t i = 0; i < all->n_workflow_update_options; i++) {
        if (strcmp(all->workflow_update_options[i]->attached_request_id, request->request_id) == 0)
            return ERR_OK;
        count += all->workflow_update_options[i]->n_attached_completion_callbacks;
    }
    if (count + request->n_completion_callbacks > t->limits->update_callbacks_max)
        return err_fail(t->detail, ERR_PRECONDITION,
                        "cannot attach more than %u callbacks to update \"" SLICE_FMT
                        "\" (%zu callbacks already attached)",
                        t->limits->update_callbacks_max, SLICE_ARG(bytes_slice(update->id)), count);
    const api_history_event *event = options_event_of_update(t, bytes_slice(update->id), request);
    struct buf joined; /* repeated fields of messages one after the other are one message */
    buf_init(&joined, 0);
    buf_append_slice(&joined, bytes_slice(update->attaching));
    buf_append_slice(
        &joined,
        proto_encode(t->arena, event->workflow_execution_options_updated_event_attributes));
    must(buf_ok(&joined));
    bytes_set(&update->attaching, buf_slice(&joined));
    buf_release(&joined);
    return ERR_OK;
}

static void add_links(struct transition *t, struct update_acceptance *out)
{
    const api_update_request *request = out->request;
    size_t room = 0;

    for (size_t i = 0; i < request->n_completion_callbacks; i++)
        room += request->completion_callbacks[i]->n_links;
    out->links = ARENA_ARRAY(t->arena, api_common_link *, room + 1);
    for (size_t i = 0; i < request->n_completion_callbacks; i++) {
        const api_callback *callback = request->completion_callbacks[i];
        if (callback->variant_case != TEMPORAL__API__COMMON__V1__CALLBACK__VARIANT_NEXUS)
            continue;
        for (size_t j = 0; j < callback->n_links; j++)
            out->links[out->link_count++] = callback->links[j];
    }
}

enum err update_acceptance_check(struct transition *t, const struct update *update, size_t coming,
                                 struct update_acceptance *out)
{
    const struct slice id = bytes_slice(update->id);
    enum err err = ERR_OK;

    *out = (struct update_acceptance){.event = NULL};
    if (update->request.len > 0) {
        out->request = engine_decode(t->arena, &api_update_request__desc,
                                     arena_copy(t->arena, bytes_slice(update->request)));
        must(out->request != NULL);
        err = update_callbacks_check(t, id, coming, 0, out->request->n_completion_callbacks,
                                     out->request->completion_callbacks);
        out->callback_count = out->request->n_completion_callbacks;
        add_links(t, out);
    }
    if (update->attaching.len == 0 || err != ERR_OK)
        return err;
    const options_attributes *all = attaching(t, update);
    out->options = ARENA_ARRAY(t->arena, api_history_event *, all->n_workflow_update_options + 1);
    for (size_t i = 0; i < all->n_workflow_update_options && err == ERR_OK; i++) {
        api_update_request request = API_UPDATE_REQUEST_INIT;

        request.request_id = all->workflow_update_options[i]->attached_request_id;
        request.n_completion_callbacks =
            all->workflow_update_options[i]->n_attached_completion_callbacks;
        request.completion_callbacks =
            all->workflow_update_options[i]->attached_completion_callbacks;
        if (run_has_request(t->run, slice_str(request.request_id)) ||
            (out->request && strcmp(request.request_id, out->request->request_id) == 0))
            continue;
        err = update_callbacks_check(t, id, coming + out->callback_count, out->callback_count,
                                     request.n_completion_callbacks, request.completion_callbacks);
        out->callback_count += request.n_completion_callbacks;
        out->options[out->option_count++] = options_event_of_update(t, id, &request);
    }
    return err;
}

void update_acceptance_apply(struct transition *t, struct update *update,
                             const struct update_acceptance *acceptance)
{
    const api_update_request *request = acceptance->request;
    const bool keep = t->limits->update_callbacks;

    if (keep && request)
        update_callbacks_add(t->run, t->arena, acceptance->event,
                             transition_str(t, bytes_slice(update->id)), request->request_id,
                             request->n_completion_callbacks, request->completion_callbacks);
    for (size_t i = 0; i < acceptance->option_count; i++) {
        t->attached = t->attached || t->run->attached_requests.count == 0;
        run_options_apply(t->run, t->arena, acceptance->options[i], keep);
    }
    bytes_clear(&update->attaching);
}
