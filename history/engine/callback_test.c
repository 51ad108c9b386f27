/* callback_test.c - completion callbacks and options of running workflows: scenarios of the rig,
 * which compares state, rows and rebuild after every step.
 *
 * Its own words: begin=N a start with N callbacks (retry, cron as options after a comma);
 *   ok, retry, no    the oldest delivery under way is answered (/N: the Nth)
 *   attach=ID/N      a start with that request id meets the run, with N callbacks
 *   prio=N           UpdateWorkflowExecutionOptions: priority key N; auto: versioning override
 *   ask=ID/REQ/N     an update with that request id and N callbacks; back=: brought by a reset */
#include "history/engine/engine_rig.h"

#include "common/proto/wire.h"
#include "history/engine/callback.h"
#include "history/engine/options.h"

static api_callback **callbacks_of(struct rig *rig, size_t count)
{
    api_callback **all = ARENA_ARRAY(&rig->arena, api_callback *, count + 1);

    for (size_t i = 0; i < count; i++) {
        api_callback_nexus *nexus = engine_message(&rig->arena, &api_callback_nexus__desc);
        api_callback_nexus_header_entry *entry =
            engine_message(&rig->arena, &api_callback_nexus_header_entry__desc);

        entry->key = arena_printf(&rig->arena, "Token");
        entry->value = arena_printf(&rig->arena, "%zu", i);
        nexus->url = arena_printf(&rig->arena, "http://host/%zu", i);
        nexus->n_header = 1;
        nexus->header = ARENA_ARRAY(&rig->arena, api_callback_nexus_header_entry *, 1);
        nexus->header[0] = entry;
        all[i] = engine_message(&rig->arena, &api_callback__desc);
        all[i]->variant_case = TEMPORAL__API__COMMON__V1__CALLBACK__VARIANT_NEXUS;
        all[i]->nexus = nexus;
    }
    return all;
}

static void begin(struct rig *rig, const char *word, const char *args)
{
    struct transition t;
    char run_id[UUID_TEXT_LEN + 1];
    api_start_workflow_execution_request *request = rig_start_request(rig, args);

    request->n_completion_callbacks = (size_t)strtoul(args, NULL, 10);
    request->completion_callbacks = callbacks_of(rig, request->n_completion_callbacks);
    run_free(rig->run);
    rig->run = run_new();
    buf_clear(&rig->history);
    uuid_v7(&rig->rng, rig->now_ns / NS_PER_MS, run_id);
    const struct engine_start start = {.request = request,
                                       .namespace_id = SLICE_LIT(RIG_NAMESPACE),
                                       .namespace_name = SLICE_LIT("default"),
                                       .run_id = run_id};
    rig_begin(rig, &t);
    rig_end(rig, &t, word, engine_start(&t, &start));
}

static const struct callback *under_way(const struct rig *rig, uint64_t nth)
{
    const struct callback *found = NULL;
    uint64_t least = 0;

    for (uint64_t i = 0; i < nth; i++) {
        found = NULL;
        for (struct map_node *it = map_next(&rig->run->callbacks, NULL); it;
             it = map_next(&rig->run->callbacks, it)) {
            const struct callback *callback = CONTAINER_OF(it, struct callback, node);
            if (callback->row_seq > least && (!found || callback->row_seq < found->row_seq))
                found = callback;
        }
        least = found ? found->row_seq : UINT64_MAX;
    }
    return found;
}

static void answer(struct rig *rig, const char *word, enum callback_outcome outcome,
                   const char *args)
{
    const struct callback *callback = under_way(rig, args ? strtoull(args, NULL, 10) : 1);
    struct callback_call call;
    struct transition t;

    rig_begin(rig, &t);
    if (!callback) {
        rig_end(rig, &t, word,
                engine_callback_answered(&t, SLICE_LIT("nobody-0"), 1, outcome, "why"));
        return;
    }
    const struct slice id = arena_copy(&rig->arena, bytes_slice(callback->id));
    check_ok(engine_callback_call(rig->run, id, callback->row_seq, &rig->arena, &call));
    if (!call.of_update)
        check_i64(call.event_id, rig->run->next_event_id - 1);
    check(call.spec.len > 0);
    rig_end(rig, &t, word, engine_callback_answered(&t, id, callback->row_seq, outcome, "why"));
}

static void attach(struct rig *rig, const char *word, char *args)
{
    struct transition t;
    api_start_workflow_execution_request *request = rig_start_request(rig, NULL);
    char *slash = strchr(args, '/');

    request->on_conflict_options =
        engine_message(&rig->arena, &api_workflow_on_conflict_options__desc);
    if (slash) {
        *slash = '\0';
        request->on_conflict_options->attach_completion_callbacks = true;
        request->n_completion_callbacks = (size_t)strtoul(slash + 1, NULL, 10);
        request->completion_callbacks = callbacks_of(rig, request->n_completion_callbacks);
    }
    request->request_id = args;
    request->on_conflict_options->attach_request_id = args[0] != '\0';
    rig_begin(rig, &t);
    rig_end(rig, &t, word, engine_attach(&t, request));
}

static void ask(struct rig *rig, const char *word, char *args, bool reset)
{
    char *slash = strchr(args, '/'), *save;
    const char *id = strtok_r(args, "/", &save), *request_id = strtok_r(NULL, "/", &save);
    const char *count = strtok_r(NULL, "/", &save);

    must(slash && request_id && count);
    api_update_request *request = rig_update_request(rig, id);
    request->request_id = arena_str(&rig->arena, slice_str(request_id));
    request->n_completion_callbacks = (size_t)strtoul(count, NULL, 10);
    request->completion_callbacks = callbacks_of(rig, request->n_completion_callbacks);
    for (size_t i = 0; i < request->n_completion_callbacks; i++) /* as the frontend has it */
        request->completion_callbacks[i]->nexus->header[0]->key[0] = 't';
    if (reset)
        rig_reapply_as(rig, word, request);
    else
        rig_update_as(rig, word, id, request);
}

static void options(struct rig *rig, const char *word, const char *path, const char *args)
{
    struct transition t;
    api_update_workflow_execution_options_request *request =
        engine_message(&rig->arena, &api_update_workflow_execution_options_request__desc);
    api_workflow_execution_options *wish =
        engine_message(&rig->arena, &api_workflow_execution_options__desc);

    request->workflow_execution_options = wish;
    request->update_mask = engine_message(&rig->arena, &pb_field_mask__desc);
    request->update_mask->n_paths = 1;
    request->update_mask->paths = ARENA_ARRAY(&rig->arena, char *, 1);
    request->update_mask->paths[0] = arena_str(&rig->arena, slice_str(path));
    if (strncmp(path, "priority", 8) == 0 && args) {
        wish->priority = engine_message(&rig->arena, &api_priority__desc);
        wish->priority->priority_key = (int32_t)strtol(args, NULL, 10);
    }
    if (strcmp(path, "versioning_override") == 0 && args) {
        wish->versioning_override = engine_message(&rig->arena, &api_versioning_override__desc);
        wish->versioning_override->override_case =
            TEMPORAL__API__WORKFLOW__V1__VERSIONING_OVERRIDE__OVERRIDE_AUTO_UPGRADE;
        wish->versioning_override->auto_upgrade = true;
    }
    rig_begin(rig, &t);
    rig_end(rig, &t, word, engine_update_options(&t, request));
}

static bool more(struct rig *rig, const char *word, const char *verb, const char *args)
{
    if (strcmp(verb, "begin") == 0)
        begin(rig, word, args);
    else if (strcmp(verb, "ok") == 0)
        answer(rig, word, CALLBACK_DELIVERED, args);
    else if (strcmp(verb, "retry") == 0)
        answer(rig, word, CALLBACK_TRY_AGAIN, args);
    else if (strcmp(verb, "no") == 0)
        answer(rig, word, CALLBACK_REFUSED, args);
    else if (strcmp(verb, "attach") == 0)
        attach(rig, word, arena_str(&rig->arena, slice_str(args)));
    else if (strcmp(verb, "ask") == 0 || strcmp(verb, "back") == 0)
        ask(rig, word, arena_str(&rig->arena, slice_str(args)), verb[0] == 'b');
    else if (strcmp(verb, "prio") == 0)
        options(rig, word, "priority.priority_key", args);
    else if (strcmp(verb, "auto") == 0)
        options(rig, word, "versioning_override", "");
    else if (strcmp(verb, "noauto") == 0)
        options(rig, word, "versioning_override", NULL);
    else
        return false;
    return true;
}

/* A letter for each callback, in the order of their coming. */
static const char *states(struct rig *rig)
{
    api_describe_workflow_execution_response *d =
        engine_decode(&rig->arena, &api_describe_workflow_execution_response__desc,
                      engine_describe(rig->run, &rig->arena, rig->now_ns));
    char *text = arena_zalloc(&rig->arena, rig->run->callbacks.count + 1);

    must(d != NULL);
    check_i64(d->n_callbacks, rig->run->callbacks.count);
    for (size_t i = 0; i < d->n_callbacks; i++) {
        const api_workflow_callback_info *info = d->callbacks[i];

        text[i] = "?WDBFSX"[info->state]; /* waits, delivered now, backs off, failed, success */
        check_i64(info->callback->nexus->n_header, 1);
        check_str(info->callback->nexus->header[0]->key, "token");
        check(info->registration_time != NULL);
        check_i64(info->next_attempt_schedule_time != NULL, text[i] == 'B');
        check_i64(info->last_attempt_failure != NULL,
                  text[i] == 'B' || text[i] == 'F' || (text[i] == 'D' && info->attempt > 0));
    }
    return text;
}

TEST(test_callbacks_are_delivered_when_the_chain_of_runs_ends)
{
    static const struct {
        const char *name, *script, *states;
    } cases[] = {
        {"they wait while the run is open", "begin=2 poll", "WW"},
        {"all are due at the end", "begin=2 poll done:complete", "DD"},
        {"each is answered for itself", "begin=3 poll done:complete ok no retry", "SFB"},
        {"in any order", "begin=2 poll done:complete ok=2", "DS"},
        {"a second answer is stale", "begin=1 poll done:complete ok ok!STALE", "S"},
        {"an end has no next", "begin=1 poll done:complete no wait=9 ok!STALE", "F"},
        {"a failure is tried again after a second", "begin=1 poll done:complete retry wait=1", "D"},
        {"then after two", "begin=1 term retry wait=1 retry wait=1", "B"},
        {"and no later", "begin=1 term retry wait=1 retry wait=1 wait=1", "D"},
        {"at last it succeeds", "begin=1 poll done:fail retry wait=1 retry wait=2 ok", "S"},
        {"the ends differ in nothing", "begin=2 stop poll done:cancel", "DD"},
        {"a run that times out", "begin=1,run=5 wait=5", "D"},
        {"a run that is tried again hands them on", "begin=1,retry=2 poll done:fail", "W"},
        {"and the last attempt tells", "begin=1,retry=2 poll done:fail wait=2 poll done:fail", "D"},
        {"a run that continues hands them on", "begin=2 poll done:can", "WW"},
        {"and they are told by the last",
         "begin=2 poll done:can wait=1 poll done:can wait=1 poll done:complete", "DD"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;

        rig_init(&rig, cases[i].name);
        rig.more = more;
        rig_run(&rig, cases[i].script);
        check_str(states(&rig), cases[i].states);
        rig_release(&rig);
    }
}

TEST(test_callbacks_of_a_run_that_handed_them_on_stay_asleep)
{
    struct rig rig;

    rig_init(&rig, "handed on");
    rig.more = more;
    rig_run(&rig, "begin=2 poll done:can");
    check_i64(rig.ended->callbacks.count, 2);
    check_i64(engine_deadline_ns(rig.ended), 0);
    for (struct map_node *it = map_next(&rig.ended->callbacks, NULL); it;
         it = map_next(&rig.ended->callbacks, it))
        check_i64(CONTAINER_OF(it, struct callback, node)->state, CALLBACK_STATE_STANDBY);
    rig_release(&rig);
}

TEST(test_starts_attach_to_a_running_workflow)
{
    static const struct {
        const char *name, *script, *history, *states;
    } cases[] = {
        {"an event for each", "begin=1 attach=b/2 attach=c",
         "Started WFTScheduled OptionsUpdated "
         "OptionsUpdated",
         "WWW"},
        {"it waits while a task is started", "begin=0 poll attach=b/1",
         "Started WFTScheduled WFTStarted", "W"},
        {"and comes with its end", "begin=0 poll attach=b/1 done",
         "Started WFTScheduled WFTStarted WFTCompleted OptionsUpdated WFTScheduled", "W"},
        {"no task is scheduled for it", "begin=0 poll done attach=b/1",
         "Started WFTScheduled WFTStarted WFTCompleted OptionsUpdated", "W"},
        {"it is told of the end", "begin=0 attach=b/1 attach=c/1 term",
         "Started WFTScheduled OptionsUpdated OptionsUpdated Terminated", "DD"},
        {"even from the buffer", "begin=0 poll attach=b/1 term",
         "Started WFTScheduled WFTStarted WFTFailed OptionsUpdated Terminated", "D"},
        {"the next run has it", "begin=1 attach=b/1 poll done:can", NULL, "WW"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;

        rig_init(&rig, cases[i].name);
        rig.more = more;
        rig_run(&rig, cases[i].script);
        if (cases[i].history)
            check_str(rig_history(&rig), cases[i].history);
        check_str(states(&rig), cases[i].states);
        rig_release(&rig);
    }
}

TEST(test_attached_request_ids_are_shown_with_their_event)
{
    struct rig rig;

    rig_init(&rig, "attached");
    rig.more = more;
    rig_run(&rig, "begin=0 attach=b poll attach=c");
    for (int flushed = 0; flushed < 2; flushed++) {
        const api_describe_workflow_execution_response *d =
            engine_decode(&rig.arena, &api_describe_workflow_execution_response__desc,
                          engine_describe(rig.run, &rig.arena, rig.now_ns));
        size_t found = 0;

        must(d != NULL);
        check_i64(d->workflow_extended_info->n_request_id_infos, 3);
        for (size_t i = 0; i < d->workflow_extended_info->n_request_id_infos; i++) {
            const char *key = d->workflow_extended_info->request_id_infos[i]->key;
            const api_request_id_info *info = d->workflow_extended_info->request_id_infos[i]->value;

            if (strcmp(key, "b") == 0 && ++found)
                check_i64(info->event_id, 3);
            else if (strcmp(key, "c") == 0 && ++found)
                check_i64(info->event_id, flushed ? 6 : 0);
            if (strcmp(key, "c") == 0)
                check_i64(info->buffered, !flushed);
        }
        check_i64(found, 2);
        rig_run(&rig, flushed ? "" : "done");
    }
    check(run_has_attached(rig.run, SLICE_LIT("c")));
    check(!run_has_attached(rig.run, SLICE_LIT("d")));
    rig_release(&rig);
}

TEST(test_options_change_and_only_then_are_told)
{
    static const struct {
        const char *name, *script, *history;
    } cases[] = {
        {"a priority", "begin=0 prio=2", "Started WFTScheduled OptionsUpdated"},
        {"the same once more is nothing", "begin=0 prio=2 prio=2",
         "Started WFTScheduled OptionsUpdated"},
        {"its task can be had", "begin=0 prio=2 prio=4 poll done:complete",
         "Started WFTScheduled OptionsUpdated OptionsUpdated WFTStarted WFTCompleted Completed"},
        {"in the buffer", "begin=0 poll prio=2 done:complete!INVALID poll done:complete",
         "Started WFTScheduled WFTStarted WFTFailed OptionsUpdated WFTScheduled WFTStarted "
         "WFTCompleted Completed"},
        {"activities that wait can be had",
         "begin=0 poll done:act=a,act=b prio=2 prio=4 apoll prio=1 adone apoll prio=5",
         "Started WFTScheduled WFTStarted WFTCompleted ActivityScheduled ActivityScheduled "
         "OptionsUpdated "
         "OptionsUpdated OptionsUpdated ActivityStarted ActivityCompleted WFTScheduled "
         "OptionsUpdated"},
        {"an override", "begin=0 auto auto noauto noauto",
         "Started WFTScheduled OptionsUpdated OptionsUpdated"},
        {"not of what has ended", "begin=0 term prio=2!NOT_FOUND",
         "Started WFTScheduled Terminated"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;

        rig_init(&rig, cases[i].name);
        rig.more = more;
        rig_run(&rig, cases[i].script);
        check_str(rig_history(&rig), cases[i].history);
        rig_release(&rig);
    }
}
/* -- of updates ------------------------------------------------------------------------------ */

TEST(test_callbacks_of_updates_are_due_with_the_update)
{
    static const struct {
        const char *name, *script, *states;
    } cases[] = {
        {"nobody accepted it: there is none", "begin=0 poll done ask=u/r/2 poll", ""},
        {"they wait for the outcome", "begin=0 poll done ask=u/r/2 poll done:ok=u", "WW"},
        {"and are due with it", "begin=0 poll done ask=u/r/1 poll done:ok=u,end=u", "D"},
        {"later", "begin=0 poll done ask=u/r/2 poll done:ok=u signal=s poll done:end=u ok", "SD"},
        {"the run goes on meanwhile",
         "begin=0 poll done ask=u/r/1 poll done:ok=u,end=u retry wait=1 ok", "S"},
        {"or has ended", "begin=0 poll done ask=u/r/1 poll done:ok=u,end=u retry term wait=1 ok",
         "S"},
        {"one that is rejected leaves none", "begin=0 poll done ask=u/r/1 poll done:no=u", ""},
        {"they do not wait for the end of the run",
         "begin=1 poll done ask=u/r/1 poll done:ok=u,end=u", "WD"},
        {"the run ends: they are told of that", "begin=1 poll done ask=u/r/1 poll done:ok=u term",
         "DD"},
        {"in the same answer", "begin=1 poll done ask=u/r/1 poll done:cok=u,complete", "DD"},
        {"completed in the answer that ends the run",
         "begin=1 poll done ask=u/r/1 poll done:cok=u,cend=u,complete", "DD"},
        {"a second request attaches its own",
         "begin=0 poll done ask=u/r/1 poll done:ok=u ask=u/q/1", "WW"},
        {"once", "begin=0 poll done ask=u/r/1 poll done:ok=u ask=u/q/1 ask=u/q/1 ask=u/r/1", "WW"},
        {"from the buffer",
         "begin=0 poll done ask=u/r/1 poll done:ok=u signal=s poll ask=u/q/1 done:end=u", "DD"},
        {"while the worker has it",
         "begin=0 poll done ask=u/r/1 poll ask=u/q/1 ask=u/q/1 done:ok=u", "WW"},
        {"and it is rejected", "begin=0 poll done ask=u/r/1 poll ask=u/q/1 done:no=u", ""},
        {"too early for that", "begin=0 poll done ask=u/r/1 ask=u/q/1 poll done:ok=u", "W"},
        {"and too late", "begin=0 poll done ask=u/r/1 poll done:ok=u,end=u ask=u/q/1", "D"},
        {"brought by a reset", "begin=0 poll done back=u/r/1", "W"},
        {"and accepted", "begin=0 poll done back=u/r/1 poll done:ok=u", "W"},
        {"and completed", "begin=0 poll done back=u/r/1 poll done:ok=u,end=u", "D"},
        {"and rejected", "begin=0 poll done back=u/r/1 poll done:no=u ok", "S"},
        {"read back from rows", "begin=0 poll done ask=u/r/2 poll done:ok=u crash", "WW"},
        {"two updates with one request id",
         "begin=0 poll done ask=u/r/1 ask=v/r/1 poll done:ok=u,ok=v,end=v", "WD"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;

        rig_init(&rig, cases[i].name);
        rig.more = more;
        rig.limits.update_callbacks = true;
        rig_run(&rig, cases[i].script);
        check_str(states(&rig), cases[i].states);
        rig_release(&rig);
    }
}

TEST(test_callbacks_of_updates_end_with_a_run_that_continues)
{
    struct rig rig;

    rig_init(&rig, "continues");
    rig.more = more;
    rig.limits.update_callbacks = true;
    rig_run(&rig, "begin=1 poll done ask=u/r/1 poll done:cok=u,can");
    check_str(states(&rig), "W");
    check_i64(rig.ended->callbacks.count, 2);
    for (struct map_node *it = map_next(&rig.ended->callbacks, NULL); it;
         it = map_next(&rig.ended->callbacks, it)) {
        const struct callback *callback = CONTAINER_OF(it, struct callback, node);
        check_i64(callback->state,
                  callback->update_id.len ? CALLBACK_STATE_SCHEDULED : CALLBACK_STATE_STANDBY);
    }
    rig_release(&rig);
}

TEST(test_callbacks_of_updates_are_kept_only_where_they_are_on)
{
    struct rig rig;

    rig_init(&rig, "off");
    rig.more = more;
    rig_run(&rig, "begin=0 poll done ask=u/r/1 poll ask=u/p/1 done:ok=u ask=u/q/1 term");
    check_i64(rig.run->callbacks.count, 0);
    check(run_has_attached(rig.run, SLICE_LIT("q")) && run_has_request(rig.run, SLICE_LIT("r")));
    check_str(rig_history(&rig),
              "Started WFTScheduled WFTStarted WFTCompleted WFTScheduled WFTStarted WFTCompleted "
              "UpdateAccepted OptionsUpdated OptionsUpdated Terminated");
    rig_release(&rig);
}

TEST(test_callbacks_of_updates_are_bounded)
{
    struct rig rig;

    rig_init(&rig, "bounded");
    rig.more = more;
    rig.limits.update_callbacks = true;
    rig.limits.workflow_update_callbacks_max = 3;
    rig.limits.update_callbacks_max = 2;
    rig_run(&rig, "begin=1 poll done ask=u/r/3 poll done:ok=u!PRECONDITION done:no=u");
    rig_run(&rig, "ask=v/r/1 poll done:ok=v ask=v/q/2!PRECONDITION ask=v/q/1");
    check_str(states(&rig), "WWW");
    rig_run(&rig, "ask=w/s/1 poll done:ok=w!PRECONDITION done:no=w");
    check_str(states(&rig), "WWW");
    rig_release(&rig);
}

TEST(test_callbacks_are_bounded)
{
    struct rig rig;

    rig_init(&rig, "bounded");
    rig.more = more;
    rig.limits.callbacks_max = 3;
    rig_run(&rig, "begin=2 attach=b/1 attach=c/1!PRECONDITION attach=d");
    check_i64(rig.run->callbacks.count, 3);
    rig_release(&rig);
}
