/* namespace_delete.c - DeleteNamespace: the namespace loses its name and serves nobody any more;
 * its data goes in the background (deletions.c). */
#include "frontend/deletions.h"
#include "frontend/handlers.h"
#include "frontend/namespaces.h"
#include "frontend/persistence.h"
#include "frontend/validate.h"

#include <stdio.h>

enum { SUFFIX_ID_MIN = 5, DELETE_TRIES = 20 };

static enum err find(struct fe_call *fc, const api_delete_namespace_request *req)
{
    enum err err = fe_persistence_take(fc);

    if (err == ERR_OK)
        err = cluster_refresh(fc->fe->cluster);

    if (err != ERR_OK)
        return err;
    if (req->namespace_id[0] == '\0')
        return fe_namespace_by_name(fc, req->namespace_, &fc->ns);
    err = cluster_namespace_by_id(fc->fe->cluster, slice_str(req->namespace_id), &fc->ns);
    if (err == ERR_BUSY)
        return fe_persistence_refused(fc);
    return err == ERR_NOT_FOUND
               ? errdetail_namespace_not_found(fc->arena, &fc->detail, req->namespace_id)
               : err;
}

static enum err check_protected(struct fe_call *fc)
{
    const struct dynval names =
        dynconf_tree_at(fc->fe->dynconf, DYNCONF_WORKER_PROTECTED_NAMESPACES,
                        &(struct dynconf_where){0}, fc->arena);

    for (size_t i = 0; names.kind == DYNVAL_LIST && i < names.count; i++)
        if (slice_eq(names.items[i].value.text, slice_str(fc->ns->name)))
            return err_fail(&fc->detail, ERR_PRECONDITION,
                            "namespace %.200s is protected from deletion", fc->ns->name);
    return ERR_OK;
}

/* The name with the first letters of the id, as many as it takes to be the only one. */
static enum err name_of_deleted(struct fe_call *fc, char **out)
{
    const struct slice old = slice_str(fc->ns->name);

    for (int letters = SUFFIX_ID_MIN; letters < UUID_TEXT_LEN; letters++) {
        const struct namespace_info *there;
        char *suffix = arena_printf(fc->arena, "-deleted-%.*s", letters, fc->ns->id);
        const size_t len = strlen(suffix);

        if (old.len >= len && memcmp(old.ptr + old.len - len, suffix, len) == 0) {
            *out = arena_str(fc->arena, old); /* it has been renamed before */
            return ERR_OK;
        }
        *out = arena_printf(fc->arena, "%s%s", fc->ns->name, suffix);
        const enum err err = cluster_namespace_by_name(fc->fe->cluster, slice_str(*out), &there);
        if (err == ERR_NOT_FOUND)
            return ERR_OK;
        if (err != ERR_OK)
            return err == ERR_BUSY ? fe_persistence_refused(fc) : err;
        cluster_namespace_unref(there);
    }
    return err_fail(&fc->detail, ERR_INTERNAL, "there is no name left for the deleted namespace");
}

static int64_t delay_of(struct fe_call *fc, const api_delete_namespace_request *req)
{
    const int64_t ns = req->namespace_delete_delay
                           ? proto_duration_ns_clip(req->namespace_delete_delay)
                           : dynconf_duration(fc->fe->dynconf,
                                              DYNCONF_FRONTEND_NAMESPACE_DELETE_DELAY, SLICE_EMPTY);

    return ns > 0 ? ns : 0;
}

/* ERR_ABORTED, ERR_EXISTS: somebody else was quicker. */
static enum err doom(struct fe_call *fc, const api_delete_namespace_request *req, char **name)
{
    struct namespace_info changed = *fc->ns;
    api_namespace_info *info;
    enum err err = check_protected(fc);

    if (err == ERR_OK)
        err = name_of_deleted(fc, name);
    if (err == ERR_OK)
        err = proto_decode(fc->arena, &api_namespace_info__desc,
                           arena_copy(fc->arena, fc->ns->info), &info, &fc->detail);
    if (err != ERR_OK)
        return err;
    info->name = *name;
    info->state = NAMESPACE_STATE_DELETED;
    changed.name = *name;
    changed.info = proto_encode(fc->arena, info);
    err = fe_persistence_take(fc);
    if (err != ERR_OK)
        return err;
    return fe_persistence_told(
        fc->fe, cluster_namespace_doom(fc->fe->cluster, &changed, delay_of(fc, req)));
}

enum err fe_delete_namespace(struct fe_call *fc)
{
    const api_delete_namespace_request *req = fc->request;
    api_delete_namespace_response response = API_DELETE_NAMESPACE_RESPONSE_INIT;
    enum err err = ERR_ABORTED;

    if (req->namespace_[0] == '\0' && req->namespace_id[0] == '\0')
        return err_fail(&fc->detail, ERR_INVALID, "Namespace not set on request.");
    if (req->namespace_[0] != '\0' && req->namespace_id[0] != '\0')
        return err_fail(&fc->detail, ERR_INVALID,
                        "Only one of namespace name or Id should be set on request.");
    const enum err bad = fe_check_length(fc, "Namespace", req->namespace_);
    if (bad != ERR_OK)
        return bad;
    if (strcmp(req->namespace_, FE_SYSTEM_NAMESPACE) == 0 ||
        strcmp(req->namespace_id, FE_SYSTEM_NAMESPACE_ID) == 0)
        return err_fail(&fc->detail, ERR_PRECONDITION, "unable to delete system namespace");
    for (int i = 0; (err == ERR_ABORTED || err == ERR_EXISTS) && i < DELETE_TRIES; i++) {
        cluster_namespace_unref(fc->ns);
        fc->ns = NULL;
        err = find(fc, req);
        if (err == ERR_OK)
            err = doom(fc, req, &response.deleted_namespace);
    }
    if (err != ERR_OK)
        return err;
    fe_deletions_look(fc->fe->deletions);
    fe_reply_message(fc, &response);
    return ERR_OK;
}
