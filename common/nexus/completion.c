/* completion.c - see completion.h: the request. */
#include "common/nexus/completion.h"

#include "common/proto/json.h"
#include "common/proto/wire.h"

#include <ctype.h>
#include <time.h>

#define SYSTEM_URL "temporal://system"
#define INTERNAL_URL "temporal://internal"

enum { OWN_HEADERS_MAX = 10, FAILURE_DEPTH_MAX = 100 };

bool nexus_is_system_url(const char *url)
{
    return strcmp(url, SYSTEM_URL) == 0 || strcmp(url, INTERNAL_URL) == 0;
}

struct slice nexus_destination(const char *url)
{
    const char *host = strstr(url, "://");
    const size_t before = host ? (size_t)(host + 3 - url) : 0;

    return slice_of((const uint8_t *)url, before + strcspn(url + before, "/?#"));
}

/* -- the body -------------------------------------------------------------------------------- */

static struct slice metadata_of(const api_payload *payload, const char *key)
{
    for (size_t i = 0; i < payload->n_metadata; i++)
        if (strcmp(payload->metadata[i]->key, key) == 0)
            return slice_of(payload->metadata[i]->value.data, payload->metadata[i]->value.len);
    return SLICE_EMPTY;
}

struct content {
    const char *type; /* NULL: no header */
    struct slice body;
    const api_payload *other_headers; /* its metadata but "encoding" are Content- headers */
};

/* A payload whose metadata say no more than its encoding (and message type) goes as what it is. */
static struct content content_of(struct arena *arena, const api_payload *payload)
{
    struct content content = {.body = slice_of(payload->data.data, payload->data.len)};
    const struct slice encoding = metadata_of(payload, "encoding");
    const struct slice type = metadata_of(payload, "messageType");
    const size_t count = payload->n_metadata;

    if (count > 0 && slice_eq(encoding, SLICE_LIT("unknown/nexus-content"))) {
        content.other_headers = payload;
    } else if (count == 2 && type.len > 0 && slice_eq(encoding, SLICE_LIT("json/protobuf"))) {
        content.type =
            arena_printf(arena, "application/json; format=protobuf; message-type=\"" SLICE_FMT "\"",
                         SLICE_ARG(type));
    } else if (count == 2 && type.len > 0 && slice_eq(encoding, SLICE_LIT("binary/protobuf"))) {
        content.type = arena_printf(arena, "application/x-protobuf; message-type=\"" SLICE_FMT "\"",
                                    SLICE_ARG(type));
    } else if (count == 1 && slice_eq(encoding, SLICE_LIT("json/plain"))) {
        content.type = "application/json";
    } else if (count == 1 && slice_eq(encoding, SLICE_LIT("binary/plain"))) {
        content.type = "application/octet-stream";
    } else if (!(count == 1 && slice_eq(encoding, SLICE_LIT("binary/null")))) {
        content.type = "application/x-temporal-payload";
        content.body = proto_encode(arena, payload);
    }
    return content;
}

static void put(struct buf *out, const char *text)
{
    buf_append(out, text, strlen(text));
}

static void put_member(struct buf *out, const char *name, const char *text)
{
    if (!text || !text[0])
        return;
    put(out, name);
    json_put_string(out, slice_str(text));
    put(out, ",");
}

static void put_handler_error(struct buf *out, const api_failure_failure *failure)
{
    const api_nexus_handler_failure_info *info = failure->nexus_handler_failure_info;
    const char *separator = "";

    put(out, "\"metadata\":{\"type\":\"nexus.HandlerError\"},\"details\":{");
    if (info->type[0]) {
        put(out, "\"type\":");
        json_put_string(out, slice_str(info->type));
        separator = ",";
    }
    if ((int)info->retry_behavior != NEXUS_HANDLER_ERROR_RETRY_BEHAVIOR_UNSPECIFIED)
        buf_printf(out, "%s\"retryableOverride\":%s", separator,
                   (int)info->retry_behavior == NEXUS_HANDLER_ERROR_RETRY_BEHAVIOR_RETRYABLE
                       ? "true"
                       : "false");
    put(out, "}");
}

/* A Failure of the API as one of Nexus: message and stack trace apart, the rest as details; its
 * causes once more in Nexus' own chain. */
static void put_failure(struct buf *out, const api_failure_failure *failure)
{
    uint32_t depth = 0;

    for (const api_failure_failure *f = failure; f; f = f->cause, depth++) {
        must(depth < FAILURE_DEPTH_MAX); /* decoded within PROTO_DEPTH_MAX */
        put(out, depth ? ",\"cause\":{" : "{");
        put_member(out, "\"message\":", f->message);
        put_member(out, "\"stackTrace\":", f->stack_trace);
        if ((int)f->failure_info_case == API_FAILURE_FAILURE_INFO_NEXUS_HANDLER_FAILURE_INFO) {
            put_handler_error(out, f);
            continue;
        }
        api_failure_failure details = *f;
        static char none[] = "";
        details.message = details.stack_trace = none;
        put(out, "\"metadata\":{\"type\":\"temporal.api.failure.v1.Failure\"},\"details\":");
        json_put_message(out, &details);
    }
    for (; depth > 0; depth--)
        put(out, "}");
}

/* -- links ----------------------------------------------------------------------------------- */

/* Of a path segment (Go's url.PathEscape) or, with `query`, of a query's value. */
static const char *escape(struct arena *arena, struct slice text, bool query)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = arena_alloc(arena, 3 * text.len + 1), *to = out;

    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.ptr[i];

        if (isalnum(c) || (c && strchr(query ? "-_.~" : "-_.~$&+=:@", c))) {
            *to++ = (char)c;
        } else if (query && c == ' ') {
            *to++ = '+';
        } else {
            *to++ = '%';
            *to++ = hex[c >> 4];
            *to++ = hex[c & 15];
        }
    }
    *to = '\0';
    return out;
}

static const char *link_to_run(struct arena *arena, const struct nexus_completion *c)
{
    const char *reference = "";

    if (c->request_event)
        reference =
            arena_printf(arena, "?eventType=%s&referenceType=RequestIdReference&requestID=%s",
                         c->request_event, escape(arena, slice_str(c->request_id), true));
    else if (!c->of_update)
        reference = "?eventID=1&eventType=WorkflowExecutionStarted&referenceType=EventReference";
    return arena_printf(arena,
                        "<temporal:///namespaces/%s/workflows/%s/%s/history%s>; "
                        "type=\"temporal.api.common.v1.Link.WorkflowEvent\"",
                        escape(arena, c->namespace_name, false),
                        escape(arena, c->workflow_id, false),
                        escape(arena, slice_str(c->run_id), false), reference);
}

/* -- headers --------------------------------------------------------------------------------- */

struct headers {
    struct arena *arena;
    struct http_header *list;
    size_t count;
};

static struct http_header *find(const struct headers *headers, const char *name)
{
    for (size_t i = 0; i < headers->count; i++)
        if (strcasecmp(headers->list[i].name, name) == 0)
            return &headers->list[i];
    return NULL;
}

/* "nexus-link" as "Nexus-Link". */
static const char *canonical(struct arena *arena, const char *name)
{
    char *out = arena_str(arena, slice_str(name));
    bool first = true;

    for (char *c = out; *c; c++) {
        *c = (char)(first ? toupper((unsigned char)*c) : tolower((unsigned char)*c));
        first = *c == '-';
    }
    return out;
}

static void set(struct headers *headers, const char *name, const char *value)
{
    struct http_header *header = find(headers, name);

    if (!header)
        header = &headers->list[headers->count++];
    *header = (struct http_header){canonical(headers->arena, name), value};
}

static void set_absent(struct headers *headers, const char *name, const char *value)
{
    const struct http_header *there = find(headers, name);

    if (!there || !there->value[0])
        set(headers, name, value);
}

static const char *http_date(struct arena *arena, int64_t ns)
{
    const time_t seconds = (time_t)(ns / NS_PER_S);
    char text[64];
    struct tm tm;

    must(gmtime_r(&seconds, &tm) != NULL);
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return arena_str(arena, slice_str(text));
}

static const char *timestamp(struct arena *arena, pb_timestamp *at)
{
    struct buf buf;

    buf_init(&buf, 0);
    json_put_message(&buf, at);
    must(buf_ok(&buf) && buf.len > 2);
    const char *text = arena_str(arena, slice_of(buf.ptr + 1, buf.len - 2)); /* without quotes */
    buf_release(&buf);
    return text;
}

/* -- the request ----------------------------------------------------------------------------- */

static const api_outcome *outcome_of(const api_history_event *event)
{
    return event->workflow_execution_update_completed_event_attributes->outcome;
}

/* Spec: what ended a run from outside is told by a text of its own, without reason and details. */
static enum err failure_of(const api_history_event *closing, api_failure_failure *failure,
                           const api_failure_failure **out, const char **state)
{
    static char canceled[] = "operation canceled", terminated[] = "operation terminated",
                timed_out[] = "operation exceeded internal timeout";
    static api_canceled_failure_info canceled_info = API_CANCELED_FAILURE_INFO_INIT;
    static api_terminated_failure_info terminated_info = API_TERMINATED_FAILURE_INFO_INIT;
    static api_timeout_failure_info timeout_info = API_TIMEOUT_FAILURE_INFO_INIT;

    *out = failure;
    *state = "failed";
    switch ((int)closing->event_type) {
    case EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
        if (closing->workflow_execution_failed_event_attributes->failure)
            *out = closing->workflow_execution_failed_event_attributes->failure;
        return ERR_OK;
    case EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
        if (outcome_of(closing)->failure)
            *out = outcome_of(closing)->failure;
        return ERR_OK;
    case EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
        *state = "canceled";
        failure->message = canceled;
        failure->failure_info_case = API_FAILURE_FAILURE_INFO_CANCELED_FAILURE_INFO;
        failure->canceled_failure_info = &canceled_info;
        return ERR_OK;
    case EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
        failure->message = terminated;
        failure->failure_info_case = API_FAILURE_FAILURE_INFO_TERMINATED_FAILURE_INFO;
        failure->terminated_failure_info = &terminated_info;
        return ERR_OK;
    case EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
        failure->message = timed_out;
        failure->failure_info_case = API_FAILURE_FAILURE_INFO_TIMEOUT_FAILURE_INFO;
        failure->timeout_failure_info = &timeout_info;
        return ERR_OK;
    default:
        return ERR_INVALID;
    }
}

/* The event ended well; *result may become NULL. */
static bool succeeded(const struct nexus_completion *completion, const api_payloads **result)
{
    const api_history_event *event = completion->closing;

    *result = NULL;
    if (completion->ended)
        return false;
    if ((int)event->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED) {
        *result = event->workflow_execution_completed_event_attributes->result;
        return true;
    }
    if ((int)event->event_type != EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED)
        return false;
    const api_outcome *outcome = outcome_of(event);
    if (outcome && outcome->value_case == TEMPORAL__API__UPDATE__V1__OUTCOME__VALUE_FAILURE)
        return false;
    if (outcome && outcome->value_case == TEMPORAL__API__UPDATE__V1__OUTCOME__VALUE_SUCCESS)
        *result = outcome->success;
    return true;
}

static void add_result(struct headers *headers, const api_payloads *result,
                       struct http_request *out)
{
    set(headers, "nexus-operation-state", "succeeded");
    if (!result || result->n_payloads == 0)
        return;
    const struct content content = content_of(headers->arena, result->payloads[0]);
    out->body = content.body;
    if (content.type)
        set(headers, "content-type", content.type);
    for (size_t i = 0; content.other_headers && i < content.other_headers->n_metadata; i++) {
        const api_payload_metadata_entry *entry = content.other_headers->metadata[i];
        if (strcmp(entry->key, "encoding") != 0)
            set(headers, arena_printf(headers->arena, "content-%s", entry->key),
                arena_str(headers->arena, slice_of(entry->value.data, entry->value.len)));
    }
}

static enum err add_failure(struct headers *headers, const struct nexus_completion *completion,
                            struct http_request *out)
{
    const api_history_event *closing = completion->closing;
    api_failure_failure own = API_FAILURE_FAILURE_INIT;
    api_canceled_failure_info canceled = API_CANCELED_FAILURE_INFO_INIT;
    const api_failure_failure *failure;
    const char *state = "failed";
    struct buf body;

    failure = completion->ended;
    const enum err err = failure ? ERR_OK : failure_of(closing, &own, &failure, &state);
    if (err != ERR_OK)
        return err;
    if (!completion->ended && (int)closing->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED) {
        canceled.details = closing->workflow_execution_canceled_event_attributes->details;
        own.canceled_failure_info = &canceled;
    }
    buf_init(&body, 0);
    put_failure(&body, failure);
    const bool ok = buf_ok(&body);
    out->body = ok ? arena_copy(headers->arena, buf_slice(&body)) : SLICE_EMPTY;
    buf_release(&body);
    if (!ok)
        return ERR_INVALID;
    set(headers, "nexus-operation-state", state);
    set(headers, "content-type", "application/json");
    return ERR_OK;
}

enum err nexus_completion_request(struct arena *arena, const struct nexus_completion *completion,
                                  struct http_request *out)
{
    const api_callback_nexus *callback = completion->callback;
    const api_history_event *closing = completion->closing;
    struct headers headers = {.arena = arena};
    enum err err = ERR_OK;
    size_t room = OWN_HEADERS_MAX + callback->n_header;
    const api_payloads *result;

    must(closing || completion->ended);
    *out = (struct http_request){.url = callback->url};
    const bool success = succeeded(completion, &result);
    if (result && result->n_payloads > 0)
        room += result->payloads[0]->n_metadata;
    headers.list = ARENA_ARRAY(arena, struct http_header, room);
    if (success)
        add_result(&headers, result, out);
    else
        err = add_failure(&headers, completion, out);
    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < callback->n_header; i++)
        set(&headers, callback->header[i]->key, callback->header[i]->value);
    set_absent(&headers, "user-agent", "temporalio/server");
    if (closing) { /* Spec: no more is said of a rejected update */
        set_absent(&headers, "nexus-operation-start-time", http_date(arena, completion->start_ns));
        if (closing->event_time)
            set_absent(&headers, "nexus-operation-close-time",
                       timestamp(arena, closing->event_time));
        set_absent(&headers, "nexus-link", link_to_run(arena, completion));
    }
    must(headers.count <= room);
    out->headers = headers.list;
    out->header_count = headers.count;
    return ERR_OK;
}
