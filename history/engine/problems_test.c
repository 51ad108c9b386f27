/* problems_test.c - TemporalReportedProblems appears after the fifth bad attempt in a row, says
 * what the history says last, and goes with the next success. */
#include "history/engine/attributes.h"
#include "history/engine/engine_rig.h"

#include "common/proto/wire.h"

/* The value of the attribute in Describe; NULL: it is not there. */
static const char *problems(struct rig *rig)
{
    const api_describe_workflow_execution_response *d =
        engine_decode(&rig->arena, &api_describe_workflow_execution_response__desc,
                      engine_describe(rig->run, &rig->arena, rig->now_ns));

    must(d != NULL);
    const api_search_attributes *shown = d->workflow_execution_info->search_attributes;
    for (size_t i = 0; i < shown->n_indexed_fields; i++)
        if (strcmp(shown->indexed_fields[i]->key, "TemporalReportedProblems") == 0)
            return arena_str(&rig->arena, slice_of(shown->indexed_fields[i]->value->data.data,
                                                   shown->indexed_fields[i]->value->data.len));
    return NULL;
}

TEST(test_failed_attempts_are_reported_until_one_succeeds)
{
    struct rig rig;

    rig_init(&rig, "failed");
    rig_run(&rig, "start poll wfail poll wfail poll wfail poll wfail");
    check(problems(&rig) == NULL);
    rig_run(&rig, "poll wfail");
    check_str(problems(&rig), "[\"category=WorkflowTaskFailed\",\"cause=WorkflowTaskFailedCause"
                              "WorkflowWorkerUnhandledFailure\"]");
    rig_run(&rig, "signal=s");
    check(problems(&rig) != NULL);
    rig_run(&rig, "poll done:timer=t/60");
    check(problems(&rig) == NULL);
    rig_run(&rig, "signal=s poll wfail"); /* the count starts anew */
    check(problems(&rig) == NULL);
    rig_release(&rig);
}

TEST(test_time_outs_are_reported_and_a_limit_of_zero_reports_nothing)
{
    struct rig rig;

    rig_init(&rig, "timed out");
    rig_run(&rig, "start:task=1 poll wait=1 poll wait=1 poll wait=1 poll wait=20 poll wait=30");
    check_str(problems(&rig), "[\"category=WorkflowTaskTimedOut\","
                              "\"cause=WorkflowTaskTimedOutCauseStartToClose\"]");
    rig_release(&rig);

    rig_init(&rig, "off");
    rig.limits.task_problems_to_report = 0;
    rig_run(&rig, "start poll wfail poll wfail poll wfail poll wfail poll wfail poll wfail");
    check(problems(&rig) == NULL);
    rig_release(&rig);
}

static api_memo_fields_entry *field(struct rig *rig, const char *key, const char *json)
{
    api_memo_fields_entry *entry = engine_message(&rig->arena, &api_memo_fields_entry__desc);

    entry->key = arena_str(&rig->arena, slice_str(key));
    entry->value = attribute_payload(&rig->arena, "Keyword", slice_str(json));
    return entry;
}

static const char *keyword_in_here(void *arg, struct slice namespace_name, const char *name)
{
    (void)arg;
    return slice_eq(namespace_name, SLICE_LIT("here")) && strcmp(name, "Own") == 0 ? "Keyword"
                                                                                   : NULL;
}

TEST(test_nil_values_are_left_out_and_types_are_added)
{
    struct rig rig;
    api_memo memo = API_MEMO_INIT;
    api_search_attributes_indexed_fields_entry attribute =
        API_SEARCH_ATTRIBUTES_INDEXED_FIELDS_ENTRY_INIT;
    api_search_attributes_indexed_fields_entry *list[] = {&attribute};
    api_search_attributes attributes = API_SEARCH_ATTRIBUTES_INIT;

    rig_init(&rig, "nil");
    memo.n_fields = 2;
    memo.fields = (api_memo_fields_entry *[]){field(&rig, "a", "null"), field(&rig, "b", "1")};
    const api_memo *kept = memo_without_nil(&rig.arena, &memo);
    check_i64((int64_t)kept->n_fields, 1);
    check_str(kept->fields[0]->key, "b");
    memo.n_fields = 1;
    check(memo_without_nil(&rig.arena, &memo) == NULL && !memo_without_nil(&rig.arena, NULL));

    attribute.key = arena_str(&rig.arena, SLICE_LIT("BuildIds"));
    attribute.value = engine_payloads_of_text(&rig.arena, "x")->payloads[0];
    attributes.n_indexed_fields = 1;
    attributes.indexed_fields = list;
    const api_payload *typed =
        attributes_typed(&rig.arena, (struct attributes_of){0}, &attributes, false)
            ->indexed_fields[0]
            ->value;
    check_i64((int64_t)typed->n_metadata, 2);
    check_str(typed->metadata[1]->key, "type");
    check_i64((int64_t)attribute.value->n_metadata, 1); /* what came is as it came */
    attribute.key = arena_str(&rig.arena, SLICE_LIT("Own"));
    const struct search_registry custom = {.type_of = keyword_in_here};
    list[0] = &attribute;
    struct attributes_of of = {&custom, SLICE_LIT("here")};
    check_i64((int64_t)attributes_typed(&rig.arena, of, &attributes, false)
                  ->indexed_fields[0]
                  ->value->n_metadata,
              2);
    of.namespace_name = SLICE_LIT("there");
    check(attributes_typed(&rig.arena, of, &attributes, false)->indexed_fields[0]->value ==
          attribute.value);
    attribute.value->data =
        (ProtobufCBinaryData){4, (uint8_t *)arena_str(&rig.arena, SLICE_LIT("null"))};
    check(attributes_typed(&rig.arena, (struct attributes_of){0}, &attributes, false) == NULL);
    check(attributes_typed(&rig.arena, (struct attributes_of){0}, &attributes, true) != NULL);
    rig_release(&rig);
}
