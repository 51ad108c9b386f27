/* nodes.c - events of a run: from the recent batches in memory, else from its history rows.
 *
 * The batches in memory are the end of the history, and everything before them is durable: so a
 * read takes what it can from rows and the rest from memory. */
#include "history/shard/shard_int.h"

#include "common/proto/wire.h"

#include <stdlib.h>

/* -- cutting events out of batches ---------------------------------------------------------- */

/* Append the events of one batch that are wanted. Gives false when the page is full, or the batch
 * is malformed (*err). Ids are dense, so that counting tells them. */
static bool take_events(struct hs_events *events, int64_t first_event_id, struct slice batch,
                        struct buf *out, enum err *err)
{
    struct wire_reader reader = wire_reader(batch);
    struct wire_field field;
    int64_t id = first_event_id;

    for (; wire_next(&reader, &field); id++) {
        if (id < events->next)
            continue;
        if (id >= events->to)
            return false;
        const bool full = events->next - events->from >= events->events_max ||
                          (events->bytes && events->bytes + field.raw.len > events->bytes_max);
        if (full || id != events->next)
            return false;
        buf_append_slice(out, field.raw);
        events->bytes += field.raw.len;
        events->next++;
    }
    if (reader.failed || !buf_ok(out))
        *err = ERR_CORRUPT;
    return *err == ERR_OK && events->next < events->to;
}

/* -- rows ----------------------------------------------------------------------------------- */

struct nodes_job {
    struct hs_job job;
    struct hs_events events;
    hs_events_fn done;
    int64_t rows_to; /* where the batches in memory begin */
    char run_id[UUID_TEXT_LEN + 1];
    uint8_t tablet;
    struct buf rows; /* what was read */
    enum err err;
    int64_t start; /* first event id of the node that holds `from`; 0: not found */
};

static bool first_node(void *arg, struct slice key, struct slice value)
{
    struct nodes_job *job = arg;

    UNUSED(value);
    if (key.len >= 8)
        job->start = (int64_t)be64_get(key.ptr + key.len - 8);
    return false;
}

static bool visit_node(void *arg, struct slice key, struct slice value)
{
    struct nodes_job *job = arg;

    if (key.len < 8) {
        job->err = ERR_CORRUPT;
        return false;
    }
    const int64_t first = (int64_t)be64_get(key.ptr + key.len - 8);
    if (first > job->events.next) {
        job->err = ERR_CORRUPT; /* a gap */
        return false;
    }
    return take_events(&job->events, first, value, &job->rows, &job->err);
}

static enum err read_nodes(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct nodes_job *job = CONTAINER_OF(arg, struct nodes_job, job);
    struct row_key first, from, to;
    const int64_t end = job->events.to;

    row_key_node(&first, job->tablet, job->run_id, 0);
    row_key_node(&to, job->tablet, job->run_id, job->events.from + 1);
    enum err err = store_scan(snapshot, STORE_MAIN, row_key_slice(&first), row_key_slice(&to), true,
                              first_node, job);
    if (err != ERR_OK)
        return err;
    if (job->start == 0)
        return ERR_CORRUPT;
    if (job->events.to > job->rows_to)
        job->events.to = job->rows_to;
    row_key_node(&from, job->tablet, job->run_id, job->start);
    row_key_node(&to, job->tablet, job->run_id, job->events.to);
    err = store_scan(snapshot, STORE_MAIN, row_key_slice(&from), row_key_slice(&to), false,
                     visit_node, job);
    job->events.to = end;
    return err != ERR_OK ? err : job->err;
}

/* -- memory --------------------------------------------------------------------------------- */

/* The first event that is in memory; the run's next event when none is. */
static int64_t memory_from(struct hs_entry *entry)
{
    if (list_empty(&entry->batches))
        return entry->run->next_event_id;
    return CONTAINER_OF(entry->batches.next, struct hs_batch, node)->first_event_id;
}

static enum err take_memory(struct hs_entry *entry, struct hs_events *events, struct buf *out)
{
    enum err err = ERR_OK;

    LIST_EACH(it, &entry->batches)
    {
        const struct hs_batch *batch = CONTAINER_OF(it, struct hs_batch, node);

        if (batch->next_event_id <= events->next)
            continue;
        if (batch->first_event_id > events->next)
            return ERR_CORRUPT;
        if (!take_events(events, batch->first_event_id, slice_of(batch->bytes, batch->len), out,
                         &err))
            break;
    }
    return err;
}

static void add_part(struct hs_request *req, struct hs_events *events, const struct buf *bytes)
{
    if (bytes->len)
        events->parts[events->part_count++] = arena_copy(&req->arena, buf_slice(bytes));
}

static void nodes_done(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct nodes_job *job = CONTAINER_OF(arg, struct nodes_job, job);
    struct hs_request *req = job->job.req;
    struct hs_events events = job->events;
    const hs_events_fn done = job->done;

    if (err == ERR_OK && events.next < job->rows_to && events.next == events.from)
        err = ERR_CORRUPT; /* rows that must be there are not */
    struct hs_entry *entry = hs_entry_find(shard, job->run_id);
    if (err == ERR_OK && entry && events.next < events.to && events.next >= memory_from(entry))
        err = take_memory(entry, &events, &job->rows);
    if (err == ERR_OK)
        add_part(req, &events, &job->rows);
    buf_release(&job->rows);
    free(job);
    if (err == ERR_CANCELED)
        err = err_fail(&req->detail, ERR_UNAVAILABLE, "shard closed");
    else if (err != ERR_OK)
        err = err_fail(&req->detail, err, "the history can't be read: %s", err_text(err));
    done(shard, req, err, &events);
}

void hs_events_read(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry,
                    const struct hs_events *want, hs_events_fn done)
{
    struct hs_events events = *want;
    const int64_t in_memory = memory_from(entry);

    events.next = events.from;
    events.part_count = 0;
    events.bytes = 0;
    if (events.from >= events.to || events.from >= in_memory) {
        struct buf bytes;

        buf_init(&bytes, 0);
        const enum err err = events.from < events.to ? take_memory(entry, &events, &bytes) : ERR_OK;
        add_part(req, &events, &bytes);
        buf_release(&bytes);
        done(shard, req, err, &events);
        return;
    }
    struct nodes_job *job = calloc(1, sizeof *job);
    must(job != NULL);
    job->events = events;
    job->done = done;
    job->rows_to = in_memory;
    memcpy(job->run_id, entry->run_id, sizeof job->run_id);
    job->tablet = entry->tablet;
    buf_init(&job->rows, 0);
    job->job.req = req;
    job->job.read = read_nodes;
    job->job.done = nodes_done;
    hs_read(shard, &job->job);
}
