/* plan.c - see plan.h. Without recursion: the tree comes from outside. What is not understood has
 * no list: the rows are looked at anyway. */
#include "history/visibility/plan.h"

#include "history/visibility/match.h"

bool vis_is_default(const struct vis_node *where)
{
    return where &&
           (vis_is_default_division(where) || (where->kind == VIS_AND && where->child_count > 0 &&
                                               vis_is_default_division(where->children[0])));
}

/* A comparison, or an OR of them; of a child that is an AND, one comparison stands for all. */
static bool list_of(const struct vis_node *node, struct arena *arena, struct vis_list *out)
{
    const bool is_or = node->kind == VIS_OR;
    const uint32_t children = is_or ? node->child_count : 1;
    struct vis_term *terms = arena_alloc(arena, VIS_TERMS_MAX * sizeof *terms);
    uint32_t count = 0;
    bool exact = true;

    if (!is_or && node->kind != VIS_COMPARE)
        return false;
    for (uint32_t i = 0; i < children; i++) {
        const struct vis_node *child = is_or ? node->children[i] : node;
        struct vis_term *more = NULL;
        uint32_t more_count = 0;
        bool found = child->kind == VIS_COMPARE && vis_terms_of(child, arena, &more, &more_count);

        for (uint32_t j = 0; child->kind == VIS_AND && !found && j < child->child_count; j++) {
            exact = false;
            found = child->children[j]->kind == VIS_COMPARE &&
                    vis_terms_of(child->children[j], arena, &more, &more_count);
        }
        if (!found || more_count > VIS_TERMS_MAX - count)
            return false;
        for (uint32_t j = 0; j < more_count; j++) {
            exact = exact && more[j].exact;
            terms[count++] = more[j];
        }
    }
    *out = (struct vis_list){terms, count, exact};
    return true;
}

static bool is_span(const struct vis_list *list)
{
    return list->count == 1 && list->terms[0].kind == VIS_TERM_SPAN;
}

static bool has_span(const struct vis_plan *plan)
{
    for (uint32_t i = 0; i < plan->count; i++)
        for (uint32_t j = 0; j < plan->lists[i].count; j++)
            if (plan->lists[i].terms[j].kind == VIS_TERM_SPAN)
                return true;
    return false;
}

/* One list for all spans that must hold. */
static void merge_spans(struct vis_plan *plan)
{
    struct vis_list *first = &plan->lists[plan->count - 1];

    for (uint32_t i = 0; i + 1 < plan->count; i++)
        if (is_span(&plan->lists[i])) {
            first = &plan->lists[i];
            break;
        }
    const struct vis_list *last = &plan->lists[plan->count - 1];
    if (first == last || !is_span(last))
        return;
    struct vis_span *into = &first->terms[0].span;
    const struct vis_span *span = &last->terms[0].span;
    into->statuses &= span->statuses;
    if (span->start_min > into->start_min)
        into->start_min = span->start_min;
    if (span->start_max < into->start_max)
        into->start_max = span->start_max;
    first->exact = first->exact && last->exact;
    plan->count--;
}

/* A span that says no more than whether it is closed is left to the bounds of the read. */
static void drop_idle_span(struct vis_plan *plan)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct vis_span *span = &plan->lists[i].terms[0].span;
        const uint32_t closed = span->statuses & VIS_CLOSED_STATUSES;

        if (!is_span(&plan->lists[i]) || span->start_min != INT64_MIN ||
            span->start_max != INT64_MAX || (closed != 0 && closed != VIS_CLOSED_STATUSES))
            continue;
        plan->lists[i] = plan->lists[--plan->count];
        plan->exact = false;
        return;
    }
}

/* All of these must hold. */
static void add_part(struct vis_plan *plan, const struct vis_node *node, struct arena *arena)
{
    if (vis_is_default_division(node)) /* holds for whatever is in the index */
        return;
    if (plan->count < VIS_LISTS_MAX && list_of(node, arena, &plan->lists[plan->count])) {
        plan->exact = plan->lists[plan->count++].exact && plan->exact;
        merge_spans(plan);
    } else {
        plan->exact = false;
    }
}

struct level {
    const struct vis_node *node;
    uint32_t next;
};

struct vis_plan vis_plan_of(const struct vis_node *where, struct arena *arena)
{
    struct level path[VIS_DEPTH_MAX] = {{NULL, 0}};
    uint32_t depth = 0;
    struct vis_plan plan = {.exact = true};
    const struct vis_node *node = where;

    if (!vis_is_default(where))
        return (struct vis_plan){.exact = false};
    for (;;) {
        if (node->kind == VIS_AND && depth < VIS_DEPTH_MAX)
            path[depth++] = (struct level){node, 0};
        else
            add_part(&plan, node, arena);
        while (depth > 0 && path[depth - 1].next == path[depth - 1].node->child_count)
            depth--;
        if (depth == 0)
            break;
        node = path[depth - 1].node->children[path[depth - 1].next++];
    }
    drop_idle_span(&plan);
    plan.open_exact = plan.exact && !has_span(&plan);
    return plan;
}

bool vis_plan_is_of_ranges(const struct vis_plan *plan)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        uint32_t ranges = 0;

        for (uint32_t j = 0; j < plan->lists[i].count; j++)
            ranges += plan->lists[i].terms[j].kind == VIS_TERM_RANGE;
        if (ranges == 0)
            return false;
    }
    return plan->count > 0;
}

bool vis_is_of_status(const struct vis_node *where)
{
    struct level path[VIS_DEPTH_MAX];
    uint32_t depth = 0;
    const struct vis_node *node = where;

    if (!vis_is_default(where))
        return false;
    for (;;) {
        if (node->kind != VIS_COMPARE) {
            if (depth == VIS_DEPTH_MAX)
                return false;
            path[depth++] = (struct level){node, 0};
        } else if (!vis_is_default_division(node) &&
                   (node->is_custom || !slice_eq(node->name, SLICE_LIT("ExecutionStatus")))) {
            return false;
        }
        while (depth > 0 && path[depth - 1].next == path[depth - 1].node->child_count)
            depth--;
        if (depth == 0)
            return true;
        node = path[depth - 1].node->children[path[depth - 1].next++];
    }
}

static bool is_status(const struct vis_node *node)
{
    return node->kind == VIS_COMPARE && !node->is_custom && node->type == VIS_INT &&
           slice_eq(node->name, SLICE_LIT("ExecutionStatus"));
}

bool vis_may_have_status(const struct vis_node *where, int32_t status, struct arena *scratch)
{
    const struct vis_execution execution = {.status = status};

    if (!where)
        return true;
    if (where->kind != VIS_AND)
        return !is_status(where) || vis_matches(where, &execution, scratch);
    for (uint32_t i = 0; i < where->child_count; i++) {
        const struct vis_node *child = where->children[i];

        if (child->kind == VIS_NOT && is_status(child->children[0])
                ? !vis_matches(child, &execution, scratch)
                : is_status(child) && !vis_matches(child, &execution, scratch))
            return false;
    }
    return true;
}
