/* token.c - the task token: a versioned record that workers carry and hand back, and its digest.
 *
 * Any bytes may come back: a token is believed only as far as the mutable state agrees with it.
 * The digest is no secret; it finds tokens that were damaged on their way. */
#include "common/base/buf.h"
#include "common/base/hash.h"
#include "common/base/rng.h"
#include "common/pack/record.h"
#include "common/rpc/rpc.h"

enum {
    TOKEN_VERSION_NOW = 1,
    EXECUTION_KIND_WORKFLOW = 1, /* the only kind that has tasks */
    TOKEN_BYTES_MAX = 64 * 1024,
    DIGEST_BYTES = 8,
};

enum token_key {
    TOKEN_VERSION = 1,
    TOKEN_KIND = 2,
    TOKEN_NAMESPACE_ID = 3,
    TOKEN_EXECUTION_KIND = 4,
    TOKEN_WORKFLOW_ID = 5,
    TOKEN_RUN_ID = 6,
    TOKEN_SCHEDULED_EVENT_ID = 7,
    TOKEN_STARTED_EVENT_ID = 8,
    TOKEN_ATTEMPT = 9,
    TOKEN_START_ID = 10,
    TOKEN_ACTIVITY_ID = 11,
};

void task_token_encode(const struct task_token *token, struct buf *out)
{
    struct rec_writer w;
    const size_t start = out->len;
    uint8_t digest[DIGEST_BYTES];

    rec_begin(&w, out);
    rec_put_u64(&w, TOKEN_VERSION, TOKEN_VERSION_NOW);
    rec_put_u64(&w, TOKEN_KIND, token->kind);
    rec_put_bytes(&w, TOKEN_NAMESPACE_ID, token->namespace_id);
    rec_put_u64(&w, TOKEN_EXECUTION_KIND, token->execution_kind);
    rec_put_bytes(&w, TOKEN_WORKFLOW_ID, token->workflow_id);
    rec_put_bytes(&w, TOKEN_RUN_ID, token->run_id);
    rec_put_i64(&w, TOKEN_SCHEDULED_EVENT_ID, token->scheduled_event_id);
    rec_put_i64(&w, TOKEN_STARTED_EVENT_ID, token->started_event_id);
    rec_put_i64(&w, TOKEN_ATTEMPT, token->attempt);
    rec_put_u64(&w, TOKEN_START_ID, token->start_id);
    if (token->activity_id.len)
        rec_put_bytes(&w, TOKEN_ACTIVITY_ID, token->activity_id);
    rec_end(&w);
    if (!buf_ok(out))
        return;
    be64_put(digest, hash_bytes(slice_of(out->ptr + start, out->len - start), 0));
    buf_append(out, digest, sizeof digest);
}

/* As we write ids, in lower case: otherwise one id has several spellings. */
static bool is_our_uuid(struct slice text)
{
    uint8_t bytes[16];
    char again[UUID_TEXT_LEN + 1];

    if (!uuid_parse(text, bytes))
        return false;
    uuid_format(bytes, again);
    return slice_eq(text, slice_str(again));
}

enum err task_token_decode(struct arena *arena, struct slice bytes, struct task_token *out)
{
    struct rec r;

    if (bytes.len <= DIGEST_BYTES || bytes.len > TOKEN_BYTES_MAX)
        return ERR_INVALID;
    const struct slice record = slice_of(bytes.ptr, bytes.len - DIGEST_BYTES);
    if (be64_get(record.ptr + record.len) != hash_bytes(record, 0) ||
        rec_decode(arena, record, &r) != ERR_OK)
        return ERR_INVALID;
    const uint64_t kind = rec_u64(&r, TOKEN_KIND, 0);
    const uint64_t execution_kind = rec_u64(&r, TOKEN_EXECUTION_KIND, 0);
    const int64_t attempt = rec_i64(&r, TOKEN_ATTEMPT, 0);
    const bool known = rec_u64(&r, TOKEN_VERSION, 0) == TOKEN_VERSION_NOW &&
                       kind >= TASK_WORKFLOW && kind <= TASK_QUERY &&
                       execution_kind == EXECUTION_KIND_WORKFLOW && attempt >= 0 &&
                       attempt <= INT32_MAX;
    if (!known)
        return ERR_INVALID;
    const struct task_token token = {
        .kind = (enum rpc_task_kind)kind,
        .namespace_id = rec_bytes(&r, TOKEN_NAMESPACE_ID),
        .execution_kind = (uint32_t)execution_kind,
        .workflow_id = rec_bytes(&r, TOKEN_WORKFLOW_ID),
        .run_id = rec_bytes(&r, TOKEN_RUN_ID),
        .scheduled_event_id = rec_i64(&r, TOKEN_SCHEDULED_EVENT_ID, 0),
        .started_event_id = rec_i64(&r, TOKEN_STARTED_EVENT_ID, 0),
        .attempt = (int32_t)attempt,
        .start_id = rec_u64(&r, TOKEN_START_ID, 0),
        .activity_id = rec_bytes(&r, TOKEN_ACTIVITY_ID),
    };
    /* An activity named by its id may be of whatever run is the current one. */
    const bool any_run = token.kind == TASK_ACTIVITY && token.scheduled_event_id == 0 &&
                         token.activity_id.len > 0 && token.run_id.len == 0;
    if (r.malformed || !is_our_uuid(token.namespace_id) ||
        (!any_run && !is_our_uuid(token.run_id)) || token.workflow_id.len == 0 ||
        token.scheduled_event_id < 0 || token.started_event_id < 0)
        return ERR_INVALID;
    *out = token;
    return ERR_OK;
}
