/* failure.c - see failure.h. */
#include "history/engine/failure.h"

#include "common/proto/wire.h"

#define TIMEOUT_TYPE_PREFIX "TemporalTimeout:"

static const struct {
    int32_t type;
    const char *name, *full_name;
} timeout_types[] = {
    {TIMEOUT_TYPE_START_TO_CLOSE, "StartToClose", "TIMEOUT_TYPE_START_TO_CLOSE"},
    {TIMEOUT_TYPE_SCHEDULE_TO_START, "ScheduleToStart", "TIMEOUT_TYPE_SCHEDULE_TO_START"},
    {TIMEOUT_TYPE_SCHEDULE_TO_CLOSE, "ScheduleToClose", "TIMEOUT_TYPE_SCHEDULE_TO_CLOSE"},
    {TIMEOUT_TYPE_HEARTBEAT, "Heartbeat", "TIMEOUT_TYPE_HEARTBEAT"},
};

const char *failure_timeout_type_name(int32_t timeout_type)
{
    for (size_t i = 0; i < COUNT_OF(timeout_types); i++)
        if (timeout_types[i].type == timeout_type)
            return timeout_types[i].name;
    return "";
}

int32_t failure_timeout_type_of(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(timeout_types); i++)
        if (strcmp(name, timeout_types[i].name) == 0 ||
            strcmp(name, timeout_types[i].full_name) == 0)
            return timeout_types[i].type;
    return TIMEOUT_TYPE_UNSPECIFIED;
}

static api_failure_failure *failure_new(struct arena *arena, const char *message)
{
    api_failure_failure *failure = ARENA_NEW(arena, api_failure_failure);

    *failure = (api_failure_failure)API_FAILURE_FAILURE_INIT;
    failure->message = arena_str(arena, slice_str(message));
    return failure;
}

api_failure_failure *failure_timeout(struct arena *arena, const char *message, int32_t timeout_type)
{
    api_failure_failure *failure = failure_new(arena, message);
    api_timeout_failure_info *info = ARENA_NEW(arena, api_timeout_failure_info);

    *info = (api_timeout_failure_info)API_TIMEOUT_FAILURE_INFO_INIT;
    info->timeout_type = (unsigned)timeout_type;
    failure->source = arena_str(arena, SLICE_LIT("Server"));
    failure->failure_info_case = API_FAILURE_FAILURE_INFO_TIMEOUT_FAILURE_INFO;
    failure->timeout_failure_info = info;
    return failure;
}

api_failure_failure *failure_application(struct arena *arena, const char *message, const char *type)
{
    api_failure_failure *failure = failure_new(arena, message);
    api_application_failure_info *info = ARENA_NEW(arena, api_application_failure_info);

    *info = (api_application_failure_info)API_APPLICATION_FAILURE_INFO_INIT;
    info->type = arena_str(arena, slice_str(type));
    info->non_retryable = true;
    failure->source = arena_str(arena, SLICE_LIT("Server"));
    failure->failure_info_case = API_FAILURE_FAILURE_INFO_APPLICATION_FAILURE_INFO;
    failure->application_failure_info = info;
    return failure;
}

api_failure_failure *failure_server(struct arena *arena, const char *message, bool non_retryable)
{
    api_failure_failure *failure = failure_new(arena, message);
    api_server_failure_info *info = ARENA_NEW(arena, api_server_failure_info);

    *info = (api_server_failure_info)API_SERVER_FAILURE_INFO_INIT;
    info->non_retryable = non_retryable;
    failure->failure_info_case = API_FAILURE_FAILURE_INFO_SERVER_FAILURE_INFO;
    failure->server_failure_info = info;
    return failure;
}

static bool type_listed(const api_retry_policy *policy, const char *prefix, const char *type)
{
    const size_t prefix_len = strlen(prefix);

    for (size_t i = 0; policy && i < policy->n_non_retryable_error_types; i++) {
        const char *listed = policy->non_retryable_error_types[i];

        if (strncmp(listed, prefix, prefix_len) == 0 && strcmp(listed + prefix_len, type) == 0)
            return true;
    }
    return false;
}

bool failure_is_retryable(const api_failure_failure *failure, const api_retry_policy *policy)
{
    if (!failure)
        return true;
    switch (failure->failure_info_case) {
    case API_FAILURE_FAILURE_INFO_TERMINATED_FAILURE_INFO:
    case API_FAILURE_FAILURE_INFO_CANCELED_FAILURE_INFO:
        return false;
    case API_FAILURE_FAILURE_INFO_TIMEOUT_FAILURE_INFO: {
        const int32_t type = (int32_t)failure->timeout_failure_info->timeout_type;

        if (type != TIMEOUT_TYPE_START_TO_CLOSE && type != TIMEOUT_TYPE_HEARTBEAT)
            return false;
        return !type_listed(policy, TIMEOUT_TYPE_PREFIX, failure_timeout_type_name(type));
    }
    case API_FAILURE_FAILURE_INFO_SERVER_FAILURE_INFO:
        return !failure->server_failure_info->non_retryable;
    case API_FAILURE_FAILURE_INFO_APPLICATION_FAILURE_INFO:
        return !failure->application_failure_info->non_retryable &&
               !type_listed(policy, "", failure->application_failure_info->type);
    default: /* wrappers, and what later versions of the API bring */
        return true;
    }
}

/* The beginning of `text` within *room bytes, no character cut; *room shrinks by what it costs. */
static char *text_cut(struct arena *arena, const char *text, int64_t *room)
{
    enum { FIELD_COST = 4 };
    size_t len = strlen(text);

    if (*room <= 0)
        len = 0;
    else if (len > (size_t)*room)
        len = (size_t)*room;
    while (len > 0 && ((uint8_t)text[len] & 0xc0) == 0x80)
        len--;
    if (len > 0)
        *room -= (int64_t)len + FIELD_COST;
    return arena_str(arena, slice_of(text, len));
}

static api_failure_failure *failure_cut(struct arena *arena, const api_failure_failure *failure,
                                        int64_t *room)
{
    enum { APPLICATION_INFO_COST = 8, SERVER_INFO_COST = 4 };
    api_failure_failure *cut = failure_new(arena, "");

    if (failure->failure_info_case == API_FAILURE_FAILURE_INFO_APPLICATION_FAILURE_INFO) {
        api_application_failure_info *info = ARENA_NEW(arena, api_application_failure_info);

        *info = (api_application_failure_info)API_APPLICATION_FAILURE_INFO_INIT;
        info->non_retryable = failure->application_failure_info->non_retryable;
        info->type = text_cut(arena, failure->application_failure_info->type, room);
        cut->failure_info_case = failure->failure_info_case;
        cut->application_failure_info = info;
        *room -= APPLICATION_INFO_COST;
    } else if (failure->failure_info_case == API_FAILURE_FAILURE_INFO_SERVER_FAILURE_INFO) {
        api_server_failure_info *info = ARENA_NEW(arena, api_server_failure_info);

        *info = (api_server_failure_info)API_SERVER_FAILURE_INFO_INIT;
        info->non_retryable = failure->server_failure_info->non_retryable;
        cut->failure_info_case = failure->failure_info_case;
        cut->server_failure_info = info;
        *room -= SERVER_INFO_COST;
    }
    cut->source = text_cut(arena, failure->source, room);
    cut->message = text_cut(arena, failure->message, room);
    cut->stack_trace = text_cut(arena, failure->stack_trace, room);
    return cut;
}

struct slice failure_for_storage(struct arena *arena, const api_failure_failure *failure,
                                 size_t bytes_max)
{
    enum { CAUSES_MAX = 20, CAUSE_COST = 4 };

    if (!failure)
        return SLICE_EMPTY;
    if (protobuf_c_message_get_packed_size(&failure->base) <= bytes_max)
        return proto_encode(arena, failure);

    int64_t room = bytes_max < INT32_MAX ? (int64_t)bytes_max : INT32_MAX;
    api_failure_failure *outer = failure_server(arena, "Failure exceeds size limit.", false);
    api_failure_failure **cause = &outer->cause;
    for (int depth = 0; failure && room > CAUSE_COST && depth <= CAUSES_MAX; depth++) {
        if (depth > 0)
            room -= CAUSE_COST;
        *cause = failure_cut(arena, failure, &room);
        cause = &(*cause)->cause;
        failure = failure->cause;
    }
    return proto_encode(arena, outer);
}
