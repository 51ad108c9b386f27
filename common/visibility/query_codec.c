/* query_codec.c - a parsed filter as a record: its nodes in preorder, each with its count of
 * children. Neither side recurses: the tree comes from outside. */
#include "common/visibility/query.h"

#include "common/pack/record.h"

enum query_key { QUERY_NODES = 1, QUERY_GROUPS = 2 };
enum node_key {
    NODE_KIND = 1,
    NODE_CHILDREN = 2,
    NODE_NAME = 3,
    NODE_TYPE = 4,
    NODE_CUSTOM = 5,
    NODE_OP = 6,
    NODE_VALUES = 7,
};
enum value_key { VALUE_TEXT = 1, VALUE_NUMBER = 2, VALUE_REAL = 3 };

/* The next node in preorder: `path` holds the way to the current one. */
struct walk {
    const struct vis_node *path[VIS_DEPTH_MAX];
    uint32_t next_child[VIS_DEPTH_MAX], depth;
    const struct vis_node *root;
};

static const struct vis_node *walk_next(struct walk *walk)
{
    if (walk->root) {
        walk->path[0] = walk->root;
        walk->next_child[0] = 0;
        walk->depth = 1;
        walk->root = NULL;
        return walk->path[0];
    }
    while (walk->depth > 0) {
        const struct vis_node *parent = walk->path[walk->depth - 1];
        const uint32_t index = walk->next_child[walk->depth - 1]++;

        if (index < parent->child_count) {
            must(walk->depth < VIS_DEPTH_MAX);
            walk->path[walk->depth] = parent->children[index];
            walk->next_child[walk->depth] = 0;
            return walk->path[walk->depth++];
        }
        walk->depth--;
    }
    return NULL;
}

static uint64_t bits_of(double real)
{
    uint64_t bits;

    memcpy(&bits, &real, sizeof bits);
    return bits;
}

static void put_node(struct rec_writer *w, const struct vis_node *node)
{
    rec_item(w);
    rec_put_u64(w, NODE_KIND, node->kind);
    if (node->kind != VIS_COMPARE) {
        rec_put_u64(w, NODE_CHILDREN, node->child_count);
    } else {
        rec_put_bytes(w, NODE_NAME, node->name);
        rec_put_u64(w, NODE_TYPE, node->type);
        rec_put_bool(w, NODE_CUSTOM, node->is_custom);
        rec_put_u64(w, NODE_OP, node->op);
        rec_list(w, NODE_VALUES, node->value_count);
        for (uint32_t i = 0; i < node->value_count; i++) {
            const struct vis_value *value = &node->values[i];

            rec_item(w);
            if (value->text.len)
                rec_put_bytes(w, VALUE_TEXT, value->text);
            if (value->number)
                rec_put_i64(w, VALUE_NUMBER, value->number);
            if (bits_of(value->real))
                rec_put_u64(w, VALUE_REAL, bits_of(value->real));
            rec_end(w);
        }
    }
    rec_end(w);
}

void vis_query_encode(const struct vis_query *query, struct buf *out)
{
    struct rec_writer w;
    struct walk walk = {.root = query->where};
    const struct vis_node *node;
    uint32_t count = 0;

    while (walk_next(&walk))
        count++;
    rec_begin(&w, out);
    rec_list(&w, QUERY_NODES, count);
    walk = (struct walk){.root = query->where};
    while ((node = walk_next(&walk)))
        put_node(&w, node);
    rec_list(&w, QUERY_GROUPS, query->group_count);
    for (uint32_t i = 0; i < query->group_count; i++) {
        rec_item(&w);
        rec_put_bytes(&w, NODE_NAME, query->group_by[i].name);
        rec_put_u64(&w, NODE_TYPE, query->group_by[i].type);
        rec_put_bool(&w, NODE_CUSTOM, query->group_by[i].is_custom);
        rec_end(&w);
    }
    rec_end(&w);
}

/* -- decoding ------------------------------------------------------------------------------- */

static bool values_fit(enum vis_op op, uint32_t count)
{
    switch (op) {
    case VIS_IS_NULL:
    case VIS_IS_NOT_NULL:
        return count == 0;
    case VIS_BETWEEN:
    case VIS_NOT_BETWEEN:
        return count == 2;
    case VIS_IN:
    case VIS_NOT_IN:
        return count >= 1;
    case VIS_EQ:
    case VIS_NE:
    case VIS_LT:
    case VIS_LE:
    case VIS_GT:
    case VIS_GE:
    case VIS_STARTS_WITH:
    case VIS_NOT_STARTS_WITH:
        return count == 1;
    }
    return false;
}

static bool get_compare(struct arena *arena, struct rec *r, struct vis_node *node,
                        uint32_t *values_left)
{
    const uint64_t type = rec_u64(r, NODE_TYPE, 0), op = rec_u64(r, NODE_OP, 0);

    node->name = rec_bytes(r, NODE_NAME);
    node->is_custom = rec_bool(r, NODE_CUSTOM, false);
    node->value_count = rec_list_count(r, NODE_VALUES);
    if (type < VIS_TEXT || type > VIS_KEYWORD_LIST || op < VIS_EQ || op > VIS_IS_NOT_NULL ||
        node->name.len == 0 || node->value_count > *values_left ||
        !values_fit((enum vis_op)op, node->value_count))
        return false;
    *values_left -= node->value_count;
    node->type = (enum vis_type)type;
    node->op = (enum vis_op)op;
    node->values = ARENA_ARRAY(arena, struct vis_value, node->value_count);
    for (uint32_t i = 0; i < node->value_count; i++) {
        struct rec item = rec_list_item(r, NODE_VALUES, i);
        const uint64_t bits = rec_u64(&item, VALUE_REAL, 0);

        node->values[i].text = rec_bytes(&item, VALUE_TEXT);
        node->values[i].number = rec_i64(&item, VALUE_NUMBER, 0);
        memcpy(&node->values[i].real, &bits, sizeof bits);
        if (item.malformed)
            return false;
    }
    return !r->malformed;
}

static bool get_node(struct arena *arena, struct rec *r, struct vis_node *node,
                     uint32_t *values_left)
{
    const uint64_t kind = rec_u64(r, NODE_KIND, 0), children = rec_u64(r, NODE_CHILDREN, 0);

    if (kind < VIS_AND || kind > VIS_COMPARE)
        return false;
    node->kind = (enum vis_kind)kind;
    if (node->kind == VIS_COMPARE)
        return get_compare(arena, r, node, values_left);
    if (children > VIS_NODES_MAX || children < (node->kind == VIS_NOT ? 1U : 2U) ||
        (node->kind == VIS_NOT && children != 1))
        return false;
    node->child_count = (uint32_t)children;
    node->children = ARENA_ARRAY(arena, struct vis_node *, node->child_count);
    return !r->malformed;
}

static bool get_tree(struct arena *arena, struct rec *r, struct vis_node **root)
{
    struct vis_node *path[VIS_DEPTH_MAX];
    uint32_t filled[VIS_DEPTH_MAX], depth = 0, values_left = VIS_VALUES_MAX, promised = 1;
    const uint32_t count = rec_list_count(r, QUERY_NODES);

    *root = NULL;
    if (count > VIS_NODES_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct rec item = rec_list_item(r, QUERY_NODES, i);
        struct vis_node *node = ARENA_NEW(arena, struct vis_node);

        if (depth == VIS_DEPTH_MAX || !get_node(arena, &item, node, &values_left))
            return false;
        promised += node->child_count;
        if (promised > count || (depth == 0 && *root)) /* more than there is; a second tree */
            return false;
        if (depth == 0)
            *root = node;
        else
            path[depth - 1]->children[filled[depth - 1]++] = node;
        path[depth] = node;
        filled[depth++] = 0;
        while (depth > 0 && filled[depth - 1] == path[depth - 1]->child_count)
            depth--;
    }
    return depth == 0;
}

enum err vis_query_decode(struct arena *arena, struct slice body, struct vis_query *out)
{
    struct vis_query query = {0};
    struct rec r;

    if (body.len == 0) {
        *out = query;
        return ERR_OK;
    }
    if (rec_decode(arena, body, &r) != ERR_OK || !get_tree(arena, &r, &query.where))
        return ERR_INVALID;
    query.group_count = rec_list_count(&r, QUERY_GROUPS);
    if (query.group_count > VIS_GROUPS_MAX)
        return ERR_INVALID;
    for (uint32_t i = 0; i < query.group_count; i++) {
        struct rec item = rec_list_item(&r, QUERY_GROUPS, i);
        const uint64_t type = rec_u64(&item, NODE_TYPE, 0);

        query.group_by[i].name = rec_bytes(&item, NODE_NAME);
        query.group_by[i].is_custom = rec_bool(&item, NODE_CUSTOM, false);
        if (item.malformed || type < VIS_TEXT || type > VIS_KEYWORD_LIST)
            return ERR_INVALID;
        query.group_by[i].type = (enum vis_type)type;
    }
    if (r.malformed)
        return ERR_INVALID;
    *out = query;
    return ERR_OK;
}
