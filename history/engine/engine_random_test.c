/* engine_random_test.c - random steps from a seed: whatever order they come in, the state equals
 * its rows and its rebuild after each, the history stays legal, and errors change nothing. */
#include "history/engine/engine_rig.h"

/* What a worker says of updates: mostly of one that it has, and mostly in good order. */
static const char *random_messages(struct rig *rig)
{
    const char *list = "";
    static const char *const verbs[] = {
        "ok",  "no", "end", "cok", "cend", "ok",   "end",   "cok",    "no",      "rok",    "rno",
        "cap", "ok", "no",  "end", "cok",  "cend", "badok", "badend", "badtype", "nobody", "lone"};
    const uint64_t usual = rng_below(&rig->rng, 12) ? COUNT_OF(verbs) - 5 : COUNT_OF(verbs);
    const uint64_t count = rng_below(&rig->rng, 6) ? 0 : rng_below(&rig->rng, 3);

    for (uint64_t i = 0; i < count; i++)
        list = arena_printf(&rig->arena, "%s%s%s=u%d", list, list[0] ? "," : "",
                            verbs[rng_below(&rig->rng, usual)], (int)rng_below(&rig->rng, 4));
    /* All that is open, one after the other: answered as a worker would. */
    for (size_t i = 0; i < rig->pending_count; i++) {
        const struct update *update = run_update(rig->run, slice_str(rig->pending[i]));
        if (rng_below(&rig->rng, 3) == 0)
            continue;
        if (update && update->state == UPDATE_SENT)
            list = arena_printf(&rig->arena, "%s%s%s=%s", list, list[0] ? "," : "",
                                rng_below(&rig->rng, 3) ? "no" : "cok", rig->pending[i]);
        else if (update && update->state == UPDATE_ACCEPTED)
            list =
                arena_printf(&rig->arena, "%s%send=%s", list, list[0] ? "," : "", rig->pending[i]);
    }
    return list;
}

static const char *random_commands(struct rig *rig)
{
    static const char *const commands[] = {"act",
                                           "timer",
                                           "mark=m",
                                           "nomark",
                                           "untimer",
                                           "unact",
                                           "can",
                                           "act",
                                           "timer",
                                           "act",
                                           "untimer",
                                           "unact",
                                           "complete",
                                           "fail",
                                           "attr=BatcherUser",
                                           "attr=TemporalChangeVersion",
                                           "unattr=BatcherUser",
                                           "badattr",
                                           "child",
                                           "child",
                                           "sigx",
                                           "canx",
                                           "memo",
                                           "unmemo"};
    const char *list = "";
    const uint64_t count = rng_below(&rig->rng, 4);

    for (uint64_t i = 0; i < count; i++) {
        const char *command = commands[rng_below(&rig->rng, COUNT_OF(commands))];
        const int id = (int)rng_below(&rig->rng, 6);
        const char *comma = i ? "," : "";
        if (strcmp(command, "act") == 0)
            list = arena_printf(&rig->arena, "%s%sact=a%d", list, comma, id);
        else if (strcmp(command, "timer") == 0)
            list = arena_printf(&rig->arena, "%s%stimer=t%d/%d", list, comma, id, id * 7);
        else if (strcmp(command, "untimer") == 0)
            list = arena_printf(&rig->arena, "%s%suntimer=t%d", list, comma, id);
        else if (strcmp(command, "child") == 0)
            list = arena_printf(&rig->arena, "%s%schild=c%d/%d", list, comma, id, id % 4);
        else if (strcmp(command, "sigx") == 0 || strcmp(command, "canx") == 0 ||
                 strcmp(command, "memo") == 0 || strcmp(command, "unmemo") == 0)
            list = arena_printf(&rig->arena, "%s%s%s=x%d", list, comma, command, id);
        else if (strcmp(command, "unact") == 0)
            list = arena_printf(&rig->arena, "%s%sunact=%d", list, comma,
                                (int)rng_below(&rig->rng, (uint64_t)rig->run->next_event_id + 1));
        else if ((strcmp(command, "complete") != 0 && strcmp(command, "fail") != 0) ||
                 rng_below(&rig->rng, 4) == 0)
            list = arena_printf(&rig->arena, "%s%s%s", list, comma, command);
    }
    return list;
}

/* On one activity, or all of them. */
static const char *random_operation(struct rig *rig, const char *verb)
{
    static const char *const flags[] = {"", "h", "j", "rh", "k", "o", "ko", "rj", "hjo"};
    const int id = (int)rng_below(&rig->rng, 6);
    const char *name = id == 0 ? "*" : arena_printf(&rig->arena, "a%d", id);

    if (strcmp(verb, "arestore") == 0)
        return name;
    if (strcmp(verb, "aoptions") == 0)
        return arena_printf(&rig->arena, "%s/%d", name, 1 + (int)rng_below(&rig->rng, 20));
    if (strcmp(verb, "apause") == 0)
        return arena_printf(&rig->arena, "%s/r%d", name, (int)rng_below(&rig->rng, 2));
    return arena_printf(&rig->arena, "%s/%s", name, flags[rng_below(&rig->rng, COUNT_OF(flags))]);
}

static const char *random_answer(struct rig *rig)
{
    const char *commands = rng_below(&rig->rng, 2) ? random_commands(rig) : "";
    const char *messages = random_messages(rig);

    return arena_printf(&rig->arena, "%s%s%s", messages, messages[0] && commands[0] ? "," : "",
                        commands);
}

static void random_step(struct rig *rig)
{
    static const char *const verbs[] = {
        "poll",     "spoll",    "poll",        "spoll",    "done",     "sdone",   "ndone",
        "hdone",    "sdone",    "wfail",       "again",    "old",      "apoll",   "apoll",
        "apoll",    "adone",    "adone",       "afail",    "signal",   "wait",    "stop",
        "nosticky", "wait",     "resetsticky", "repoll",   "answer",   "answer",  "answer",
        "refuse",   "reanswer", "closed",      "closed",   "xsignal",  "xcancel", "pcancel",
        "unstart",  "unstart",  "oldunstart",  "apause",   "aunpause", "areset",  "aoptions",
        "arestore", "wpause",   "wunpause",    "wunpause", "upd",      "upd",     "upd",
        "upd",      "poll",     "spoll",       "ndone",    "reapply",  "crash",   "reset"};
    const char *verb = verbs[rng_below(&rig->rng, COUNT_OF(verbs))], *args = NULL;

    if (strcmp(verb, "signal") == 0)
        args = arena_printf(&rig->arena, "s/%d", (int)rng_below(&rig->rng, 40));
    else if (strcmp(verb, "closed") == 0 || strcmp(verb, "xsignal") == 0 ||
             strcmp(verb, "xcancel") == 0)
        args = arena_printf(&rig->arena, "%d", (int)rng_below(&rig->rng, 5));
    else if (strcmp(verb, "upd") == 0 || strcmp(verb, "reapply") == 0)
        args = arena_printf(&rig->arena, "u%d", (int)rng_below(&rig->rng, 4));
    else if (strcmp(verb, "wait") == 0)
        args = arena_printf(&rig->arena, "%d", (int)rng_below(&rig->rng, 12));
    else if (strcmp(verb, "reset") == 0)
        args = arena_printf(&rig->arena, "%d/%d",
                            (int)rng_below(&rig->rng, (uint64_t)rig->run->next_event_id + 1),
                            rng_below(&rig->rng, 4) == 0 ? 2 : 0);
    else if (strcmp(verb, "apause") == 0 || strcmp(verb, "aunpause") == 0 ||
             strcmp(verb, "areset") == 0 || strcmp(verb, "aoptions") == 0 ||
             strcmp(verb, "arestore") == 0)
        args = random_operation(rig, verb);
    else if (strstr(verb, "done") && verb[0] != 'a')
        args = random_answer(rig);
    const char *word = args ? arena_printf(&rig->arena, "%s:%s", verb, args) : verb;
    if (args && !args[0])
        args = NULL;
    rig_step(rig, word, verb, args);
}

static uint64_t seeds(void)
{
    const char *text = getenv("ENGINE_SEEDS");

    return text ? strtoull(text, NULL, 10) : 150;
}

TEST(test_engine_random_steps_keep_state_rows_and_history_in_step)
{
    /* Whatever may become of an update does. */
    static const char *const ends[] = {":2",
                                       ":3ok",
                                       ":3fail/Refused",
                                       ":3fail/UnprocessedUpdate",
                                       ":3fail/AcceptedUpdateCompletedWorkflow",
                                       ":NOT_FOUND",
                                       ":BUSY+",
                                       ":PRECONDITION"};
    uint64_t closed = 0, seen[COUNT_OF(ends)] = {0};

    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        struct rig rig;
        char name[32];
        snprintf(name, sizeof(name), "seed %llu", (unsigned long long)seed);
        rig_init(&rig, name);
        rng_seed(&rig.rng, seed);
        static const char *const starts[] = {"start",
                                             "start:run=300",
                                             "start:parent=1",
                                             "start:retry=3,run=20",
                                             "start:parent=1,every=30,exec=200",
                                             "start:retry=2,every=7,run=15"};
        rig_run(&rig, starts[seed % COUNT_OF(starts)]);
        for (int i = 0; i < 200 && run_is_open(rig.run); i++)
            random_step(&rig);
        if (run_is_open(rig.run))
            rig_run(&rig, "term");
        else
            closed++;
        check_i64(rig.run->deadline_row_ns, 0);
        check_i64((int64_t)rig.task_count, 0);
        check_i64((int64_t)rig.run->timers.count, 0);
        check_i64((int64_t)rig.run->externals.count, 0);
        check_i64((int64_t)rig.pending_count, 0); /* who asked for an update knows its end */
        for (int i = 0; rig.out_count > 0; i++) { /* whatever is out is answered in the end */
            must(i < 10000);
            rig_run(&rig, i % 3 ? "answer" : "refuse");
        }
        for (size_t i = 0; i < COUNT_OF(ends); i++)
            seen[i] += strstr(rig.told, ends[i]) != NULL;
        rig_release(&rig);
    }
    check(closed > 0 || seeds() < 100); /* runs end by themselves too */
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        if (seen[i] == 0 && seeds() >= 150)
            test_failed(__FILE__, __LINE__, "no update ended with %s", ends[i]);
}
