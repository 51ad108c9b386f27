/* nodes.c - events of a run: from the recent batches in memory, else from its history rows.
 *
 * The batches in memory are the end of the history, and everything before them is durable: so a
 * read takes what it can from rows and the rest from memory. */
#include "history/shard/shard_int.h"

#include "common/proto/wire.h"

#include <stdlib.h>

/* -- cutting events out of batches ---------------------------------------------------------- */

/* The events that follow are of another batch than the last ones. false: there is no room. */
static bool begin_batch(struct hs_events *events, const struct buf *out)
{
    if (events->batches_max == 0)
        return true;
    if (events->batch_count >= events->batches_max)
        return false;
    events->batch_starts[events->batch_count++] = out->len;
    return true;
}

/* Append the events of one batch that are wanted. Gives false when the page is full, or the batch
 * is malformed (*err). Ids are dense, so that counting tells them. */
static bool take_events(struct hs_events *events, int64_t first_event_id, struct slice batch,
                        struct buf *out, enum err *err)
{
    struct wire_reader reader = wire_reader(batch);
    struct wire_field field;
    int64_t id = first_event_id;
    bool begun = false;

    if (events->whole_batch && events->next == events->from && id < events->next)
        events->next = events->from = id;
    for (; wire_next(&reader, &field); id++) {
        if (id < events->next)
            continue;
        if (id >= events->to)
            return false;
        const bool full = events->next - events->from >= events->events_max ||
                          (events->bytes && events->bytes + field.raw.len > events->bytes_max);
        if (full || id != events->next || (!begun && !begin_batch(events, out)))
            return false;
        begun = true;
        buf_append_slice(out, field.raw);
        events->bytes += field.raw.len;
        events->next++;
    }
    if (reader.failed || !buf_ok(out))
        *err = ERR_CORRUPT;
    return *err == ERR_OK && events->next < events->to;
}

/* -- rows ----------------------------------------------------------------------------------- */

struct scan {
    hs_node_fn visit;
    void *arg;
    int64_t first; /* first event id of the node where the scan begins; 0: not found */
    int64_t to;    /* of this branch */
    bool stopped;
    enum err err;
};

static bool first_node(void *arg, struct slice key, struct slice value)
{
    struct scan *scan = arg;

    UNUSED(value);
    if (key.len >= 8)
        scan->first = (int64_t)be64_get(key.ptr + key.len - 8);
    return false;
}

static bool visit_node(void *arg, struct slice key, struct slice value)
{
    struct scan *scan = arg;

    if (key.len < 8) {
        scan->err = ERR_CORRUPT;
        return false;
    }
    scan->stopped =
        !scan->visit(scan->arg, (int64_t)be64_get(key.ptr + key.len - 8), scan->to, value);
    return !scan->stopped;
}

/* The nodes of run `owner` that hold its events [from, scan->to). */
static enum err scan_branch(struct store_snapshot *snapshot, uint8_t tablet, const char *owner,
                            int64_t event_id, struct scan *scan)
{
    struct row_key from, to;

    scan->first = 0;
    row_key_node(&from, tablet, owner, 0);
    row_key_node(&to, tablet, owner, event_id + 1);
    enum err err = store_scan(snapshot, STORE_MAIN, row_key_slice(&from), row_key_slice(&to), true,
                              first_node, scan);
    if (err != ERR_OK)
        return err;
    if (scan->first == 0)
        return ERR_CORRUPT;
    row_key_node(&from, tablet, owner, scan->first);
    row_key_node(&to, tablet, owner, scan->to);
    err = store_scan(snapshot, STORE_MAIN, row_key_slice(&from), row_key_slice(&to), false,
                     visit_node, scan);
    return err != ERR_OK ? err : scan->err;
}

enum err hs_nodes_scan(struct store_snapshot *snapshot, const struct hs_nodes *nodes,
                       hs_node_fn visit, void *arg)
{
    struct scan scan = {.visit = visit, .arg = arg};

    for (int64_t at = nodes->from; at < nodes->to && !scan.stopped; at = scan.to) {
        const char *owner = branches_owner(&nodes->branches, nodes->run_id, at, &scan.to);

        if (scan.to > nodes->to)
            scan.to = nodes->to;
        const enum err err = scan_branch(snapshot, nodes->tablet, owner, at, &scan);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

struct nodes_job {
    struct hs_job job;
    struct hs_events events;
    hs_events_fn done;
    struct hs_nodes nodes; /* up to where the batches in memory begin */
    struct buf rows;       /* what was read */
    enum err err;
};

static bool take_node(void *arg, int64_t first, int64_t to, struct slice batch)
{
    struct nodes_job *job = arg;
    const int64_t end = job->events.to;

    if (first > job->events.next) {
        job->err = ERR_CORRUPT; /* a gap */
        return false;
    }
    job->events.to = to;
    const bool more = take_events(&job->events, first, batch, &job->rows, &job->err);
    job->events.to = end;
    /* The end of a branch ends a node, not the page. */
    return more || (job->err == ERR_OK && job->events.next == to);
}

static enum err read_nodes(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct nodes_job *job = CONTAINER_OF(arg, struct nodes_job, job);
    const enum err err = hs_nodes_scan(snapshot, &job->nodes, take_node, job);

    return err != ERR_OK ? err : job->err;
}

/* -- memory --------------------------------------------------------------------------------- */

int64_t hs_memory_from(struct hs_entry *entry)
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

void hs_nodes_of(const struct hs_entry *entry, int64_t from, int64_t to, struct hs_nodes *out)
{
    const bool ok = branches_decode(entry->run->branches, &out->branches);

    must(ok); /* checked when the run was loaded */
    memcpy(out->run_id, entry->run_id, sizeof out->run_id);
    out->tablet = entry->tablet;
    out->from = from;
    out->to = to;
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

    if (err == ERR_OK && events.next < job->nodes.to && events.next == events.from)
        err = ERR_CORRUPT; /* rows that must be there are not */
    struct hs_entry *entry = hs_entry_find(shard, job->nodes.run_id);
    if (err == ERR_OK && entry && events.next < events.to && events.next >= hs_memory_from(entry))
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
    const int64_t in_memory = hs_memory_from(entry);

    events.next = events.from;
    events.part_count = 0;
    events.batch_count = 0;
    events.bytes = 0;
    must(events.batches_max <= COUNT_OF(events.batch_starts));
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
    hs_nodes_of(entry, events.from, events.to < in_memory ? events.to : in_memory, &job->nodes);
    buf_init(&job->rows, 0);
    job->job.req = req;
    job->job.read = read_nodes;
    job->job.done = nodes_done;
    hs_read(shard, &job->job);
}
