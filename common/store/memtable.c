/* memtable.c - a skip list in an arena; each node heads a list of versions, newest first.
 *
 *   1. A node is linked bottom up with release stores, after it is complete: whoever sees a pointer
 *      sees what it points at.
 *   2. The versions of a node have falling sequences; of one sequence only the last is kept, since
 *      no reader may see a sequence before all of it is durable.
 *   3. `born` is set when the first operation on a key was an insert: its tombstone hides nothing.
 */
#include "common/store/memtable.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { HEIGHT_MAX = 12 };

struct version {
    const struct version *older;
    int64_t seq;
    uint32_t len;
    bool deleted;
    uint8_t bytes[];
};

struct memtable_node {
    uint64_t prefix; /* the first 8 bytes of the key as a number: most comparisons end here */
    struct version *_Atomic versions;
    uint16_t key_len;
    uint8_t height;
    bool born;
    struct memtable_node *_Atomic next[]; /* `height` of them, then the key */
};

struct memtable {
    struct arena nodes, values; /* apart: a search walks over nodes, close together */
    atomic_uint refs;
    atomic_size_t bytes, count;
    uint64_t random;
    _Atomic uint32_t height;
    struct memtable_node *head; /* no key */
};

static size_t node_bytes(uint8_t height)
{
    return sizeof(struct memtable_node) + height * sizeof(struct memtable_node * _Atomic);
}

static struct slice node_key(const struct memtable_node *node)
{
    return slice_of((const uint8_t *)node + node_bytes(node->height), node->key_len);
}

static uint64_t prefix_of(struct slice key)
{
    uint8_t bytes[8] = {0};

    if (key.len >= 8)
        return be64_get(key.ptr);
    if (key.len)
        memcpy(bytes, key.ptr, key.len);
    return be64_get(bytes);
}

static struct memtable_node *next_of(const struct memtable_node *node, uint32_t level)
{
    return atomic_load_explicit(&node->next[level], memory_order_acquire);
}

struct memtable *memtable_new(void)
{
    struct memtable *m = calloc(1, sizeof *m);

    must(m != NULL);
    arena_init(&m->nodes);
    arena_init(&m->values);
    atomic_init(&m->refs, 1);
    atomic_init(&m->height, 1);
    m->random = UINT64_C(0x9e3779b97f4a7c15);
    m->head = arena_zalloc(&m->nodes, node_bytes(HEIGHT_MAX));
    m->head->height = HEIGHT_MAX;
    return m;
}

void memtable_ref(struct memtable *m)
{
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
}

void memtable_unref(struct memtable *m)
{
    const unsigned left = atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel);

    must(left > 0);
    if (left > 1)
        return;
    arena_release(&m->nodes);
    arena_release(&m->values);
    free(m);
}

size_t memtable_bytes(const struct memtable *m)
{
    return atomic_load_explicit(&m->bytes, memory_order_relaxed);
}

size_t memtable_count(const struct memtable *m)
{
    return atomic_load_explicit(&m->count, memory_order_relaxed);
}

/* Whether a node's key comes before `key`. */
static bool before(const struct memtable_node *node, uint64_t prefix, struct slice key)
{
    if (node->prefix != prefix)
        return node->prefix < prefix;
    return slice_cmp(node_key(node), key) < 0;
}

/* The first node >= key; in `path`, when given, the last one before it at each level. */
static struct memtable_node *find(const struct memtable *m, struct slice key,
                                  struct memtable_node **path)
{
    const uint64_t prefix = prefix_of(key);
    struct memtable_node *node = m->head, *next = NULL, *beyond = NULL;
    uint32_t level = atomic_load_explicit(&m->height, memory_order_relaxed);

    while (level-- > 0) {
        next = next_of(node, level);
        while (next && next != beyond && before(next, prefix, key)) {
            node = next;
            next = next_of(node, level);
        }
        beyond = next; /* known not to come before: no second look one level down */
        if (path)
            path[level] = node;
    }
    return next;
}

static bool is_key(const struct memtable_node *node, struct slice key)
{
    return node && slice_eq(node_key(node), key);
}

/* One level with certainty, each further one with a chance of 1 in 4. */
static uint8_t random_height(struct memtable *m)
{
    uint8_t height = 1;

    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    for (uint64_t bits = m->random; height < HEIGHT_MAX && (bits & 3) == 0; bits >>= 2)
        height++;
    return height;
}

static struct memtable_node *insert_node(struct memtable *m, struct slice key,
                                         struct memtable_node **path, struct version *version,
                                         bool born)
{
    const uint8_t height = random_height(m);
    struct memtable_node *node = arena_alloc(&m->nodes, node_bytes(height) + key.len);
    const uint32_t old = atomic_load_explicit(&m->height, memory_order_relaxed);

    node->prefix = prefix_of(key);
    node->key_len = (uint16_t)key.len;
    node->height = height;
    node->born = born;
    atomic_init(&node->versions, version);
    memcpy((uint8_t *)node + node_bytes(height), key.ptr, key.len);
    for (uint32_t level = old; level < height; level++)
        path[level] = m->head;
    for (uint32_t level = 0; level < height; level++)
        atomic_init(&node->next[level],
                    atomic_load_explicit(&path[level]->next[level], memory_order_relaxed));
    for (uint32_t level = 0; level < height; level++)
        atomic_store_explicit(&path[level]->next[level], node, memory_order_release);
    if (height > old)
        atomic_store_explicit(&m->height, height, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->count, 1, memory_order_relaxed);
    return node;
}

void memtable_apply(struct memtable *m, int64_t seq, enum store_op_kind kind, struct slice key,
                    struct slice value)
{
    struct memtable_node *path[HEIGHT_MAX];
    struct memtable_node *node = find(m, key, path);
    struct version *version = arena_alloc(&m->values, sizeof *version + value.len);

    must(key.len > 0 && key.len <= STORE_KEY_MAX);
    must(value.len <= UINT32_MAX);
    version->older = NULL;
    version->seq = seq;
    version->len = (uint32_t)value.len;
    version->deleted = kind == STORE_DELETE;
    if (value.len)
        memcpy(version->bytes, value.ptr, value.len);
    if (is_key(node, key)) {
        const struct version *newest = atomic_load_explicit(&node->versions, memory_order_relaxed);

        must(newest->seq <= seq);
        version->older = newest->seq == seq ? newest->older : newest;
        atomic_store_explicit(&node->versions, version, memory_order_release);
    } else {
        insert_node(m, key, path, version, kind == STORE_INSERT);
    }
    atomic_store_explicit(&m->bytes, m->nodes.used_bytes + m->values.used_bytes,
                          memory_order_relaxed);
}

/* -- reading -------------------------------------------------------------------------------- */

static bool row_at(const struct memtable_node *node, int64_t max_seq, struct memtable_row *row)
{
    const struct version *v = atomic_load_explicit(&node->versions, memory_order_acquire);

    while (v && v->seq > max_seq)
        v = v->older;
    if (!v)
        return false;
    *row = (struct memtable_row){.key = node_key(node),
                                 .value = slice_of(v->bytes, v->len),
                                 .deleted = v->deleted,
                                 .elidable = v->deleted && node->born};
    return true;
}

bool memtable_get(const struct memtable *m, struct slice key, int64_t max_seq,
                  struct memtable_row *row)
{
    const struct memtable_node *node = find(m, key, NULL);

    return is_key(node, key) && row_at(node, max_seq, row);
}

/* The last node before `key`, or of all when it is empty. */
static const struct memtable_node *find_before(const struct memtable *m, struct slice key)
{
    const uint64_t prefix = prefix_of(key);
    const struct memtable_node *node = m->head;
    uint32_t level = atomic_load_explicit(&m->height, memory_order_relaxed);

    while (level-- > 0) {
        const struct memtable_node *next = next_of(node, level);

        while (next && (key.len == 0 || before(next, prefix, key))) {
            node = next;
            next = next_of(node, level);
        }
    }
    return node == m->head ? NULL : node;
}

static void step(struct memtable_iter *it)
{
    it->node = it->reverse ? find_before(it->m, node_key(it->node)) : next_of(it->node, 0);
}

static void skip_unseen(struct memtable_iter *it)
{
    while (it->node && !row_at(it->node, it->max_seq, &it->row))
        step(it);
}

void memtable_iter_seek(struct memtable_iter *it, const struct memtable *m, struct slice from,
                        bool reverse, int64_t max_seq)
{
    *it = (struct memtable_iter){.m = m, .max_seq = max_seq, .reverse = reverse};
    it->node = reverse ? find_before(m, from) : find(m, from, NULL);
    skip_unseen(it);
}

void memtable_iter_next(struct memtable_iter *it)
{
    step(it);
    skip_unseen(it);
}
