/* searchattributes.c - the search attributes that namespaces have of their own: add, remove, list.
 *
 * They are a part of the namespace's configuration, as the reference keeps them: a map of fields, a
 * type and a number ("Keyword01"), to names. There are as many fields as are needed. */
#include "common/visibility/names.h"
#include "frontend/handlers.h"
#include "frontend/persistence.h"

#include <stdio.h>
#include <stdlib.h>

enum { SWAP_TRIES = 20, OWN_MAX = 1000, NAME_MAX_BYTES = 255, FIELD_MAX = 32 };

typedef api_namespace_config_custom_search_attribute_aliases_entry alias_type;

struct own {
    const struct namespace_info *ns; /* a reference, see own_release() */
    api_namespace_config *config;
    alias_type **aliases; /* with room for `cap` */
    size_t count, cap;
    bool changed;
};

static void own_release(struct own *own)
{
    cluster_namespace_unref(own->ns);
    own->ns = NULL;
}

/* Room for `more`. On success own_release() ends it. */
static enum err own_load(struct fe_call *fc, const char *namespace_name, size_t more,
                         struct own *own)
{
    *own = (struct own){0};
    if (namespace_name[0] == '\0')
        return err_fail(&fc->detail, ERR_INVALID, "Namespace is not set on request.");
    enum err err = fe_persistence_take(fc);
    if (err == ERR_OK) /* what another frontend has just added is there */
        err = cluster_refresh(fc->fe->cluster);
    if (err == ERR_OK)
        err = fe_namespace_by_name(fc, namespace_name, &own->ns);
    if (err == ERR_OK && (err = fe_check_namespace_state(fc, own->ns)) != ERR_OK)
        own_release(own);
    if (err != ERR_OK)
        return err;
    err = proto_decode(fc->arena, &api_namespace_config__desc,
                       arena_copy(fc->arena, own->ns->config), &own->config, &fc->detail);
    if (err != ERR_OK) {
        own_release(own);
        return err_fail(&fc->detail, ERR_CORRUPT, "the stored namespace cannot be read");
    }
    own->cap = own->config->n_custom_search_attribute_aliases + more;
    own->aliases = ARENA_ARRAY(fc->arena, alias_type *, own->cap + 1);
    for (size_t i = 0; i < own->config->n_custom_search_attribute_aliases; i++)
        own->aliases[own->count++] = own->config->custom_search_attribute_aliases[i];
    return ERR_OK;
}

/* ERR_ABORTED: somebody else was quicker, load again. */
static enum err own_store(struct fe_call *fc, struct own *own)
{
    struct namespace_info changed = *own->ns;

    if (!own->changed)
        return ERR_OK;
    own->config->custom_search_attribute_aliases = own->aliases;
    own->config->n_custom_search_attribute_aliases = own->count;
    changed.config = proto_encode(fc->arena, own->config);
    const enum err err = fe_persistence_take(fc);
    return err == ERR_OK
               ? fe_persistence_told(fc->fe, cluster_namespace_update(fc->fe->cluster, &changed))
               : err;
}

static alias_type *own_find(const struct own *own, const char *name)
{
    for (size_t i = 0; i < own->count; i++)
        if (strcmp(own->aliases[i]->value, name) == 0)
            return own->aliases[i];
    return NULL;
}

static bool field_is_free(const struct own *own, const char *field)
{
    for (size_t i = 0; i < own->count; i++)
        if (strcmp(own->aliases[i]->key, field) == 0)
            return false;
    return true;
}

static enum err own_add(struct fe_call *fc, struct own *own, const char *name, enum vis_type type)
{
    const char *type_name = vis_type_name(type);
    char field[FIELD_MAX];

    if (own_find(own, name)) {
        const char *has = search_custom_type(own->ns->config, slice_str(name));

        if (has && strcmp(has, type_name) != 0)
            return err_fail(&fc->detail, ERR_INVALID,
                            "Search attribute %s already exists with type %s.", name, has);
        return ERR_OK;
    }
    if (own->count >= OWN_MAX)
        return err_fail(&fc->detail, ERR_INVALID,
                        "Unable to create search attributes: cannot have more than %d search "
                        "attributes.",
                        OWN_MAX);
    for (int i = 1;; i++) {
        must(i <= OWN_MAX + 1);
        must(snprintf(field, sizeof field, "%s%02d", type_name, i) < FIELD_MAX);
        if (field_is_free(own, field))
            break;
    }
    must(own->count < own->cap);
    alias_type *alias = ARENA_NEW(fc->arena, alias_type);
    *alias = (alias_type)API_NAMESPACE_CONFIG_CUSTOM_SEARCH_ATTRIBUTE_ALIASES_ENTRY_INIT;
    alias->key = arena_str(fc->arena, slice_str(field));
    alias->value = arena_str(fc->arena, slice_str(name));
    own->aliases[own->count++] = alias;
    own->changed = true;
    return ERR_OK;
}

static enum err check_new(struct fe_call *fc, const char *name, int type)
{
    if (vis_name_is_reserved(slice_str(name)))
        return err_fail(&fc->detail, ERR_INVALID, "Search attribute %.200s is reserved by system.",
                        name);
    if (type == INDEXED_VALUE_TYPE_UNSPECIFIED)
        return err_fail(&fc->detail, ERR_INVALID,
                        "Unable to create search attributes: cannot have more than 0 search "
                        "attribute of type Unspecified.");
    if (type < VIS_TEXT || type > VIS_KEYWORD_LIST)
        return err_fail(&fc->detail, ERR_INVALID, "Unknown search attribute type: %d.", type);
    if (name[0] == '\0' || strlen(name) > NAME_MAX_BYTES)
        return err_fail(&fc->detail, ERR_INVALID, "Search attribute name must have 1 to %d bytes.",
                        NAME_MAX_BYTES);
    return ERR_OK;
}

static enum err add_once(struct fe_call *fc, const api_add_search_attributes_request *req)
{
    struct own own;
    enum err err = own_load(fc, req->namespace_, req->n_search_attributes, &own);

    if (err != ERR_OK)
        return err;
    for (size_t i = 0; err == ERR_OK && i < req->n_search_attributes; i++)
        err = own_add(fc, &own, req->search_attributes[i]->key,
                      (enum vis_type)req->search_attributes[i]->value);
    if (err == ERR_OK)
        err = own_store(fc, &own);
    own_release(&own);
    return err;
}

enum err fe_add_search_attributes(struct fe_call *fc)
{
    const api_add_search_attributes_request *req = fc->request;
    const api_add_search_attributes_response response = API_ADD_SEARCH_ATTRIBUTES_RESPONSE_INIT;
    enum err err = ERR_ABORTED;

    if (req->n_search_attributes == 0)
        return err_fail(&fc->detail, ERR_INVALID, "SearchAttributes are not set on request.");
    for (size_t i = 0; i < req->n_search_attributes; i++) {
        const enum err bad =
            check_new(fc, req->search_attributes[i]->key, (int)req->search_attributes[i]->value);

        if (bad != ERR_OK)
            return bad;
    }
    for (int i = 0; err == ERR_ABORTED && i < SWAP_TRIES; i++)
        err = add_once(fc, req);
    if (err == ERR_OK)
        fe_reply_message(fc, &response);
    return err;
}

static enum err remove_once(struct fe_call *fc, const api_remove_search_attributes_request *req)
{
    struct own own;
    enum err err = own_load(fc, req->namespace_, 0, &own);

    if (err != ERR_OK)
        return err;
    for (size_t i = 0; err == ERR_OK && i < req->n_search_attributes; i++) {
        const char *name = req->search_attributes[i];
        const alias_type *alias = own_find(&own, name);

        if (!alias && vis_attribute_of(slice_str(name)))
            err = err_fail(&fc->detail, ERR_INVALID,
                           "Unable to remove non-custom search attributes: %s.", name);
        if (!alias)
            continue; /* what is not there needs no removal */
        size_t kept = 0;
        for (size_t k = 0; k < own.count; k++)
            if (own.aliases[k] != alias)
                own.aliases[kept++] = own.aliases[k];
        own.count = kept;
        own.changed = true;
    }
    if (err == ERR_OK)
        err = own_store(fc, &own);
    own_release(&own);
    return err;
}

enum err fe_remove_search_attributes(struct fe_call *fc)
{
    const api_remove_search_attributes_request *req = fc->request;
    const api_remove_search_attributes_response response =
        API_REMOVE_SEARCH_ATTRIBUTES_RESPONSE_INIT;
    enum err err = ERR_ABORTED;

    if (req->n_search_attributes == 0)
        return err_fail(&fc->detail, ERR_INVALID, "SearchAttributes are not set on request.");
    for (int i = 0; err == ERR_ABORTED && i < SWAP_TRIES; i++)
        err = remove_once(fc, req);
    if (err == ERR_OK)
        fe_reply_message(fc, &response);
    return err;
}

static enum vis_type type_named(const char *name)
{
    int type = VIS_TEXT;

    while (type < VIS_KEYWORD_LIST && strcmp(vis_type_name((enum vis_type)type), name) != 0)
        type++;
    return (enum vis_type)type;
}

enum err fe_list_search_attributes(struct fe_call *fc)
{
    typedef api_list_search_attributes_response_custom_attributes_entry custom_type;
    typedef api_list_search_attributes_response_system_attributes_entry system_type;
    const api_list_search_attributes_request *req = fc->request;
    api_list_search_attributes_response response = API_LIST_SEARCH_ATTRIBUTES_RESPONSE_INIT;
    struct own own;
    size_t system = 0;
    const enum err err = own_load(fc, req->namespace_, 0, &own);

    if (err != ERR_OK)
        return err;
    response.custom_attributes = ARENA_ARRAY(fc->arena, custom_type *, own.count + 1);
    for (size_t i = 0; i < own.count; i++) {
        const char *type = search_custom_type(own.ns->config, slice_str(own.aliases[i]->value));

        if (!type)
            continue;
        custom_type *entry = ARENA_NEW(fc->arena, custom_type);
        *entry = (custom_type)API_LIST_SEARCH_ATTRIBUTES_RESPONSE_CUSTOM_ATTRIBUTES_ENTRY_INIT;
        entry->key = own.aliases[i]->value;
        entry->value = (int)type_named(type);
        response.custom_attributes[response.n_custom_attributes++] = entry;
    }
    own_release(&own);
    while (vis_attributes()[system].name)
        system++;
    response.system_attributes = ARENA_ARRAY(fc->arena, system_type *, system);
    for (size_t i = 0; i < system; i++) {
        system_type *entry = ARENA_NEW(fc->arena, system_type);

        *entry = (system_type)API_LIST_SEARCH_ATTRIBUTES_RESPONSE_SYSTEM_ATTRIBUTES_ENTRY_INIT;
        entry->key = arena_str(fc->arena, slice_str(vis_attributes()[i].name));
        entry->value = (int)vis_attributes()[i].type;
        response.system_attributes[response.n_system_attributes++] = entry;
    }
    fe_reply_message(fc, &response);
    return ERR_OK;
}

static void add_key(struct fe_call *fc, api_get_search_attributes_response *response, char *name,
                    enum vis_type type)
{
    typedef api_get_search_attributes_response_keys_entry key_type;
    key_type *entry = ARENA_NEW(fc->arena, key_type);

    *entry = (key_type)API_GET_SEARCH_ATTRIBUTES_RESPONSE_KEYS_ENTRY_INIT;
    entry->key = name;
    entry->value = (int)type;
    response->keys[response->n_keys++] = entry;
}

/* Those of no namespace in particular: the request names none.
 * Spec: the fields are among them that a fresh cluster has for the attributes of namespaces. */
enum err fe_get_search_attributes(struct fe_call *fc)
{
    static const struct {
        enum vis_type type;
        int count;
    } fields[] = {{VIS_TEXT, 3}, {VIS_KEYWORD, 10}, {VIS_INT, 3},         {VIS_DOUBLE, 3},
                  {VIS_BOOL, 3}, {VIS_DATETIME, 3}, {VIS_KEYWORD_LIST, 3}};
    api_get_search_attributes_response response = API_GET_SEARCH_ATTRIBUTES_RESPONSE_INIT;
    size_t system = 0, own = 0;

    while (vis_attributes()[system].name)
        system++;
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        own += (size_t)fields[i].count;
    response.keys =
        ARENA_ARRAY(fc->arena, api_get_search_attributes_response_keys_entry *, system + own);
    for (size_t i = 0; i < system; i++)
        add_key(fc, &response, arena_str(fc->arena, slice_str(vis_attributes()[i].name)),
                vis_attributes()[i].type);
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        for (int n = 1; n <= fields[i].count; n++)
            add_key(fc, &response,
                    arena_printf(fc->arena, "%s%02d", vis_type_name(fields[i].type), n),
                    fields[i].type);
    fe_reply_message(fc, &response);
    return ERR_OK;
}
