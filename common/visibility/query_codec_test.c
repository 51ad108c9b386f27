/* query_codec_test.c - filters as records: round trips, bounds, and bytes from elsewhere. */
#include "common/visibility/query.h"

#include "common/base/buf.h"
#include "common/base/rng.h"
#include "tests/lib/test.h"

static struct vis_node compare(const char *name, enum vis_type type, enum vis_op op,
                               struct vis_value *values, uint32_t count)
{
    return (struct vis_node){.kind = VIS_COMPARE,
                             .name = slice_str(name),
                             .type = type,
                             .op = op,
                             .values = values,
                             .value_count = count};
}

static void check_same(const struct vis_node *got, const struct vis_node *want)
{
    check_i64(got->kind, want->kind);
    check_i64(got->child_count, want->child_count);
    check_i64(got->value_count, want->value_count);
    check_slice(got->name, want->name);
    check_i64(got->op, want->op);
    check_i64(got->type, want->type);
    check(got->is_custom == want->is_custom);
    for (uint32_t i = 0; i < want->value_count && i < got->value_count; i++) {
        check_slice(got->values[i].text, want->values[i].text);
        check_i64(got->values[i].number, want->values[i].number);
        check(memcmp(&got->values[i].real, &want->values[i].real, sizeof(double)) == 0);
    }
}

static void encode_example(struct buf *out, struct vis_node **root)
{
    static struct vis_value words[2];
    static struct vis_value numbers[] = {{.number = -5}, {.number = INT64_MAX}};
    static struct vis_value real = {.real = -1.5e300};
    static struct vis_node nodes[6];
    static struct vis_node *children[3], *either[2], *negated[1];

    words[0].text = SLICE_LIT("a");
    words[1].text = SLICE_LIT("b");
    nodes[0] = compare("WorkflowType", VIS_KEYWORD, VIS_IN, words, 2);
    nodes[1] = compare("StartTime", VIS_DATETIME, VIS_BETWEEN, numbers, 2);
    nodes[2] = compare("Mine", VIS_DOUBLE, VIS_GE, &real, 1);
    nodes[2].is_custom = true;
    nodes[3] = (struct vis_node){.kind = VIS_NOT, .children = negated, .child_count = 1};
    nodes[4] = (struct vis_node){.kind = VIS_OR, .children = either, .child_count = 2};
    nodes[5] = compare("CloseTime", VIS_DATETIME, VIS_IS_NULL, NULL, 0);
    static struct vis_node all = {.kind = VIS_AND, .children = children, .child_count = 3};
    negated[0] = &nodes[1];
    either[0] = &nodes[2];
    either[1] = &nodes[5];
    children[0] = &nodes[0];
    children[1] = &nodes[3];
    children[2] = &nodes[4];
    *root = &all;
    const struct vis_query query = {
        .where = &all,
        .group_by = {{.name = SLICE_LIT("ExecutionStatus"), .type = VIS_KEYWORD}},
        .group_count = 1};
    vis_query_encode(&query, out);
    check(buf_ok(out));
}

TEST(query_codec_gives_back_the_tree)
{
    struct arena arena;
    struct vis_node *root;
    struct vis_query got;
    struct buf buf;

    arena_init(&arena);
    buf_init(&buf, 0);
    encode_example(&buf, &root);
    check_ok(vis_query_decode(&arena, buf_slice(&buf), &got));
    check_i64(got.group_count, 1);
    check_slice(got.group_by[0].name, SLICE_LIT("ExecutionStatus"));
    check_same(got.where, root);
    for (uint32_t i = 0; i < 3; i++)
        check_same(got.where->children[i], root->children[i]);
    check_same(got.where->children[1]->children[0], root->children[1]->children[0]);
    check_same(got.where->children[2]->children[0], root->children[2]->children[0]);
    check_same(got.where->children[2]->children[1], root->children[2]->children[1]);

    check_ok(vis_query_decode(&arena, SLICE_EMPTY, &got));
    check(got.where == NULL && got.group_count == 0);
    buf_release(&buf);
    arena_release(&arena);
}

TEST(query_codec_refuses_what_is_cut_or_changed_without_harm)
{
    struct arena arena;
    struct vis_node *root;
    struct vis_query got;
    struct buf buf;
    struct rng rng;

    arena_init(&arena);
    buf_init(&buf, 0);
    encode_example(&buf, &root);
    for (size_t len = 1; len < buf.len; len++)
        check_err(vis_query_decode(&arena, slice_of(buf.ptr, len), &got), ERR_INVALID);
    rng_seed(&rng, 7);
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[1024];

        must(buf.len <= sizeof bytes);
        memcpy(bytes, buf.ptr, buf.len);
        for (int change = 0; change < 3; change++)
            bytes[rng_below(&rng, buf.len)] = (uint8_t)rng_below(&rng, 256);
        if (vis_query_decode(&arena, slice_of(bytes, buf.len), &got) == ERR_OK && got.where)
            check(got.where->kind >= VIS_AND && got.where->kind <= VIS_COMPARE);
        arena_reset(&arena);
    }
    buf_release(&buf);
    arena_release(&arena);
}

TEST(query_codec_bounds_depth)
{
    struct vis_node nodes[VIS_DEPTH_MAX], *child[VIS_DEPTH_MAX];
    struct arena arena;
    struct vis_query query, got;
    struct buf buf;

    for (size_t i = 0; i + 1 < VIS_DEPTH_MAX; i++) {
        child[i] = &nodes[i + 1];
        nodes[i] = (struct vis_node){.kind = VIS_NOT, .children = &child[i], .child_count = 1};
    }
    nodes[VIS_DEPTH_MAX - 1] = compare("CloseTime", VIS_DATETIME, VIS_IS_NULL, NULL, 0);
    query = (struct vis_query){.where = &nodes[0]};
    arena_init(&arena);
    buf_init(&buf, 0);
    vis_query_encode(&query, &buf);
    check_ok(vis_query_decode(&arena, buf_slice(&buf), &got));
    buf_release(&buf);
    arena_release(&arena);
}
