/* index.c - see index.h. Every row must have its postings, and there must be no others; counters
 * go down with each row, and must end at nothing. */
#include "admin/check/index.h"

#include "common/base/rng.h"
#include "history/shard/vis_index.h"

#include <stdio.h>
#include <stdlib.h>

struct index_counters {
    uint8_t namespace_id[16];
    uint64_t counts[HS_STATUSES];
};

void index_check_release(struct index_check *check)
{
    free(check->counters);
}

static struct index_counters *counters_of(struct index_check *check, const uint8_t *namespace_id,
                                          bool make)
{
    for (size_t i = 0; i < check->counter_count; i++)
        if (memcmp(check->counters[i].namespace_id, namespace_id, 16) == 0)
            return &check->counters[i];
    if (!make)
        return NULL;
    if (check->counter_count == check->counter_cap) {
        check->counter_cap = check->counter_cap ? check->counter_cap * 2 : 64;
        check->counters = realloc(check->counters, check->counter_cap * sizeof *check->counters);
        must(check->counters != NULL);
    }
    struct index_counters *counters = &check->counters[check->counter_count++];
    *counters = (struct index_counters){0};
    memcpy(counters->namespace_id, namespace_id, 16);
    return counters;
}

void index_check_key(struct index_check *check, struct slice key, struct slice value)
{
    if (key.len == HS_FORMAT_KEY_LEN && value.len == 1 && value.ptr[0] == HS_INDEX_FORMAT) {
        check->complete = true;
        check->first_tablet = key.ptr[0];
    } else if (key.len == HS_COUNTERS_KEY_LEN) {
        if (!hs_counters_decode(value, counters_of(check, key.ptr + HS_POSTING_AT, true)->counts))
            check->problem(check->arg, "-", "counters of executions can't be read", "");
    } else if (key.len > HS_POSTING_AT + HS_ORDER_LEN && key.len <= HS_INDEX_KEY_MAX &&
               key.ptr[HS_ROW_PREFIX_LEN] == 1 && value.len == 1) {
        check->found++;
    } else {
        check->problem(check->arg, "-", "a row of the visibility family can't be read", "");
    }
}

static void count_row(struct index_check *check, const uint8_t *namespace_id, int32_t status,
                      const char *run_id)
{
    struct index_counters *counters = counters_of(check, namespace_id, false);

    if (counters && counters->counts[status] > 0) {
        counters->counts[status]--;
        return;
    }
    check->problem(check->arg, run_id, "the counter of its status does not have it", "");
}

enum err index_check_row(struct index_check *check, struct store_snapshot *snapshot,
                         struct slice key, struct slice info, struct arena *arena)
{
    struct vis_execution execution;
    struct vis_posting *postings;
    uint32_t count;
    char run_id[UUID_TEXT_LEN + 1];
    uint8_t want[HS_INDEX_KEY_MAX];

    if (!check->complete || !vis_execution_read(info, &execution) ||
        !vis_is_indexed(&execution, arena))
        return ERR_OK;
    uuid_format(key.ptr + HS_ROW_PREFIX_LEN + 16, run_id);
    count_row(check, key.ptr + 1, execution.status, run_id);
    vis_postings_of(&execution, arena, &postings, &count);
    check->wanted += count;
    for (uint32_t i = 0; i < count; i++) {
        const size_t at = hs_posting_prefix(want, check->first_tablet, key.ptr + 1,
                                            vis_posting_slice(&postings[i]));
        struct slice value;
        bool found;

        memcpy(want + at, key.ptr + HS_ROW_PREFIX_LEN, HS_ORDER_LEN);
        const enum err err = store_get(snapshot, STORE_VISIBILITY,
                                       slice_of(want, at + HS_ORDER_LEN), arena, &value, &found);
        if (err != ERR_OK)
            return err;
        if (!found || value.len != 1 || value.ptr[0] != key.ptr[0])
            check->problem(check->arg, run_id, "its visibility row is not in the index", "");
    }
    return ERR_OK;
}

void index_check_end(struct index_check *check)
{
    char text[96];

    if (!check->complete)
        return;
    for (size_t i = 0; i < check->counter_count; i++)
        for (int status = 0; status < HS_STATUSES; status++) {
            const uint64_t left = check->counters[i].counts[status];

            snprintf(text, sizeof text, "%llu more than there are, of status %d",
                     (unsigned long long)left, status);
            if (left > 0)
                check->problem(check->arg, "-", "a counter of executions has", text);
        }
    snprintf(text, sizeof text, "%llu, %llu that rows name", (unsigned long long)check->found,
             (unsigned long long)check->wanted);
    if (check->found != check->wanted)
        check->problem(check->arg, "-", "rows of the visibility index:", text);
}
