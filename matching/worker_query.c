/* worker_query.c - see worker_query.h.
 *
 *   or   := and (OR and)*          and := not (AND not)*          not := NOT not | term
 *   term := '(' or ')' | operand [comparison | BETWEEN | IN | LIKE | STARTS_WITH | IS]
 *
 * A condition is true, false or an error. An error is what the whole comes to as soon as it is met,
 * from the left; then the worker does not match. */
#include "matching/worker_query.h"

#include "common/proto/wire.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

/* Spec: positions in error texts count from the start of the statement that the reference makes of
 * the text. */
enum { STATEMENT_BYTES = sizeof "select * from table1 where " - 1 };

enum token_kind {
    TOKEN_END,
    TOKEN_NAME, /* also keywords */
    TOKEN_QUOTED_NAME,
    TOKEN_STRING,
    TOKEN_NUMBER,
    TOKEN_SIGN, /* operators and brackets */
    TOKEN_BAD,
};

struct token {
    enum token_kind kind;
    struct slice text; /* of strings: without quotes and escapes */
    size_t end;        /* in the query */
};

enum operand_kind { OPERAND_OTHER, OPERAND_COLUMN, OPERAND_STRING, OPERAND_NUMBER };

struct operand {
    enum operand_kind kind;
    struct slice text;
};

enum node_kind { NODE_ERROR, NODE_AND, NODE_OR, NODE_COMPARE, NODE_RANGE, NODE_NULL };

enum compare_op { OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_STARTS, OP_NOT_STARTS, OP_OTHER };

struct worker_query {
    enum node_kind kind;
    struct worker_query *first, *next; /* AND, OR: the first operand; the one after this */
    struct operand column, value, to;
    enum compare_op op;
    bool negated; /* NOT BETWEEN, IS NOT NULL */
};

struct parser {
    struct arena *arena;
    struct slice text;
    size_t at;
    uint32_t depth;
    struct token token; /* looked at next */
    struct err_detail *detail;
    enum err err;
};

/* -- tokens --------------------------------------------------------------------------------- */

static char char_at(const struct parser *p, size_t at)
{
    return at < p->text.len ? (char)p->text.ptr[at] : '\0';
}

static void skip_space(struct parser *p)
{
    for (;;) {
        while (p->at < p->text.len && isspace((unsigned char)char_at(p, p->at)))
            p->at++;
        if (char_at(p, p->at) == '-' && char_at(p, p->at + 1) == '-') {
            while (p->at < p->text.len && char_at(p, p->at) != '\n')
                p->at++;
        } else if (char_at(p, p->at) == '/' && char_at(p, p->at + 1) == '*') {
            for (p->at += 2; p->at < p->text.len; p->at++)
                if (char_at(p, p->at) == '*' && char_at(p, p->at + 1) == '/')
                    break;
            p->at = p->at + 2 < p->text.len ? p->at + 2 : p->text.len;
        } else {
            return;
        }
    }
}

/* A quote is doubled or escaped inside. */
static struct token quoted(struct parser *p, char quote, enum token_kind kind)
{
    char *out = arena_alloc(p->arena, p->text.len - p->at);
    size_t len = 0;
    bool closed = false;

    for (p->at++; p->at < p->text.len; p->at++) {
        const char c = char_at(p, p->at);

        if (c == quote && char_at(p, p->at + 1) != quote) {
            closed = true;
            p->at++;
            break;
        }
        if (c == quote || (c == '\\' && kind == TOKEN_STRING && p->at + 1 < p->text.len))
            p->at++;
        out[len++] = char_at(p, p->at);
    }
    return (struct token){closed ? kind : TOKEN_BAD, slice_of(out, len), p->at};
}

static bool name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '$' || c == '@';
}

static size_t sign_length(const struct parser *p)
{
    static const char *const signs[] = {"<=>", "!=", "<>", "<=", ">=", "&&", "||", "=",
                                        "<",   ">",  "(",  ")",  ",",  ";",  "+",  "-"};

    for (size_t i = 0; i < COUNT_OF(signs); i++) {
        const size_t len = strlen(signs[i]);

        if (p->at + len <= p->text.len && memcmp(p->text.ptr + p->at, signs[i], len) == 0)
            return len;
    }
    return 0;
}

static void advance(struct parser *p)
{
    skip_space(p);
    const size_t start = p->at;
    const char c = char_at(p, start);

    if (start >= p->text.len) {
        p->token = (struct token){TOKEN_END, SLICE_EMPTY, p->text.len};
        return;
    }
    if (c == '\'' || c == '"') {
        p->token = quoted(p, c, TOKEN_STRING);
        return;
    }
    if (c == '`') {
        p->token = quoted(p, c, TOKEN_QUOTED_NAME);
        return;
    }
    enum token_kind kind = TOKEN_SIGN;
    if (isdigit((unsigned char)c)) {
        kind = TOKEN_NUMBER;
        while (isdigit((unsigned char)char_at(p, p->at)) || char_at(p, p->at) == '.')
            p->at++;
    } else if (name_char(c) && c != '.' && c != '$') {
        kind = TOKEN_NAME;
        while (name_char(char_at(p, p->at)))
            p->at++;
    } else {
        const size_t len = sign_length(p);

        kind = len ? TOKEN_SIGN : TOKEN_BAD;
        p->at += len ? len : 1;
    }
    p->token = (struct token){kind, slice_of(p->text.ptr + start, p->at - start), p->at};
}

static void fail(struct parser *p)
{
    const struct token *token = &p->token;
    const bool told = token->kind != TOKEN_END && token->kind != TOKEN_SIGN &&
                      !(token->kind == TOKEN_BAD && token->text.len == 1 &&
                        !isalnum((unsigned char)token->text.ptr[0]));

    if (p->err != ERR_OK)
        return;
    p->err = err_fail(p->detail, ERR_INVALID,
                      told ? "malformed query: syntax error at position %zu near '%.*s'"
                           : "malformed query: syntax error at position %zu",
                      STATEMENT_BYTES + token->end + 1, (int)(told ? token->text.len : 0),
                      told ? (const char *)token->text.ptr : "");
}

static bool is_word(const struct parser *p, const char *word)
{
    return p->token.kind == TOKEN_NAME && p->token.text.len == strlen(word) &&
           strncasecmp((const char *)p->token.text.ptr, word, p->token.text.len) == 0;
}

static bool is_sign(const struct parser *p, const char *sign)
{
    return p->token.kind == TOKEN_SIGN && slice_eq(p->token.text, slice_str(sign));
}

static bool take_word(struct parser *p, const char *word)
{
    const bool taken = is_word(p, word);

    if (taken)
        advance(p);
    return taken;
}

static bool take_sign(struct parser *p, const char *sign)
{
    const bool taken = is_sign(p, sign);

    if (taken)
        advance(p);
    return taken;
}

static void want_word(struct parser *p, const char *word)
{
    if (!take_word(p, word))
        fail(p);
}

static void want_sign(struct parser *p, const char *sign)
{
    if (!take_sign(p, sign))
        fail(p);
}

/* -- the grammar ---------------------------------------------------------------------------- */

static struct worker_query *node_new(struct parser *p, enum node_kind kind)
{
    struct worker_query *node = ARENA_NEW(p->arena, struct worker_query);

    node->kind = kind;
    return node;
}

static bool reserved(const struct parser *p)
{
    static const char *const words[] = {"and", "or",    "not",   "between", "in",    "like", "is",
                                        "by",  "limit", "order", "from",    "group", "where"};

    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (is_word(p, words[i]))
            return true;
    return false;
}

static struct operand name_operand(const struct parser *p)
{
    static const char *const constants[] = {"null", "true", "false"};

    if (is_word(p, "status")) /* Spec: a keyword of SQL in any case, and a column's name */
        return (struct operand){OPERAND_COLUMN, SLICE_LIT("status")};
    for (size_t i = 0; i < COUNT_OF(constants); i++)
        if (is_word(p, constants[i]))
            return (struct operand){OPERAND_OTHER, SLICE_EMPTY};
    return (struct operand){p->token.text.ptr[0] == '@' ? OPERAND_OTHER : OPERAND_COLUMN,
                            p->token.text};
}

static void parse_list(struct parser *p);

static struct operand parse_operand(struct parser *p)
{
    struct operand operand = {OPERAND_OTHER, p->token.text};
    const size_t sign_at = p->at - 1;
    const bool negative = take_sign(p, "-");

    if (p->token.kind == TOKEN_NUMBER) {
        operand = (struct operand){OPERAND_NUMBER, p->token.text};
        if (negative) /* the sign stands before the digits */
            operand.text = slice_of(p->text.ptr + sign_at, p->token.end - sign_at);
        advance(p);
    } else if (negative) {
        fail(p);
    } else if (p->token.kind == TOKEN_STRING) {
        operand.kind = OPERAND_STRING;
        advance(p);
    } else if (p->token.kind == TOKEN_QUOTED_NAME) {
        operand.kind = OPERAND_COLUMN;
        advance(p);
    } else if (p->token.kind == TOKEN_NAME && !reserved(p)) {
        operand = name_operand(p);
        advance(p);
        if (is_sign(p, "(")) { /* a function: none is known */
            operand.kind = OPERAND_OTHER;
            parse_list(p);
        }
    } else {
        fail(p);
    }
    return operand;
}

static void parse_list(struct parser *p)
{
    want_sign(p, "(");
    if (take_sign(p, ")"))
        return;
    do {
        if (++p->depth > WORKER_QUERY_DEPTH_MAX) {
            fail(p);
            return;
        }
        (void)parse_operand(p);
        p->depth--;
    } while (p->err == ERR_OK && take_sign(p, ","));
    want_sign(p, ")");
}

static enum compare_op take_comparison(struct parser *p, bool *found)
{
    static const struct {
        const char *sign;
        enum compare_op op;
    } table[] = {{"=", OP_EQ},  {"!=", OP_NE}, {"<>", OP_NE},     {"<", OP_LT},
                 {"<=", OP_LE}, {">", OP_GT},  {"<=>", OP_OTHER}, {">=", OP_GE}};

    *found = true;
    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (take_sign(p, table[i].sign))
            return table[i].op;
    *found = false;
    return OP_OTHER;
}

/* What may stand behind a NOT as well. */
static struct worker_query *parse_worded(struct parser *p, struct operand column, bool negated)
{
    struct worker_query *node = node_new(p, NODE_ERROR);

    node->column = column;
    node->negated = negated;
    if (take_word(p, "between")) {
        node->kind = NODE_RANGE;
        node->value = parse_operand(p);
        want_word(p, "and");
        node->to = parse_operand(p);
    } else if (take_word(p, "starts_with")) {
        node->kind = NODE_COMPARE;
        node->op = negated ? OP_NOT_STARTS : OP_STARTS;
        node->value = parse_operand(p);
    } else if (take_word(p, "like")) {
        (void)parse_operand(p);
    } else if (take_word(p, "in")) {
        parse_list(p);
    } else {
        fail(p);
    }
    return node;
}

static struct worker_query *parse_predicate(struct parser *p)
{
    const struct operand left = parse_operand(p);
    bool found;
    const enum compare_op op = take_comparison(p, &found);

    if (found) {
        struct worker_query *node = node_new(p, NODE_COMPARE);

        node->column = left;
        node->op = op;
        node->value = parse_operand(p);
        return node;
    }
    if (take_word(p, "is")) {
        struct worker_query *node = node_new(p, NODE_ERROR);

        node->column = left;
        node->negated = take_word(p, "not");
        if (take_word(p, "null"))
            node->kind = NODE_NULL;
        else if (!take_word(p, "true"))
            want_word(p, "false");
        return node;
    }
    if (take_word(p, "not"))
        return parse_worded(p, left, true);
    if (is_word(p, "between") || is_word(p, "starts_with") || is_word(p, "like") ||
        is_word(p, "in"))
        return parse_worded(p, left, false);
    return node_new(p, NODE_ERROR); /* an operand alone is no condition */
}

static struct worker_query *parse_or(struct parser *p);

static struct worker_query *parse_not(struct parser *p)
{
    bool negated = false;
    struct worker_query *node;

    while (take_word(p, "not"))
        negated = true;
    if (is_sign(p, "(")) {
        if (++p->depth > WORKER_QUERY_DEPTH_MAX) {
            fail(p);
            return node_new(p, NODE_ERROR);
        }
        advance(p);
        node = parse_or(p);
        want_sign(p, ")");
        p->depth--;
    } else {
        node = parse_predicate(p);
    }
    return negated ? node_new(p, NODE_ERROR) : node; /* Spec: NOT is not supported */
}

/* Operands with `word` or `sign` between them; a single one stands for itself. */
static struct worker_query *parse_chain(struct parser *p, enum node_kind kind)
{
    const bool is_and = kind == NODE_AND;
    struct worker_query *chain = NULL;
    struct worker_query *last = is_and ? parse_not(p) : parse_chain(p, NODE_AND);

    while (p->err == ERR_OK &&
           (take_word(p, is_and ? "and" : "or") || take_sign(p, is_and ? "&&" : "||"))) {
        if (!chain) {
            chain = node_new(p, kind);
            chain->first = last;
        }
        last->next = is_and ? parse_not(p) : parse_chain(p, NODE_AND);
        last = last->next;
    }
    return chain ? chain : last;
}

static struct worker_query *parse_or(struct parser *p)
{
    return parse_chain(p, NODE_OR);
}

/* Spec: GROUP BY and ORDER BY are taken and change nothing. */
static void parse_tail(struct parser *p)
{
    while (p->err == ERR_OK && (take_word(p, "group") || take_word(p, "order"))) {
        want_word(p, "by");
        do {
            (void)parse_operand(p);
            if (!take_word(p, "asc"))
                (void)take_word(p, "desc");
        } while (p->err == ERR_OK && take_sign(p, ","));
    }
    if (p->err == ERR_OK && is_word(p, "limit"))
        p->err = err_fail(p->detail, ERR_INVALID, "operation is not supported: 'limit' clause");
    (void)take_sign(p, ";");
    if (p->token.kind != TOKEN_END)
        fail(p);
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

    struct parser p = {.arena = arena, .text = text, .detail = detail};
    advance(&p);
    const struct worker_query *query = parse_or(&p);
    if (p.err == ERR_OK)
        parse_tail(&p);
    if (p.err == ERR_OK)
        *out = query;
    return p.err;
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

static bool digits(struct slice text, size_t at, size_t count, int64_t *out)
{
    int64_t value = 0;

    if (at + count > text.len)
        return false;
    for (size_t i = at; i < at + count; i++) {
        if (!isdigit(text.ptr[i]))
            return false;
        value = value * 10 + (text.ptr[i] - '0');
    }
    *out = value;
    return true;
}

/* Days since 1970 of a date of the Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    const int64_t era = year / 400, of_era = year - era * 400;
    const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool date_ok(int64_t year, int64_t month, int64_t day)
{
    static const int64_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] + (month == 2 && leap);
}

/* RFC 3339: 2006-01-02T15:04:05[.fraction](Z|+07:00). */
static bool parse_rfc3339(struct slice text, int64_t *out_ns)
{
    int64_t year, month, day, hour, minute, second, fraction = 0, scale = NS_PER_S;
    size_t at = 19;

    if (!digits(text, 0, 4, &year) || !digits(text, 5, 2, &month) || !digits(text, 8, 2, &day) ||
        !digits(text, 11, 2, &hour) || !digits(text, 14, 2, &minute) ||
        !digits(text, 17, 2, &second) || text.len < 20)
        return false;
    if (text.ptr[4] != '-' || text.ptr[7] != '-' || text.ptr[10] != 'T' || text.ptr[13] != ':' ||
        text.ptr[16] != ':' || !date_ok(year, month, day) || hour > 23 || minute > 59 ||
        second > 59 || year < 1678 || year > 2261)
        return false;
    if (text.ptr[at] == '.') {
        for (at++; at < text.len && isdigit(text.ptr[at]); at++)
            fraction += (text.ptr[at] - '0') * (scale /= 10);
        if (text.ptr[at - 1] == '.')
            return false;
    }
    int64_t offset_s = 0, offset_hours, offset_minutes;
    if (at + 6 == text.len && (text.ptr[at] == '+' || text.ptr[at] == '-') &&
        digits(text, at + 1, 2, &offset_hours) && text.ptr[at + 3] == ':' &&
        digits(text, at + 4, 2, &offset_minutes) && offset_hours <= 23 && offset_minutes <= 59)
        offset_s = (offset_hours * 3600 + offset_minutes * 60) * (text.ptr[at] == '-' ? -1 : 1);
    else if (at + 1 != text.len || text.ptr[at] != 'Z')
        return false;
    const int64_t seconds =
        days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset_s;
    *out_ns = seconds * NS_PER_S + fraction;
    return true;
}

/* A number is nanoseconds since 1970. */
static bool time_value(const struct operand *operand, int64_t *out_ns)
{
    char text[32], *end;

    if (operand->kind == OPERAND_STRING)
        return parse_rfc3339(operand->text, out_ns);
    if (operand->kind != OPERAND_NUMBER || operand->text.len >= sizeof text)
        return false;
    memcpy(text, operand->text.ptr, operand->text.len);
    text[operand->text.len] = '\0';
    *out_ns = strtoll(text, &end, 10);
    return *end == '\0';
}

static enum outcome compare_numbers(enum compare_op op, int64_t a, int64_t b)
{
    switch (op) {
    case OP_EQ:
        return outcome_of(a == b);
    case OP_NE:
        return outcome_of(a != b);
    case OP_LT:
        return outcome_of(a < b);
    case OP_LE:
        return outcome_of(a <= b);
    case OP_GT:
        return outcome_of(a > b);
    case OP_GE:
        return outcome_of(a >= b);
    case OP_STARTS:
    case OP_NOT_STARTS:
    case OP_OTHER:
        break;
    }
    return OUTCOME_ERROR;
}

static enum outcome compare_texts(enum compare_op op, struct slice mine, struct slice asked)
{
    const bool prefix = mine.len >= asked.len && memcmp(mine.ptr, asked.ptr, asked.len) == 0;

    if (op == OP_EQ || op == OP_NE)
        return outcome_of(slice_eq(mine, asked) == (op == OP_EQ));
    if (op == OP_STARTS || op == OP_NOT_STARTS)
        return outcome_of(prefix == (op == OP_STARTS));
    return OUTCOME_ERROR;
}

static enum outcome compare(const struct worker_query *node, const api_worker_heartbeat *worker)
{
    const struct Google__Protobuf__Timestamp *time;
    int64_t asked_ns, mine_ns;

    if (node->column.kind != OPERAND_COLUMN)
        return OUTCOME_ERROR;
    const char *text = text_of(worker, node->column.text);
    if (text)
        return node->value.kind != OPERAND_STRING || node->value.text.len == 0
                   ? OUTCOME_ERROR
                   : compare_texts(node->op, slice_str(text), node->value.text);
    /* Spec: a time that is not there compares as 1970. */
    if (!time_of(worker, node->column.text, &time) || !time_value(&node->value, &asked_ns) ||
        proto_timestamp_ns(time, &mine_ns) != ERR_OK)
        return OUTCOME_ERROR;
    return compare_numbers(node->op, mine_ns, asked_ns);
}

static enum outcome in_range(const struct worker_query *node, const api_worker_heartbeat *worker)
{
    const struct Google__Protobuf__Timestamp *time;
    int64_t from_ns, to_ns, mine_ns;

    if (node->column.kind != OPERAND_COLUMN || !time_of(worker, node->column.text, &time) ||
        !time_value(&node->value, &from_ns) || !time_value(&node->to, &to_ns) ||
        proto_timestamp_ns(time, &mine_ns) != ERR_OK)
        return OUTCOME_ERROR;
    if (!time)
        return OUTCOME_FALSE;
    return outcome_of((from_ns <= mine_ns && mine_ns <= to_ns) != node->negated);
}

static enum outcome is_null(const struct worker_query *node, const api_worker_heartbeat *worker)
{
    const struct Google__Protobuf__Timestamp *time;

    if (node->column.kind != OPERAND_COLUMN)
        return OUTCOME_ERROR;
    const char *text = text_of(worker, node->column.text);
    if (text)
        return outcome_of((text[0] == '\0') != node->negated);
    if (time_of(worker, node->column.text, &time))
        return outcome_of((time == NULL) != node->negated);
    return OUTCOME_ERROR;
}

static enum outcome ask_leaf(const struct worker_query *node, const api_worker_heartbeat *worker)
{
    switch (node->kind) {
    case NODE_COMPARE:
        return compare(node, worker);
    case NODE_RANGE:
        return in_range(node, worker);
    case NODE_NULL:
        return is_null(node, worker);
    case NODE_AND:
    case NODE_OR:
    case NODE_ERROR:
        break;
    }
    return OUTCOME_ERROR;
}

/* As deep as there are brackets. */
static enum outcome ask(const struct worker_query *node, const api_worker_heartbeat *worker)
{
    if (node->kind != NODE_AND && node->kind != NODE_OR)
        return ask_leaf(node, worker);
    for (const struct worker_query *each = node->first; each; each = each->next) {
        const enum outcome outcome = ask(each, worker);

        if (outcome == OUTCOME_ERROR || outcome == outcome_of(node->kind == NODE_OR))
            return outcome;
    }
    return outcome_of(node->kind == NODE_AND);
}

bool worker_query_matches(const struct worker_query *query, const api_worker_heartbeat *worker)
{
    return !query || ask(query, worker) == OUTCOME_TRUE;
}
