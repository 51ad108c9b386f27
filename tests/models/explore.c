/* explore.c - states in one array in order of discovery, found again by open addressing. */
#include "tests/models/explore.h"

#include "common/base/hash.h"

#include <stdlib.h>

struct step { /* how a state was reached */
    uint32_t parent, depth;
    const char *label;
};

struct explore {
    const struct explore_model *model;
    uint8_t *states;
    struct step *steps;
    uint32_t *slots; /* index + 1; 0: free */
    size_t count, cap, slot_count, transitions;
    uint32_t from; /* whose successors are being emitted */
    bool cut;
};

static const void *state_at(const struct explore *s, size_t index)
{
    return s->states + index * s->model->state_bytes;
}

static size_t slot_of(const struct explore *s, const void *state)
{
    const size_t bytes = s->model->state_bytes;
    size_t slot = (size_t)hash_bytes(slice_of(state, bytes), 0) & (s->slot_count - 1);

    while (s->slots[slot] && memcmp(state_at(s, s->slots[slot] - 1), state, bytes) != 0)
        slot = (slot + 1) & (s->slot_count - 1);
    return slot;
}

static void grow(struct explore *s)
{
    s->cap = s->cap ? s->cap * 2 : 1024;
    s->slot_count = s->cap * 2;
    s->states = realloc(s->states, s->cap * s->model->state_bytes);
    s->steps = realloc(s->steps, s->cap * sizeof *s->steps);
    free(s->slots);
    s->slots = calloc(s->slot_count, sizeof *s->slots);
    must(s->states && s->steps && s->slots);
    for (size_t i = 0; i < s->count; i++)
        s->slots[slot_of(s, state_at(s, i))] = (uint32_t)i + 1;
}

static void add(struct explore *s, const void *state, const char *label, uint32_t depth)
{
    if (s->count == s->cap)
        grow(s);
    const size_t slot = slot_of(s, state);

    if (s->slots[slot])
        return;
    if (s->count >= s->model->states_max) {
        s->cut = true;
        return;
    }
    memcpy(s->states + s->count * s->model->state_bytes, state, s->model->state_bytes);
    s->steps[s->count] = (struct step){.parent = s->from, .depth = depth, .label = label};
    s->slots[slot] = (uint32_t)++s->count;
}

void explore_emit(struct explore *s, const void *state, const char *label)
{
    s->transitions++;
    add(s, state, label, s->steps[s->from].depth + 1);
}

static void print_trace(const struct explore *s, size_t index, FILE *out)
{
    const uint32_t depth = s->steps[index].depth;
    const char **labels = calloc((size_t)depth + 1, sizeof *labels);

    must(labels != NULL);
    for (size_t i = index, left = depth; left > 0; i = s->steps[i].parent)
        labels[--left] = s->steps[i].label;
    for (uint32_t i = 0; i < depth; i++)
        fprintf(out, "    %2u %s\n", i + 1, labels[i]);
    free(labels);
}

struct explore_result explore_run(const struct explore_model *model, FILE *trace)
{
    struct explore s = {.model = model};
    struct explore_result result = {0};
    uint8_t *state = malloc(model->state_bytes);

    must(state != NULL);
    must(model->states_max < UINT32_MAX);
    add(&s, model->initial, "start", 0);
    for (size_t i = 0; i < s.count && !s.cut; i++) {
        result.depth = s.steps[i].depth;
        memcpy(state, state_at(&s, i), model->state_bytes); /* the array moves as it grows */
        result.broken = model->broken(state, model->arg);
        if (result.broken) {
            if (trace)
                print_trace(&s, i, trace);
            break;
        }
        s.from = (uint32_t)i;
        model->next(&s, state, model->arg);
    }
    result.states = s.count;
    result.transitions = s.transitions;
    result.cut = s.cut;
    free(state);
    free(s.states);
    free(s.steps);
    free(s.slots);
    return result;
}

/* -- a suite --------------------------------------------------------------------------------- */

static bool config_is_fine(const struct explore_suite *suite, size_t config)
{
    const struct explore_result r = suite->search(config, 0, stdout);

    printf("  %s: %zu states, %zu steps, depth %u%s%s\n", suite->config_name(config), r.states,
           r.transitions, r.depth, r.broken ? ": " : "",
           r.broken ? r.broken : (r.cut ? " (cut)" : ""));
    return !r.broken && !r.cut;
}

static bool law_is_needed(const struct explore_suite *suite, uint32_t law)
{
    for (size_t i = 0; i < suite->config_count; i++) {
        const struct explore_result r = suite->search(i, 1u << law, NULL);

        if (r.cut)
            return false;
        if (r.broken) {
            printf("  without \"%s\": %s, after %u steps (%s)\n", suite->law_names[law], r.broken,
                   r.depth, suite->config_name(i));
            return true;
        }
    }
    printf("  without \"%s\": no counter-example\n", suite->law_names[law]);
    return false;
}

int explore_main(const struct explore_suite *suite)
{
    int passed = 0, failed = 0;

    for (size_t i = 0; i < suite->config_count; i++)
        *(config_is_fine(suite, i) ? &passed : &failed) += 1;
    for (uint32_t law = 0; law < suite->law_count; law++)
        *(law_is_needed(suite, law) ? &passed : &failed) += 1;
    printf("%s: %d passed, %d failed\n", suite->name, passed, failed);
    return failed != 0;
}
