/* match.c - see match.h; the rules are those of common/visibility/query.h.
 *
 * Without recursion: the tree comes from outside. Three values, as in SQL. */
#include "history/visibility/match.h"

#include <ctype.h>

enum tri { NO, YES, UNKNOWN };

static enum tri tri_of(bool holds)
{
    return holds ? YES : NO;
}

static enum tri tri_not(enum tri value)
{
    return value == UNKNOWN ? UNKNOWN : tri_of(value == NO);
}

/* -- one value against one ----------------------------------------------------------------------
 */

bool vis_read_as(enum vis_type type, struct vis_datum *datum)
{
    switch (type) {
    case VIS_TEXT:
    case VIS_KEYWORD:
    case VIS_KEYWORD_LIST:
        return datum->shape == VIS_SHAPE_STRING;
    case VIS_INT:
        return datum->shape == VIS_SHAPE_INTEGER;
    case VIS_DOUBLE:
        return datum->shape == VIS_SHAPE_INTEGER || datum->shape == VIS_SHAPE_REAL;
    case VIS_BOOL:
        return datum->shape == VIS_SHAPE_BOOL;
    case VIS_DATETIME:
        return datum->shape == VIS_SHAPE_INTEGER ||
               (datum->shape == VIS_SHAPE_STRING && vis_time_parse(datum->text, &datum->number));
    }
    return false;
}

static int order_of(enum vis_type type, const struct vis_datum *have, const struct vis_value *want)
{
    if (type == VIS_KEYWORD || type == VIS_KEYWORD_LIST)
        return slice_cmp(have->text, want->text);
    if (type == VIS_DOUBLE)
        return have->real < want->real ? -1 : have->real > want->real;
    return have->number < want->number ? -1 : have->number > want->number;
}

static bool is_word_byte(uint8_t byte)
{
    return isalnum(byte) || byte >= 0x80;
}

static bool next_word(struct slice *rest, struct slice *word)
{
    size_t from = 0, to;

    while (from < rest->len && !is_word_byte(rest->ptr[from]))
        from++;
    for (to = from; to < rest->len && is_word_byte(rest->ptr[to]);)
        to++;
    *word = slice_of(rest->ptr + from, to - from);
    *rest = slice_of(rest->ptr + to, rest->len - to);
    return word->len > 0;
}

static bool same_word(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (tolower(a.ptr[i]) != tolower(b.ptr[i]))
            return false;
    return true;
}

/* Do the words of the phrase stand in the text, one after the other? */
static bool has_phrase(struct slice text, struct slice phrase)
{
    struct slice first, word, wanted;
    struct slice rest_of_phrase = phrase;

    if (!next_word(&rest_of_phrase, &first))
        return false;
    while (next_word(&text, &word)) {
        struct slice more = rest_of_phrase, after = text;
        bool all = same_word(word, first);

        while (all && next_word(&more, &wanted))
            all = next_word(&after, &word) && same_word(word, wanted);
        if (all)
            return true;
    }
    return false;
}

static bool equals_one(const struct vis_node *node, const struct vis_datum *have)
{
    for (uint32_t i = 0; i < node->value_count; i++) {
        const struct vis_value *want = &node->values[i];

        if (node->type == VIS_TEXT ? has_phrase(have->text, want->text)
                                   : order_of(node->type, have, want) == 0)
            return true;
    }
    return false;
}

/* What the operator says of one value, before it is turned around by a NOT_ or NE. */
static bool holds_for(const struct vis_node *node, const struct vis_datum *have)
{
    const struct vis_value *values = node->values;

    switch (node->op) {
    case VIS_EQ:
    case VIS_NE:
    case VIS_IN:
    case VIS_NOT_IN:
        return equals_one(node, have);
    case VIS_LT:
        return order_of(node->type, have, values) < 0;
    case VIS_LE:
        return order_of(node->type, have, values) <= 0;
    case VIS_GT:
        return order_of(node->type, have, values) > 0;
    case VIS_GE:
        return order_of(node->type, have, values) >= 0;
    case VIS_BETWEEN:
    case VIS_NOT_BETWEEN:
        return order_of(node->type, have, &values[0]) >= 0 &&
               order_of(node->type, have, &values[1]) <= 0;
    case VIS_STARTS_WITH:
    case VIS_NOT_STARTS_WITH:
        return have->shape == VIS_SHAPE_STRING && slice_starts_with(have->text, values[0].text);
    case VIS_IS_NULL:
    case VIS_IS_NOT_NULL:
        return true;
    }
    return false;
}

static bool is_turned(enum vis_op op)
{
    return op == VIS_NE || op == VIS_NOT_IN || op == VIS_NOT_BETWEEN || op == VIS_NOT_STARTS_WITH ||
           op == VIS_IS_NULL;
}

/* *there: the execution has the attribute; *holds: for one of its values at least. */
static void compare(const struct vis_node *node, const struct vis_execution *execution,
                    struct arena *arena, bool *there, bool *holds)
{
    struct vis_attribute_value value;
    struct vis_datum datum;

    *there = *holds = false;
    if (!node->is_custom && vis_system_value(execution, node->name, &datum)) {
        *there = vis_read_as(node->type, &datum);
        *holds = *there && holds_for(node, &datum);
        return;
    }
    if (!vis_attribute_find(execution, node->name, &value) ||
        (value.type && value.type != node->type))
        return;
    struct vis_elements walk = {.rest = value.json};
    while (!*holds && vis_element_next(&walk, arena, &datum)) {
        if (!vis_read_as(node->type, &datum))
            continue;
        *there = true;
        *holds = holds_for(node, &datum);
    }
}

static enum tri leaf(const struct vis_node *node, const struct vis_execution *execution,
                     struct arena *arena)
{
    bool there, holds;

    compare(node, execution, arena, &there, &holds);
    if (node->op == VIS_IS_NULL)
        return tri_of(!there);
    if (node->op == VIS_IS_NOT_NULL)
        return tri_of(there);
    if (!there)
        return UNKNOWN;
    return tri_of(holds != is_turned(node->op));
}

/* -- the tree ------------------------------------------------------------------------------------
 */

struct level {
    const struct vis_node *node;
    uint32_t next; /* child to be looked at */
    enum tri so_far;
};

/* A child of the level has this value: is the level's own value settled by it? */
static bool settles(struct level *level, enum tri value)
{
    switch (level->node->kind) {
    case VIS_AND:
        if (value != YES)
            level->so_far = value;
        return value == NO;
    case VIS_OR:
        if (value != NO)
            level->so_far = value;
        return value == YES;
    case VIS_NOT:
        level->so_far = tri_not(value);
        return true;
    case VIS_COMPARE:
        break;
    }
    return true;
}

bool vis_matches(const struct vis_node *where, const struct vis_execution *execution,
                 struct arena *arena)
{
    struct level path[VIS_DEPTH_MAX];
    uint32_t depth = 0;
    const struct vis_node *node = where;

    if (!where)
        return true;
    for (;;) {
        while (node->kind != VIS_COMPARE) {
            must(depth < VIS_DEPTH_MAX && node->child_count > 0);
            path[depth++] = (struct level){node, 1, node->kind == VIS_AND ? YES : NO};
            node = node->children[0];
        }
        enum tri value = leaf(node, execution, arena);
        while (depth > 0) {
            struct level *level = &path[depth - 1];

            if (!settles(level, value) && level->next < level->node->child_count) {
                node = level->node->children[level->next++];
                break;
            }
            value = level->so_far;
            depth--;
        }
        if (depth == 0)
            return value == YES;
    }
}
