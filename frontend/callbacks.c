/* callbacks.c - the completion callbacks of a start, and UpdateWorkflowExecutionOptions.
 *
 * Spec: the reference's callback validator: a callback may go where callback.allowedAddresses of
 * the namespace lets it, which by default is nowhere. */
#include "common/dynconf/dynconf.h"
#include "common/nexus/completion.h"
#include "frontend/handlers.h"
#include "frontend/validate.h"

#include <ctype.h>

/* -- addresses ------------------------------------------------------------------------------- */

/* '*' stands for any text. */
static bool matches(struct slice pattern, struct slice text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, star_text = 0;

    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            star_text = t;
        } else if (p < pattern.len && pattern.ptr[p] == text.ptr[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++star_text;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

struct address {
    bool http, https;
    struct slice host; /* with its port */
};

static bool scheme_is(const char *url, size_t len, const char *scheme)
{
    return len == strlen(scheme) && strncasecmp(url, scheme, len) == 0;
}

static struct address address_of(const char *url)
{
    const size_t scheme = strcspn(url, ":/?#");
    struct address out = {0};

    if (url[scheme] != ':')
        return out;
    out.http = scheme_is(url, scheme, "http");
    out.https = scheme_is(url, scheme, "https");
    const char *rest = url + scheme + 1;
    if (rest[0] != '/' || rest[1] != '/')
        return out;
    rest += 2;
    size_t len = strcspn(rest, "/?#");
    for (size_t i = len; i > 0; i--) /* behind the user */
        if (rest[i - 1] == '@') {
            rest += i;
            len -= i;
            break;
        }
    out.host = slice_of((const uint8_t *)rest, len);
    return out;
}

static enum err check_address(struct fe_call *fc, const char *url)
{
    struct address address;

    if (nexus_is_system_url(url))
        return ERR_OK;
    for (const char *c = url; *c; c++)
        if (iscntrl((unsigned char)*c))
            return err_fail(&fc->detail, ERR_INVALID,
                            "invalid callback url: parse \"%s\": net/url: invalid control "
                            "character in URL",
                            url);
    address = address_of(url);
    if (!address.http && !address.https)
        return err_fail(&fc->detail, ERR_INVALID, "invalid url: unknown scheme: %s", url);
    if (address.host.len == 0)
        return err_fail(&fc->detail, ERR_INVALID, "invalid url: missing host");
    const struct dynconf_where where = {.namespace_name = slice_str(fc->ns->name)};
    const struct dynval rules =
        dynconf_tree_at(fc->fe->dynconf, DYNCONF_CALLBACK_ALLOWED_ADDRESSES, &where, fc->arena);
    for (size_t i = 0; rules.kind == DYNVAL_LIST && i < rules.count; i++) {
        const struct dynval *rule = &rules.items[i].value;
        const struct dynval *pattern = dynval_get(rule, "Pattern");
        const struct dynval *insecure = dynval_get(rule, "AllowInsecure");
        bool allowed = false;

        if (!pattern || pattern->text.len == 0 || !matches(pattern->text, address.host))
            continue;
        if (address.https || (insecure && dynval_to_bool(insecure, &allowed) && allowed))
            return ERR_OK;
        return err_fail(&fc->detail, ERR_INVALID,
                        "invalid url: callback address does not allow insecure connections: %s",
                        url);
    }
    return err_fail(&fc->detail, ERR_INVALID,
                    "invalid url: url does not match any configured callback address: %s", url);
}

/* -- callbacks ------------------------------------------------------------------------------- */

static int64_t limit(struct fe_call *fc, enum dynconf_key key)
{
    return dynconf_int(fc->fe->dynconf, key, slice_str(fc->ns->name));
}

static enum err check_nexus(struct fe_call *fc, const api_callback_nexus *nexus)
{
    const int64_t url_max = limit(fc, DYNCONF_FRONTEND_CALLBACK_URL_MAX);
    const int64_t header_max = limit(fc, DYNCONF_FRONTEND_CALLBACK_HEADER_MAX);
    size_t bytes = 0;

    if ((int64_t)strlen(nexus->url) > url_max)
        return err_fail(&fc->detail, ERR_INVALID,
                        "invalid url: url length longer than max length allowed of %lld",
                        (long long)url_max);
    const enum err err = check_address(fc, nexus->url);
    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < nexus->n_header; i++)
        bytes += strlen(nexus->header[i]->key) + strlen(nexus->header[i]->value);
    if ((int64_t)bytes > header_max)
        return err_fail(&fc->detail, ERR_INVALID,
                        "invalid header: header size longer than max allowed size of %lld",
                        (long long)header_max);
    return ERR_OK;
}

enum err fe_check_callbacks(struct fe_call *fc, size_t count, api_callback *const *callbacks)
{
    const int64_t max = limit(fc, DYNCONF_CALLBACK_MAX_PER_EXECUTION);

    if (count > 0 && (int64_t)count > max)
        return err_fail(&fc->detail, ERR_INVALID,
                        "cannot attach more than %lld callbacks to an execution", (long long)max);
    for (size_t i = 0; i < count; i++) {
        enum err err = ERR_OK;

        switch ((int)callbacks[i]->variant_case) {
        case TEMPORAL__API__COMMON__V1__CALLBACK__VARIANT_NEXUS:
            err = check_nexus(fc, callbacks[i]->nexus);
            break;
        case TEMPORAL__API__COMMON__V1__CALLBACK__VARIANT_INTERNAL:
            break; /* refused where it would be kept */
        default:
            err = err_fail(&fc->detail, ERR_UNIMPLEMENTED, "unknown callback variant: %s",
                           callbacks[i]->variant_case ? "*common.Callback_NexusHandler_" : "<nil>");
        }
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

void fe_lower_callback_headers(size_t count, api_callback *const *callbacks)
{
    for (size_t i = 0; i < count; i++) {
        if (callbacks[i]->variant_case != TEMPORAL__API__COMMON__V1__CALLBACK__VARIANT_NEXUS)
            continue;
        api_callback_nexus *nexus = callbacks[i]->nexus;
        size_t kept = 0;

        for (size_t j = 0; j < nexus->n_header; j++) {
            size_t at = 0;

            for (char *c = nexus->header[j]->key; *c; c++)
                *c = (char)tolower((unsigned char)*c);
            while (at < kept && strcmp(nexus->header[at]->key, nexus->header[j]->key) != 0)
                at++;
            nexus->header[at] = nexus->header[j];
            kept += at == kept;
        }
        nexus->n_header = kept;
    }
}

enum err fe_check_on_conflict(struct fe_call *fc, const api_workflow_on_conflict_options *options)
{
    if (options && options->attach_completion_callbacks && !options->attach_request_id)
        return err_fail(&fc->detail, ERR_INVALID,
                        "attaching request ID is required for attaching completion callbacks");
    return ERR_OK;
}

/* -- UpdateWorkflowExecutionOptions ---------------------------------------------------------- */

/* A path of a field mask names a field of the message, or one of a message in it. */
static bool names_field(const ProtobufCMessageDescriptor *desc, const char *path)
{
    while (desc) {
        const size_t len = strcspn(path, ".");
        const ProtobufCFieldDescriptor *field = NULL;

        for (unsigned i = 0; i < desc->n_fields && !field; i++)
            if (strlen(desc->fields[i].name) == len &&
                strncmp(desc->fields[i].name, path, len) == 0)
                field = &desc->fields[i];
        if (!field)
            return false;
        if (path[len] == '\0')
            return true;
        path += len + 1;
        desc = field->type == PROTOBUF_C_TYPE_MESSAGE && field->label != PROTOBUF_C_LABEL_REPEATED
                   ? field->descriptor
                   : NULL;
    }
    return false;
}

static enum err check_mask(struct fe_call *fc, const pb_field_mask *mask)
{
    const ProtobufCMessageDescriptor *desc = &api_workflow_execution_options__desc;

    for (size_t i = 0; i < mask->n_paths; i++)
        if (!names_field(desc, mask->paths[i]))
            return err_fail(&fc->detail, ERR_INVALID,
                            "error parsing UpdateMask: proto: invalid path \"%s\" for message "
                            "\"%s\"",
                            mask->paths[i], desc->name);
    return ERR_OK;
}

enum err fe_check_options_update(struct fe_call *fc, const pb_field_mask *mask,
                                 const api_workflow_execution_options *options)
{
    enum err err = check_mask(fc, mask);

    if (err != ERR_OK || (err = fe_check_priority(fc, options->priority)) != ERR_OK)
        return err;
    if (options->time_skipping_config)
        return err_fail(&fc->detail, ERR_UNIMPLEMENTED,
                        "The Time-Skipping feature is not enabled for namespace.");
    return ERR_OK;
}

enum err fe_update_options(struct fe_call *fc)
{
    const api_update_workflow_execution_options_request *req = fc->request;
    const api_workflow_execution_options *options = req->workflow_execution_options;
    const api_common_workflow_execution *execution = req->workflow_execution;
    uint8_t uuid[16];

    if (!execution || execution->workflow_id[0] == '\0')
        return err_fail(&fc->detail, ERR_INVALID, "WorkflowId is not set on request.");
    if (!req->update_mask)
        return err_fail(&fc->detail, ERR_INVALID, "UpdateMask is required");
    if (!options)
        return err_fail(&fc->detail, ERR_INVALID, "WorkflowExecutionOptions is required");
    const enum err err = fe_check_options_update(fc, req->update_mask, options);
    if (err != ERR_OK)
        return err;
    if (execution->run_id[0] != '\0' && !uuid_parse(slice_str(execution->run_id), uuid))
        return err_fail(&fc->detail, ERR_INVALID, "RunId is not valid UUID.");
    /* Repeatable: the second time nothing changes. */
    return fe_forward_history(fc, &(struct fe_to_history){.method = METHOD_HISTORY_UPDATE_OPTIONS,
                                                          .workflow_id = execution->workflow_id,
                                                          .request = fc->call->request,
                                                          .repeatable = true});
}
