/* verdict.c - what the answer to a completion callback means: delivered, to be tried again, or
 * refused for good. */
#include "common/nexus/completion.h"

#include <jansson.h>

static const struct {
    int status;
    const char *type;
    bool retryable;
} statuses[] = {
    {400, "BAD_REQUEST", false},       {401, "UNAUTHENTICATED", false},
    {403, "UNAUTHORIZED", false},      {404, "NOT_FOUND", false},
    {408, "REQUEST_TIMEOUT", true},    {409, "CONFLICT", false},
    {429, "RESOURCE_EXHAUSTED", true}, {500, "INTERNAL", true},
    {501, "NOT_IMPLEMENTED", false},   {503, "UNAVAILABLE", true},
    {520, "UPSTREAM_TIMEOUT", true},
};

/* A type that nobody knows may be tried again. */
static bool type_is_retryable(const char *type)
{
    for (size_t i = 0; i < COUNT_OF(statuses); i++)
        if (strcmp(statuses[i].type, type) == 0)
            return statuses[i].retryable;
    return true;
}

static bool is_json(const char *content_type)
{
    static const char json[] = "application/json";
    const size_t len = strcspn(content_type, "; \t");

    return len == sizeof json - 1 && strncasecmp(content_type, json, len) == 0;
}

static enum nexus_verdict verdict(bool retryable)
{
    return retryable ? NEXUS_TRY_AGAIN : NEXUS_REFUSED;
}

/* A HandlerError in the answer's body says itself what it is. false: there is none. */
static bool by_body(struct arena *arena, json_t *body, enum nexus_verdict *out,
                    const char **failure)
{
    const char *kind =
        json_string_value(json_object_get(json_object_get(body, "metadata"), "type"));
    json_t *details = json_object_get(body, "details");
    const json_t *override = json_object_get(details, "retryableOverride");

    if (!kind || strcmp(kind, "nexus.HandlerError") != 0)
        return false;
    const char *type = json_string_value(json_object_get(details, "type"));
    const char *message = json_string_value(json_object_get(body, "message"));
    const bool retryable = json_is_boolean(override) ? json_boolean_value(override)
                                                     : type_is_retryable(type ? type : "");
    *out = verdict(retryable);
    *failure = arena_printf(arena, "handler error (%s)%s%s", type && type[0] ? type : "INTERNAL",
                            message && message[0] ? ": " : "", message ? message : "");
    return true;
}

static enum nexus_verdict by_status(struct arena *arena, const struct http_answer *answer,
                                    const json_t *body, const char **failure)
{
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        if (statuses[i].status != answer->status)
            continue;
        *failure = arena_printf(arena, "handler error (%s)", statuses[i].type);
        if (strcasecmp(answer->retryable, "true") == 0)
            return NEXUS_TRY_AGAIN;
        if (strcasecmp(answer->retryable, "false") == 0)
            return NEXUS_REFUSED;
        return verdict(statuses[i].retryable);
    }
    const char *message = json_string_value(json_object_get(body, "message"));
    *failure = arena_printf(arena, "unexpected response status: \"%s\"%s%s", answer->reason,
                            message && message[0] ? ": " : "", message ? message : "");
    return NEXUS_TRY_AGAIN;
}

enum nexus_verdict nexus_completion_verdict(struct arena *arena, const char *url,
                                            const struct http_answer *answer, const char **failure)
{
    enum nexus_verdict result;

    *failure = "";
    if (answer->status >= 200 && answer->status < 300 &&
        answer->err != ERR_TIMEOUT) /* a body that breaks off is none of ours */
        return NEXUS_DELIVERED;
    if (answer->err != ERR_OK) {
        *failure = arena_printf(arena, "Post \"%s\": %s", url, answer->text);
        return NEXUS_TRY_AGAIN;
    }
    json_t *body = is_json(answer->content_type)
                       ? json_loadb((const char *)answer->body.ptr, answer->body.len, 0, NULL)
                       : NULL;
    if (!body || !by_body(arena, body, &result, failure))
        result = by_status(arena, answer, body, failure);
    json_decref(body);
    return result;
}
