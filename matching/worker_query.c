/* worker_query.c - see worker_query.h.
 *
 * The grammar is that of the filters on executions (common/visibility); here is what it means for
 * workers. A condition is true, false or an error. An error is what the whole comes to as soon as
 * it is met, from the left; then the worker does not match. */
#include "matching/worker_query.h"

#include "common/proto/wire.h"
#include "common/visibility/parse.h"
#include "common/visibility/syntax.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

/* Spec: positions in error texts count from the start of the statement that the reference makes of
 * the text. */
enum { STATEMENT_BYTES = sizeof "select * from table1 where " - 1, NEAR_MAX = 200 };

struct worker_query {
    struct vis_syntax where;
};

static enum err malformed(const struct vis_syntax_error *error, struct err_detail *detail)
{
    const size_t position = STATEMENT_BYTES + error->end + 1;
    const struct slice near = error->near;

    if (error->at == error->end || error->sign)
        return err_fail(detail, ERR_INVALID, "malformed query: %s at position %zu", error->what,
                        position);
    return err_fail(detail, ERR_INVALID, "malformed query: %s at position %zu near '%.*s'",
                    error->what, position, (int)(near.len < NEAR_MAX ? near.len : NEAR_MAX),
                    (const char *)near.ptr);
}

static bool begins_with(struct slice text, const char *word)
{
    const size_t len = strlen(word);

    return text.len >= len && strncasecmp((const char *)text.ptr, word, len) == 0;
}

enum err worker_query_parse(struct arena *arena, struct slice text, const struct worker_query **out,
                            struct err_detail *detail)
{
    *out = NULL;
    if (text.len == 0)
        return ERR_OK;
    if (text.len > WORKER_QUERY_BYTES_MAX)
        return err_fail(detail, ERR_INVALID, "malformed query: %zu bytes, limit %d", text.len,
                        WORKER_QUERY_BYTES_MAX);
    while (text.len && isspace(text.ptr[0]))
        text = slice_of(text.ptr + 1, text.len - 1);
    while (text.len && isspace(text.ptr[text.len - 1]))
        text.len--;
    if (text.len == 0) /* Spec: an empty statement */
        return err_fail(detail, ERR_INVALID, "malformed query: syntax error at position 1");
    if (begins_with(text, "where ") || begins_with(text, "select "))
        return err_fail(detail, ERR_INVALID, "invalid filter: %.*s",
                        (int)(text.len < 200 ? text.len : 200), (const char *)text.ptr);

    struct vis_statement statement;
    struct vis_syntax_error error;
    if (!vis_syntax_parse(arena, text, &statement, &error))
        return malformed(&error, detail);
    if (statement.has_limit)
        return err_fail(detail, ERR_INVALID, "operation is not supported: 'limit' clause");
    if (!statement.where) { /* nothing but comments, or a clause behind no condition */
        error = (struct vis_syntax_error){"syntax error", text.len, text.len, SLICE_EMPTY, false};
        return malformed(&error, detail);
    }
    struct worker_query *query = ARENA_NEW(arena, struct worker_query);
    query->where = *statement.where;
    *out = query; /* Spec: GROUP BY and ORDER BY are taken and change nothing */
    return ERR_OK;
}

/* -- asking --------------------------------------------------------------------------------- */

enum outcome { OUTCOME_FALSE, OUTCOME_TRUE, OUTCOME_ERROR };

static enum outcome outcome_of(bool value)
{
    return value ? OUTCOME_TRUE : OUTCOME_FALSE;
}

static const char *status_name(const api_worker_heartbeat *worker)
{
    switch ((int)worker->status) {
    case WORKER_STATUS_RUNNING:
        return "Running";
    case WORKER_STATUS_SHUTTING_DOWN:
        return "ShuttingDown";
    case WORKER_STATUS_SHUTDOWN:
        return "Shutdown";
    case WORKER_STATUS_UNSPECIFIED:
        return "Unspecified";
    default:
        return "Unknown";
    }
}

/* NULL: no column of text. */
static const char *text_of(const api_worker_heartbeat *worker, struct slice column)
{
    const struct {
        const char *name, *value;
    } columns[] = {
        {"WorkerInstanceKey", worker->worker_instance_key},
        {"WorkerIdentity", worker->worker_identity},
        {"HostName", worker->host_info ? worker->host_info->host_name : ""},
        {"TaskQueue", worker->task_queue},
        {"DeploymentName",
         worker->deployment_version ? worker->deployment_version->deployment_name : ""},
        {"BuildId", worker->deployment_version ? worker->deployment_version->build_id : ""},
        {"SdkName", worker->sdk_name},
        {"SdkVersion", worker->sdk_version},
        {"WorkerStatus", status_name(worker)},
        {"status", status_name(worker)},
    };

    for (size_t i = 0; i < COUNT_OF(columns); i++)
        if (slice_eq(column, slice_str(columns[i].name)))
            return columns[i].value;
    return NULL;
}

/* False: no column of time. *out is NULL where the worker gave none. */
static bool time_of(const api_worker_heartbeat *worker, struct slice column,
                    const struct Google__Protobuf__Timestamp **out)
{
    if (slice_eq(column, SLICE_LIT("StartTime")))
        *out = worker->start_time;
    else if (slice_eq(column, SLICE_LIT("HeartbeatTime")))
        *out = worker->heartbeat_time;
    else
        return false;
    return true;
}

/* A number is nanoseconds since 1970. */
static bool time_value(const struct vis_syntax *value, int64_t *out_ns)
{
    char text[32], *end;

    if (value->kind == VIS_SYN_STRING)
        return vis_datetime_parse(value->text, out_ns);
    if (value->kind != VIS_SYN_INT || value->text.len >= sizeof text)
        return false;
    memcpy(text, value->text.ptr, value->text.len);
    text[value->text.len] = '\0';
    *out_ns = strtoll(text, &end, 10);
    return *end == '\0';
}

static bool is_operator(const struct vis_syntax *compare, const char *operator)
{
    return slice_eq(compare->text, slice_str(operator));
}

static enum outcome compare_times(const struct vis_syntax *compare, int64_t mine, int64_t asked)
{
    const struct {
        const char *operator;
        bool holds;
    } operators[] = {{"=", mine == asked},  {"!=", mine != asked}, {"<", mine < asked},
                     {"<=", mine <= asked}, {">", mine > asked},   {">=", mine >= asked}};

    for (size_t i = 0; i < COUNT_OF(operators); i++)
        if (is_operator(compare, operators[i].operator))
            return outcome_of(operators[i].holds);
    return OUTCOME_ERROR;
}

static enum outcome compare_texts(const struct vis_syntax *compare, struct slice mine,
                                  struct slice asked)
{
    const struct {
        const char *operator;
        bool holds;
    } operators[] = {{"=", slice_eq(mine, asked)},
                     {"!=", !slice_eq(mine, asked)},
                     {"starts_with", slice_starts_with(mine, asked)},
                     {"not starts_with", !slice_starts_with(mine, asked)}};

    for (size_t i = 0; i < COUNT_OF(operators); i++)
        if (is_operator(compare, operators[i].operator))
            return outcome_of(operators[i].holds);
    return OUTCOME_ERROR;
}

/* Spec: a keyword of SQL in any case, and a column's name. */
static struct slice column_name(const struct vis_syntax *column)
{
    const struct slice status = SLICE_LIT("status");

    return column->text.len == status.len &&
                   strncasecmp((const char *)column->text.ptr, "status", status.len) == 0
               ? status
               : column->text;
}

static enum outcome compare(const struct vis_syntax *node, const api_worker_heartbeat *worker)
{
    const struct vis_syntax *column = node->parts[0], *value = node->parts[1];
    const struct Google__Protobuf__Timestamp *time;
    int64_t asked_ns, mine_ns;

    if (column->kind != VIS_SYN_NAME)
        return OUTCOME_ERROR;
    const char *text = text_of(worker, column_name(column));
    if (text)
        return value->kind != VIS_SYN_STRING || value->text.len == 0
                   ? OUTCOME_ERROR
                   : compare_texts(node, slice_str(text), value->text);
    /* Spec: a time that is not there compares as 1970. */
    if (!time_of(worker, column->text, &time) || !time_value(value, &asked_ns) ||
        proto_timestamp_ns(time, &mine_ns) != ERR_OK)
        return OUTCOME_ERROR;
    return compare_times(node, mine_ns, asked_ns);
}

static enum outcome in_range(const struct vis_syntax *node, const api_worker_heartbeat *worker)
{
    const struct vis_syntax *column = node->parts[0];
    const struct Google__Protobuf__Timestamp *time;
    int64_t from_ns, to_ns, mine_ns;

    if (column->kind != VIS_SYN_NAME || !time_of(worker, column->text, &time) ||
        !time_value(node->parts[1], &from_ns) || !time_value(node->parts[2], &to_ns) ||
        proto_timestamp_ns(time, &mine_ns) != ERR_OK)
        return OUTCOME_ERROR;
    if (!time)
        return OUTCOME_FALSE;
    return outcome_of((from_ns <= mine_ns && mine_ns <= to_ns) == is_operator(node, "between"));
}

static enum outcome is_null(const struct vis_syntax *node, const api_worker_heartbeat *worker)
{
    const struct vis_syntax *column = node->parts[0];
    const bool negated = is_operator(node, "is not null");
    const struct Google__Protobuf__Timestamp *time;

    if (column->kind != VIS_SYN_NAME || (!negated && !is_operator(node, "is null")))
        return OUTCOME_ERROR;
    const char *text = text_of(worker, column_name(column));
    if (text)
        return outcome_of((text[0] == '\0') != negated);
    if (time_of(worker, column->text, &time))
        return outcome_of((time == NULL) != negated);
    return OUTCOME_ERROR;
}

static enum outcome ask(const struct vis_syntax *node, const api_worker_heartbeat *worker);

static enum outcome ask_each(const struct vis_syntax *node, const api_worker_heartbeat *worker)
{
    const bool any = node->kind == VIS_SYN_OR;

    for (uint32_t i = 0; i < node->count; i++) {
        const enum outcome outcome = ask(node->parts[i], worker);

        if (outcome == OUTCOME_ERROR || outcome == outcome_of(any))
            return outcome;
    }
    return outcome_of(!any);
}

/* As deep as there are brackets. Spec: NOT before a condition is not supported. */
static enum outcome ask(const struct vis_syntax *node, const api_worker_heartbeat *worker)
{
    switch ((int)node->kind) {
    case VIS_SYN_AND:
    case VIS_SYN_OR:
        return ask_each(node, worker);
    case VIS_SYN_PAREN:
        return ask(node->parts[0], worker);
    case VIS_SYN_COMPARE:
        return compare(node, worker);
    case VIS_SYN_RANGE:
        return in_range(node, worker);
    case VIS_SYN_IS:
        return is_null(node, worker);
    default:
        return OUTCOME_ERROR;
    }
}

bool worker_query_matches(const struct worker_query *query, const api_worker_heartbeat *worker)
{
    return !query || ask(&query->where, worker) == OUTCOME_TRUE;
}
