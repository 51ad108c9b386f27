/* load.c - fills the history shards of a stopped cluster with executions, as visibility rows alone:
 * `make bench BENCH=--visibility` lists and counts them.
 *
 * usage: gnomon-vis-load DATA_DIR SHARDS NAMESPACE_ID CLOSED OPEN [SHARD]. What an execution is
 * follows from its number, see info_of(). The rows come in the order of time; the postings of a
 * customer and of an amount in passes of their own, in their order, so that each page is written
 * once. */
#include "common/base/buf.h"
#include "common/base/hash.h"
#include "common/base/rng.h"
#include "common/pack/record.h"
#include "common/proto/wire.h"
#include "history/engine/rows.h"
#include "history/shard/vis_index.h"
#include "history/visibility/attributes_fixture.h"

#include <stdio.h>
#include <stdlib.h>

enum { TABLETS = 256, BATCH_RUNS = 1000, CUSTOMERS = 100000, AMOUNTS = 1000000 };
enum pass { OF_ROWS, OF_CUSTOMER, OF_AMOUNT };
static const uint64_t customer_step = 7919, amount_step = 104729; /* prime to their numbers */
#define FIRST_START_NS (INT64_C(1700000000) * NS_PER_S)

struct loader {
    struct store *store;
    struct store_shard *shard;
    uint32_t shard_id, shard_count;
    const char *namespace_id;
    uint8_t namespace_bytes[16];
    struct arena arena; /* of a batch */
    struct store_op ops[BATCH_RUNS * 16];
    size_t count;
    uint64_t counters[HS_STATUSES];
    uint64_t closed, open, runs;
};

struct planned {
    char workflow_id[32], run_id[UUID_TEXT_LEN + 1];
    uint8_t tablet;
    int32_t status;
    int64_t start_ns, execution_ns, close_ns;
};

static void ignore_durable(void *arg, int64_t seq)
{
    UNUSED(arg);
    UNUSED(seq);
}

static void stop_when_lost(void *arg, enum err err)
{
    UNUSED(arg);
    fprintf(stderr, "the shard is lost: %s\n", err_text(err));
    exit(2);
}

static void put_pair(struct buf *out, uint32_t field, const char *first, const char *second)
{
    struct buf message;

    buf_init(&message, 0);
    wire_put_str(&message, 1, first);
    if (second)
        wire_put_str(&message, 2, second);
    wire_put_bytes(out, field, buf_slice(&message));
    buf_release(&message);
}

/* 100 types, of which Type-0 has half of all; one in 1,000 failed, the others completed; 100,000
 * customers; amounts up to a million; one in 1,000 begins a second after its start. */
static void info_of(uint64_t number, const struct planned *run, struct buf *out)
{
    char text[64];
    struct buf attributes;

    buf_init(&attributes, 0);
    snprintf(text, sizeof text, "\"customer-%u\"", (unsigned)(number * customer_step % CUSTOMERS));
    put_attribute(&attributes, "BenchCustomer", "Keyword", text);
    snprintf(text, sizeof text, "%u", (unsigned)(number * amount_step % AMOUNTS));
    put_attribute(&attributes, "BenchAmount", "Int", text);
    put_pair(out, 1, run->workflow_id, run->run_id);
    snprintf(text, sizeof text, "Type-%u", number % 2 ? 0 : (unsigned)(number / 2 % 100));
    put_pair(out, 2, text, NULL);
    wire_put_timestamp(out, 3, run->start_ns);
    if (run->close_ns)
        wire_put_timestamp(out, 4, run->close_ns);
    wire_put_varint(out, 5, (uint64_t)run->status);
    wire_put_timestamp(out, 9, run->execution_ns);
    wire_put_bytes(out, 11, buf_slice(&attributes));
    wire_put_str(out, 13, "bench");
    put_pair(out, 18, run->workflow_id, run->run_id);
    buf_release(&attributes);
}

/* Seconds; one in a hundred up to two hours. */
static int64_t ran_ms(uint64_t number)
{
    return (int64_t)(number % 97 == 0 ? number * 7919 % 7200000 : number % 5000);
}

static bool plan(const struct loader *loader, uint64_t number, bool open, struct planned *out)
{
    uint8_t id[16];

    snprintf(out->workflow_id, sizeof out->workflow_id, "order-%09llu", (unsigned long long)number);
    out->tablet = hash_tablet(slice_str(loader->namespace_id), slice_str(out->workflow_id));
    if (out->tablet / (TABLETS / loader->shard_count) != loader->shard_id)
        return false;
    be64_put(id, number);
    be64_put(id + 8, hash_bytes(slice_of(id, 8), 1));
    uuid_format(id, out->run_id);
    out->start_ns = FIRST_START_NS + (int64_t)number * NS_PER_MS;
    out->execution_ns = out->start_ns + (number % 1000 == 7 ? NS_PER_S : 0);
    out->close_ns = open ? 0 : out->start_ns + ran_ms(number) * NS_PER_MS;
    out->status = open ? 1 : number % 1000 == 3 ? 3 : 2;
    return true;
}

static void add_op(struct loader *loader, const uint8_t *key, size_t len, struct slice value)
{
    must(loader->count < COUNT_OF(loader->ops));
    loader->ops[loader->count++] =
        (struct store_op){.kind = STORE_PUT,
                          .family = STORE_VISIBILITY,
                          .key = arena_copy(&loader->arena, slice_of(key, len)),
                          .value = arena_copy(&loader->arena, value)};
}

static void stage(struct loader *loader)
{
    int64_t seq;
    enum err err;

    while ((err = store_stage(loader->shard, loader->ops, loader->count, true, &seq)) == ERR_BUSY)
        must(store_step(loader->store));
    if (err != ERR_OK)
        stop_when_lost(NULL, err);
    while (store_step(loader->store))
        ;
    loader->count = 0;
    arena_reset(&loader->arena);
}

static enum pass pass_of(const struct vis_posting *posting)
{
    static const enum pass passes[] = {[VIS_KEYWORD] = OF_CUSTOMER, [VIS_INT] = OF_AMOUNT};

    return posting->bytes[0] < 0x80 ? OF_ROWS : passes[posting->bytes[0] & 0x7f];
}

static void add_run(struct loader *loader, enum pass pass, uint64_t number,
                    const struct planned *run)
{
    struct vis_execution execution;
    struct vis_posting *postings;
    struct rec_writer writer;
    struct buf info, value;
    struct row_key key;
    uint32_t count;

    buf_init(&info, 0);
    buf_init(&value, 0);
    info_of(number, run, &info);
    rec_begin(&writer, &value);
    rec_put_u64(&writer, 1, 1);
    rec_put_bytes(&writer, 2, buf_slice(&info));
    rec_end(&writer);
    row_key_visibility(&key, run->tablet, slice_str(loader->namespace_id), run->close_ns,
                       run->start_ns, run->run_id);
    if (pass == OF_ROWS) {
        add_op(loader, key.bytes, key.len, buf_slice(&value));
        loader->counters[run->status]++;
    }
    const bool read = vis_execution_read(buf_slice(&info), &execution);
    must(read);
    vis_postings_of(&execution, &loader->arena, &postings, &count);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t posting[HS_INDEX_KEY_MAX];
        const uint8_t first = (uint8_t)(loader->shard_id * (TABLETS / loader->shard_count));
        const size_t at = hs_posting_prefix(posting, first, loader->namespace_bytes,
                                            vis_posting_slice(&postings[i]));

        memcpy(posting + at, key.bytes + HS_ROW_PREFIX_LEN, HS_ORDER_LEN);
        if (pass_of(&postings[i]) == pass)
            add_op(loader, posting, at + HS_ORDER_LEN, slice_of(&run->tablet, 1));
    }
    buf_release(&info);
    buf_release(&value);
}

static void finish(struct loader *loader)
{
    static const uint8_t format[] = {HS_INDEX_FORMAT};
    const uint8_t first = (uint8_t)(loader->shard_id * (TABLETS / loader->shard_count));
    uint8_t key[HS_COUNTERS_KEY_LEN], value[HS_COUNTERS_MAX];

    hs_format_key(key, first);
    add_op(loader, key, HS_FORMAT_KEY_LEN, slice_of(format, sizeof format));
    hs_counters_key(key, first, loader->namespace_bytes);
    add_op(loader, key, HS_COUNTERS_KEY_LEN,
           slice_of(value, hs_counters_encode(value, loader->counters)));
    stage(loader);
}

static void load_run(struct loader *loader, enum pass pass, uint64_t number, bool open)
{
    struct planned run;

    if (!plan(loader, number, open, &run))
        return;
    add_run(loader, pass, number, &run);
    if (++loader->runs % BATCH_RUNS == 0)
        stage(loader);
}

/* Executions in the order of (number * step % values). */
static void load_ordered(struct loader *loader, enum pass pass, uint64_t step, uint64_t values)
{
    uint64_t inverse = 1;

    while (inverse * step % values != 1)
        inverse++;
    for (uint64_t value = 0; value < values; value++)
        for (uint64_t n = value * inverse % values; n < loader->closed + loader->open; n += values)
            load_run(loader, pass, n, n >= loader->closed);
}

static void load_shard(struct loader *loader)
{
    static const struct store_shard_callbacks callbacks = {.durable = ignore_durable,
                                                           .lost = stop_when_lost};
    struct err_detail detail = {0};

    if (store_shard_open(loader->store, loader->shard_id, NULL, &callbacks, &loader->shard,
                         &detail) != ERR_OK) {
        fprintf(stderr, "shard %u: %s\n", loader->shard_id, detail.text);
        exit(2);
    }
    memset(loader->counters, 0, sizeof loader->counters);
    for (uint64_t number = 0; number < loader->closed + loader->open; number++)
        load_run(loader, OF_ROWS, number, number >= loader->closed);
    load_ordered(loader, OF_CUSTOMER, customer_step, CUSTOMERS);
    load_ordered(loader, OF_AMOUNT, amount_step, AMOUNTS);
    finish(loader);
    store_shard_close(loader->shard, true);
}

int main(int argc, char **argv)
{
    const struct log log = {.level = LOG_WARN, .fd = 2, .service = "load"};
    struct loader *loader = calloc(1, sizeof *loader);
    struct err_detail detail = {0};

    must(loader != NULL);
    if (argc < 6 || argc > 7 || !uuid_parse(slice_str(argv[3]), loader->namespace_bytes)) {
        fprintf(stderr,
                "usage: gnomon-vis-load DATA_DIR SHARDS NAMESPACE_ID CLOSED OPEN [SHARD]\n");
        free(loader);
        return 2;
    }
    loader->shard_count = (uint32_t)strtoul(argv[2], NULL, 10);
    loader->namespace_id = argv[3];
    loader->closed = strtoull(argv[4], NULL, 10);
    loader->open = strtoull(argv[5], NULL, 10);
    arena_init(&loader->arena);
    struct metrics *metrics = metrics_new();
    const struct store_options options = {.backend = "sqlite",
                                          .dir = argv[1],
                                          .service = "history",
                                          .clock = &clock_real,
                                          .log = &log,
                                          .metrics = metrics,
                                          .commit_threads = 1,
                                          .manual = true};
    if (loader->shard_count == 0 || TABLETS % loader->shard_count != 0 ||
        store_open(&options, &loader->store, &detail) != ERR_OK) {
        fprintf(stderr, "can't open %s: %s\n", argv[1], detail.text);
        return 2;
    }
    const uint32_t only = argc > 6 ? (uint32_t)strtoul(argv[6], NULL, 10) : UINT32_MAX;
    for (; loader->shard_id < loader->shard_count; loader->shard_id++)
        if (only == UINT32_MAX || only == loader->shard_id)
            load_shard(loader);
    store_close(loader->store);
    metrics_free(metrics);
    arena_release(&loader->arena);
    free(loader);
    return 0;
}
