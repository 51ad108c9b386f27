/* history_read.c - GetWorkflowExecutionHistory: pages, the close event, and long polls; and pages
 * from the end. Raw histories (frontend.sendRawWorkflowHistory) have a blob for each batch of
 * events that were written together; pages of them count batches.
 *
 * A page token names (run, next id, end) and never an owner. The token of a poll response ends
 * with the task's Started event and carries the events that are not written. */
#include "history/shard/shard_int.h"

#include "common/pack/record.h"
#include "common/proto/wire.h"

#include <stdlib.h>

/* Keys of a page token. */
enum { KEY_RUN = 1, KEY_NEXT = 2, KEY_END = 3, KEY_RUNNING = 4, KEY_EXTRA = 5, KEY_POLL = 6 };

struct get_history {
    const api_get_workflow_execution_history_request *request;
    bool close_only, wait;
    bool waited; /* the long poll is over: answer what there is */
    bool has_token;
    int64_t next, end; /* of the token */
    bool running, is_poll;
    bool raw;
    struct slice extra; /* events that follow the last one of the last page */
    int64_t seq;
    struct slice token; /* in reverse: the request's */
    uint32_t page;      /* in reverse: events wanted */
};

struct slice hs_history_token(struct arena *arena, const char *run_id, int64_t next, int64_t end,
                              bool running, struct slice extra_events, bool is_poll)
{
    struct rec_writer w;
    struct buf out;

    buf_init(&out, 0);
    rec_begin(&w, &out);
    rec_put_str(&w, KEY_RUN, run_id);
    rec_put_i64(&w, KEY_NEXT, next);
    rec_put_i64(&w, KEY_END, end);
    rec_put_bool(&w, KEY_RUNNING, running);
    if (extra_events.len)
        rec_put_bytes(&w, KEY_EXTRA, extra_events);
    if (is_poll)
        rec_put_bool(&w, KEY_POLL, true);
    rec_end(&w);
    must(buf_ok(&out));
    const struct slice token = arena_copy(arena, buf_slice(&out));
    buf_release(&out);
    return token;
}

static enum err decode_token(struct hs_request *req, struct slice bytes, struct get_history *get,
                             const char *run_id)
{
    struct rec rec;

    if (rec_decode(&req->arena, bytes, &rec) != ERR_OK)
        return err_fail(&req->detail, ERR_INVALID, "Invalid NextPageToken.");
    const struct slice of = rec_bytes(&rec, KEY_RUN);
    get->next = rec_i64(&rec, KEY_NEXT, 0);
    get->end = rec_i64(&rec, KEY_END, 0);
    get->running = rec_bool(&rec, KEY_RUNNING, false);
    get->extra = rec_bytes(&rec, KEY_EXTRA);
    get->is_poll = rec_bool(&rec, KEY_POLL, false);
    get->has_token = true;
    if (rec.malformed || of.len != UUID_TEXT_LEN || get->next < 1 || get->end < get->next)
        return err_fail(&req->detail, ERR_INVALID, "Invalid NextPageToken.");
    if (!slice_eq(of, slice_str(run_id)))
        return err_fail(&req->detail, ERR_INVALID, "Invalid NextPageToken.");
    return ERR_OK;
}

static void step_get_history(struct history_shard *shard, struct hs_request *req,
                             struct hs_entry *entry);

/* Where the request names no run, the token does; where it names one, it is that of the token.
 * Gives false when the request is answered. */
static bool run_of_token(struct history_shard *shard, struct hs_request *req, struct slice token)
{
    struct rec rec;
    uint8_t uuid[16];

    if (token.len == 0)
        return true;
    if (rec_decode(&req->arena, token, &rec) != ERR_OK ||
        !uuid_parse(rec_bytes(&rec, KEY_RUN), uuid)) {
        hs_answer(shard, req, err_fail(&req->detail, ERR_INVALID, "Invalid NextPageToken."),
                  SLICE_EMPTY, 0);
        return false;
    }
    if (req->run_id[0] != '\0' && !slice_eq(rec_bytes(&rec, KEY_RUN), slice_str(req->run_id))) {
        hs_answer(shard, req,
                  err_fail(&req->detail, ERR_INVALID,
                           "RunId in the request does not match the NextPageToken."),
                  SLICE_EMPTY, 0);
        return false;
    }
    uuid_format(uuid, req->run_id);
    return true;
}

void hs_get_history(struct history_shard *shard, struct hs_request *req)
{
    const api_get_workflow_execution_history_request *request = req->message;

    if (!run_of_token(shard, req,
                      slice_of(request->next_page_token.data, request->next_page_token.len)))
        return;
    req->step = step_get_history;
    hs_with_run(shard, req);
}

/* -- the answer ----------------------------------------------------------------------------- */

/* GetWorkflowExecutionHistoryResponse: history = 1 { events... }, next_page_token = 3. */
static void answer_page(struct history_shard *shard, struct hs_request *req,
                        const struct slice *parts, uint32_t count, struct slice token, int64_t seq)
{
    struct hs_reply *reply = hs_add_reply(req, req->from, ERR_OK);
    uint8_t *head = arena_alloc(&req->arena, 15);
    size_t len = 0;

    must(count + 2 <= HS_REPLY_PARTS);
    for (uint32_t i = 0; i < count; i++)
        len += parts[i].len;
    reply->parts[reply->count++] = slice_of(head, wire_head(head, 1, len));
    for (uint32_t i = 0; i < count; i++)
        reply->parts[reply->count++] = parts[i];
    if (token.len) {
        struct buf tail;

        buf_init(&tail, 0);
        wire_put_bytes(&tail, 3, token);
        reply->parts[reply->count++] = arena_copy(&req->arena, buf_slice(&tail));
        buf_release(&tail);
    }
    hs_release(shard, req, seq);
}

/* GetWorkflowExecutionHistoryResponse: raw_history = 2 { encoding_type = 1, data = 2 }. */
static void put_blob(struct buf *out, struct slice events)
{
    enum { RAW_HISTORY = 2, ENCODING_TYPE = 1, DATA = 2 };
    struct buf blob;

    if (events.len == 0)
        return;
    buf_init(&blob, 0);
    wire_put_varint(&blob, ENCODING_TYPE, ENCODING_TYPE_PROTO3);
    wire_put_bytes(&blob, DATA, events);
    must(buf_ok(&blob));
    wire_put_bytes(out, RAW_HISTORY, buf_slice(&blob));
    buf_release(&blob);
}

/* The batches, and `extra` as one more, with an empty history. */
static void answer_raw(struct history_shard *shard, struct hs_request *req,
                       const struct hs_events *events, struct slice extra, struct slice token)
{
    const struct get_history *get = req->extra;
    struct hs_reply *reply = hs_add_reply(req, req->from, ERR_OK);
    struct buf out;

    must(events->part_count <= 1);
    buf_init(&out, 0);
    wire_put_bytes(&out, 1, SLICE_EMPTY);
    for (uint32_t i = 0; i < events->batch_count; i++) {
        const size_t from = events->batch_starts[i];
        const size_t to =
            i + 1 < events->batch_count ? events->batch_starts[i + 1] : events->parts[0].len;

        put_blob(&out, slice_of(events->parts[0].ptr + from, to - from));
    }
    put_blob(&out, extra);
    if (token.len)
        wire_put_bytes(&out, 3, token);
    must(buf_ok(&out));
    reply->parts[reply->count++] = arena_copy(&req->arena, buf_slice(&out));
    buf_release(&out);
    hs_release(shard, req, get->seq);
}

static void answer_empty(struct history_shard *shard, struct hs_request *req,
                         struct hs_entry *entry, bool with_token)
{
    const struct get_history *get = req->extra;
    struct slice token = SLICE_EMPTY;

    if (with_token) {
        const int64_t next = get->has_token ? get->end : entry->run->next_event_id;

        token = hs_history_token(&req->arena, entry->run_id, next, next, run_is_open(entry->run),
                                 SLICE_EMPTY, false);
    }
    answer_page(shard, req, NULL, 0, token, entry->seq);
}

/* The last event of what was read. */
static void close_event_read(struct history_shard *shard, struct hs_request *req, enum err err,
                             struct hs_events *events)
{
    const struct get_history *get = req->extra;

    if (err != ERR_OK) {
        hs_answer(shard, req, err, SLICE_EMPTY, get->seq);
    } else if (get->raw) {
        answer_raw(shard, req, events, SLICE_EMPTY, SLICE_EMPTY);
    } else if (req->api.no_followers && events->part_count == 1) {
        const struct slice shown = hs_close_event_to_follow(&req->arena, events->parts[0]);

        answer_page(shard, req, &shown, 1, SLICE_EMPTY, get->seq);
    } else {
        answer_page(shard, req, events->parts, events->part_count, SLICE_EMPTY, get->seq);
    }
}

static void page_read(struct history_shard *shard, struct hs_request *req, enum err err,
                      struct hs_events *events)
{
    const struct get_history *get = req->extra;
    struct slice parts[COUNT_OF(events->parts) + 1], token = SLICE_EMPTY, extra = SLICE_EMPTY;
    uint32_t count = 0;

    if (err != ERR_OK) {
        hs_answer(shard, req, err, SLICE_EMPTY, get->seq);
        return;
    }
    for (uint32_t i = 0; i < events->part_count; i++)
        parts[count++] = events->parts[i];
    if (events->next < events->to)
        token = hs_history_token(&req->arena, req->run_id, events->next, events->to, get->running,
                                 get->is_poll ? get->extra : SLICE_EMPTY, get->is_poll);
    else
        extra = get->extra;
    if (events->next >= events->to && !get->is_poll && get->wait && get->running)
        token = hs_history_token(&req->arena, req->run_id, events->to, events->to, true,
                                 SLICE_EMPTY, false);
    if (get->raw) {
        answer_raw(shard, req, events, extra, token);
        return;
    }
    if (extra.len)
        parts[count++] = extra;
    answer_page(shard, req, parts, count, token, get->seq);
}

/* Spec: the reference shows the pending task of a further attempt to all but the CLI and the UI. */
static struct slice transient_events(struct history_shard *shard, struct hs_request *req,
                                     struct hs_entry *entry)
{
    struct transition t;

    if (req->api.for_people)
        return SLICE_EMPTY;
    hs_begin(shard, req, entry->run, &t);
    const struct slice events = engine_transient_events(&t);
    transition_release(&t);
    return events;
}

uint32_t hs_page_events_max(const struct history_shard *shard, enum dynconf_key key,
                            struct slice namespace_name)
{
    const int64_t max = dynconf_int(shard->options.dynconf, key, namespace_name);

    return max > 0 && max < HS_PAGE_EVENTS_MAX ? (uint32_t)max : HS_PAGE_EVENTS_MAX;
}

static void read_page(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry,
                      int64_t from, int64_t to)
{
    struct get_history *get = req->extra;
    int32_t page = get->request->maximum_page_size;

    const int32_t page_max =
        (int32_t)hs_page_events_max(shard, DYNCONF_FRONTEND_HISTORY_PAGE, req->api.namespace_name);
    if (page <= 0 || page > page_max)
        page = page_max;
    memcpy(req->run_id, entry->run_id, sizeof req->run_id);
    get->seq = entry->seq;
    if (!get->is_poll)
        get->extra = from < to && to == entry->run->next_event_id
                         ? transient_events(shard, req, entry)
                         : SLICE_EMPTY;
    hs_events_read(shard, req, entry,
                   &(struct hs_events){.from = from,
                                       .to = to,
                                       .events_max = get->raw ? UINT32_MAX : (uint32_t)page,
                                       .bytes_max = HS_PAGE_BYTES_MAX,
                                       .batches_max = get->raw ? (uint32_t)page : 0},
                   page_read);
}

/* -- waiting -------------------------------------------------------------------------------- */

struct hs_waiters {
    struct map_node node; /* in shard->waiters, by run_id */
    char run_id[UUID_TEXT_LEN + 1];
    struct list requests;
};

struct hs_wake {
    struct list node; /* in shard->wakes */
    int64_t seq;
    char run_id[UUID_TEXT_LEN + 1];
};

static struct hs_waiters *find_waiters(struct history_shard *shard, const char *run_id)
{
    struct map_node *node = map_get(&shard->waiters, slice_str(run_id));

    return node ? CONTAINER_OF(node, struct hs_waiters, node) : NULL;
}

static void drop_waiters_if_empty(struct history_shard *shard, struct hs_waiters *waiters)
{
    if (!waiters || !list_empty(&waiters->requests))
        return;
    map_remove(&shard->waiters, &waiters->node);
    free(waiters);
}

static void wait_expired(struct history_shard *shard, struct hs_request *req)
{
    struct get_history *get = req->extra;

    list_remove(&req->node);
    drop_waiters_if_empty(shard, find_waiters(shard, req->run_id));
    get->waited = true;
    hs_with_run(shard, req);
}

static void wait_canceled(struct history_shard *shard, struct hs_request *req)
{
    list_remove(&req->node);
    drop_waiters_if_empty(shard, find_waiters(shard, req->run_id));
    hs_request_free(shard, req);
}

static void wait_for_events(struct history_shard *shard, struct hs_request *req,
                            const struct hs_entry *entry)
{
    struct hs_waiters *waiters = find_waiters(shard, entry->run_id);
    int64_t until_ns = hs_mono_ns(shard) + hs_long_poll_ns(shard, entry->run->namespace_name);

    if (req->deadline_mono_ns != INT64_MAX &&
        req->deadline_mono_ns - HS_LONG_POLL_BUFFER_NS < until_ns)
        until_ns = req->deadline_mono_ns - HS_LONG_POLL_BUFFER_NS;
    if (!waiters) {
        waiters = calloc(1, sizeof *waiters);
        must(waiters != NULL);
        memcpy(waiters->run_id, entry->run_id, sizeof waiters->run_id);
        list_init(&waiters->requests);
        map_put(&shard->waiters, slice_str(waiters->run_id), &waiters->node);
    }
    memcpy(req->run_id, entry->run_id, sizeof req->run_id);
    list_push_back(&waiters->requests, &req->node);
    hs_park(shard, req, until_ns, wait_expired, wait_canceled);
}

void hs_wake_later(struct history_shard *shard, const struct run *run, int64_t seq)
{
    if (!find_waiters(shard, run->run_id))
        return;
    struct hs_wake *wake = calloc(1, sizeof *wake);
    must(wake != NULL);
    wake->seq = seq;
    memcpy(wake->run_id, run->run_id, sizeof wake->run_id);
    list_push_back(&shard->wakes, &wake->node);
}

static void wake(struct history_shard *shard, const char *run_id)
{
    struct hs_waiters *waiters = find_waiters(shard, run_id);
    struct list woken, *node;

    if (!waiters)
        return;
    list_init(&woken);
    while ((node = list_pop_front(&waiters->requests)))
        list_push_back(&woken, node);
    drop_waiters_if_empty(shard, waiters);
    while ((node = list_pop_front(&woken))) {
        struct hs_request *req = CONTAINER_OF(node, struct hs_request, node);

        hs_unpark(shard, req);
        hs_with_run(shard, req);
    }
}

void hs_wakes_out(struct history_shard *shard)
{
    while (!list_empty(&shard->wakes)) {
        struct hs_wake *first = CONTAINER_OF(shard->wakes.next, struct hs_wake, node);

        if (first->seq > shard->durable)
            return;
        list_remove(&first->node);
        wake(shard, first->run_id);
        free(first);
    }
}

void hs_waiters_release(struct history_shard *shard)
{
    struct list *node;

    while ((node = list_pop_front(&shard->wakes)))
        free(CONTAINER_OF(node, struct hs_wake, node));
    for (struct map_node *it; (it = map_next(&shard->waiters, NULL));) {
        struct hs_waiters *waiters = CONTAINER_OF(it, struct hs_waiters, node);

        map_remove(&shard->waiters, &waiters->node);
        free(waiters);
    }
}

/* -- the step ------------------------------------------------------------------------------- */

static void step_close_event(struct history_shard *shard, struct hs_request *req,
                             struct hs_entry *entry)
{
    struct get_history *get = req->extra;
    const int64_t next = entry->run->next_event_id;

    if (run_is_open(entry->run)) {
        if (get->wait && !get->waited && !shard->draining)
            wait_for_events(shard, req, entry);
        else
            answer_empty(shard, req, entry, get->wait);
        return;
    }
    get->seq = entry->seq;
    hs_events_read(shard, req, entry,
                   &(struct hs_events){.from = next - 1,
                                       .to = next,
                                       .events_max = UINT32_MAX,
                                       .bytes_max = SIZE_MAX, /* one batch, or one event */
                                       .batches_max = get->raw ? 1 : 0,
                                       .whole_batch = get->raw},
                   close_event_read);
}

static void step_all_events(struct history_shard *shard, struct hs_request *req,
                            struct hs_entry *entry)
{
    struct get_history *get = req->extra;
    const int64_t next = entry->run->next_event_id;

    if (!get->has_token) {
        get->running = run_is_open(entry->run);
        read_page(shard, req, entry, 1, next);
        return;
    }
    if (get->is_poll) {
        read_page(shard, req, entry, get->next, get->end < next ? get->end : next);
        return;
    }
    if (get->next < next || !run_is_open(entry->run)) {
        /* More of the same, or what came since. */
        get->running = run_is_open(entry->run);
        read_page(shard, req, entry, get->next < next ? get->next : next, next);
        return;
    }
    if (get->wait && !get->waited && !shard->draining)
        wait_for_events(shard, req, entry);
    else
        answer_empty(shard, req, entry, get->running);
}

static void step_get_history(struct history_shard *shard, struct hs_request *req,
                             struct hs_entry *entry)
{
    struct get_history *get = req->extra;

    if (!get) {
        req->extra = get = ARENA_NEW(&req->arena, struct get_history);
        get->request = req->message;
        get->close_only =
            get->request->history_event_filter_type == HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT;
        get->wait = get->request->wait_new_event;
        get->raw = dynconf_bool(shard->options.dynconf, DYNCONF_FRONTEND_RAW_HISTORY,
                                req->api.namespace_name);
        if (get->request->next_page_token.len) {
            const struct slice token =
                slice_of(get->request->next_page_token.data, get->request->next_page_token.len);
            const enum err err = decode_token(req, token, get, entry->run_id);

            if (err != ERR_OK) {
                hs_answer(shard, req, err, SLICE_EMPTY, entry->seq);
                return;
            }
        }
    }
    if (get->close_only)
        step_close_event(shard, req, entry);
    else
        step_all_events(shard, req, entry);
}

/* -- in reverse ----------------------------------------------------------------------------- */

/* Events come as in a page, the last one first. The token's end is where the next page ends. */
static struct slice reversed(struct hs_request *req, const struct hs_events *events)
{
    struct slice *fields =
        arena_alloc(&req->arena, (size_t)(events->to - events->from) * sizeof *fields);
    struct buf out;
    size_t count = 0;

    for (uint32_t i = 0; i < events->part_count; i++) {
        struct wire_reader reader = wire_reader(events->parts[i]);
        struct wire_field field;

        while (wire_next(&reader, &field)) {
            must(count < (size_t)(events->to - events->from));
            fields[count++] = field.raw;
        }
    }
    buf_init(&out, 0);
    while (count > 0)
        buf_append_slice(&out, fields[--count]);
    must(buf_ok(&out));
    const struct slice bytes = arena_copy(&req->arena, buf_slice(&out));
    buf_release(&out);
    return bytes;
}

static void reverse_read(struct history_shard *shard, struct hs_request *req, enum err err,
                         struct hs_events *events)
{
    struct get_history *get = req->extra;
    struct slice token = SLICE_EMPTY;

    if (err != ERR_OK) {
        hs_answer(shard, req, err, SLICE_EMPTY, get->seq);
        return;
    }
    if (events->next < events->to) { /* too many bytes: half as many events, one always fits */
        get->page = (uint32_t)(events->to - events->from) / 2;
        must(get->page > 0);
        hs_with_run(shard, req);
        return;
    }
    if (events->from > 1)
        token = hs_history_token(&req->arena, req->run_id, 1, events->from, get->running,
                                 SLICE_EMPTY, false);
    const struct slice page = reversed(req, events);
    answer_page(shard, req, &page, 1, token, get->seq);
}

static void step_reverse(struct history_shard *shard, struct hs_request *req,
                         struct hs_entry *entry)
{
    struct get_history *get = req->extra;
    const int64_t next = entry->run->next_event_id;

    if (get->has_token) {
        const enum err err = decode_token(req, get->token, get, entry->run_id);

        if (err != ERR_OK) {
            hs_answer(shard, req, err, SLICE_EMPTY, entry->seq);
            return;
        }
        get->end = get->end < next ? get->end : next;
    } else if (get->end == 0) {
        get->end = next;
    }
    get->running = run_is_open(entry->run);
    get->seq = entry->seq;
    memcpy(req->run_id, entry->run_id, sizeof req->run_id);
    hs_events_read(shard, req, entry,
                   &(struct hs_events){.from = get->end > get->page ? get->end - get->page : 1,
                                       .to = get->end,
                                       .events_max = get->page,
                                       .bytes_max = HS_PAGE_BYTES_MAX},
                   reverse_read);
}

void hs_get_history_reverse(struct history_shard *shard, struct hs_request *req)
{
    const api_get_workflow_execution_history_reverse_request *request = req->message;
    struct get_history *get = ARENA_NEW(&req->arena, struct get_history);
    const int32_t page = request->maximum_page_size;
    const int32_t page_max =
        (int32_t)hs_page_events_max(shard, DYNCONF_FRONTEND_HISTORY_PAGE, req->api.namespace_name);

    get->token = slice_of(request->next_page_token.data, request->next_page_token.len);
    get->has_token = get->token.len > 0;
    get->page = page <= 0 || page > page_max ? (uint32_t)page_max : (uint32_t)page;
    req->extra = get;
    if (!run_of_token(shard, req, get->token))
        return;
    req->step = step_reverse;
    hs_with_run(shard, req);
}
