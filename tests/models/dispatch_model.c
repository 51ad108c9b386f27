/* dispatch_model.c - a task's way from its row to one worker, checked over every interleaving.
 *
 * The model: one task of one shard, the history process with its open batch, matching with its
 * window and one match in doubt, polls that come, expire and are superseded, and a worker behind
 * each poll. Calls between history and matching are lost and repeated, answers to workers are lost,
 * and each side crashes, within the budgets of a configuration. What must hold:
 *
 *   1. no two workers run one attempt of an activity, and none is robbed of it without a time-out;
 *   2. a completion is recorded once, for the start that stands, and a repeated one is recognised;
 *   3. nothing is stuck: from every state a path without faults completes the task. Time-outs help
 *      on it only after a loss that is left to them by design;
 *   4. the worker that has a workflow task which was taken for lost is not refused before another
 *      one has it.
 *
 * Every law can be switched off; the test wants a counter-example for each. */
#include "tests/models/explore.h"

#include <string.h>

enum law {
    LAW_RELEASE,      /* an activity is handed out when its start is durable */
    LAW_BEFORE,       /* a task is offered, a workflow task handed out when all before is */
    LAW_SAME_POLL,    /* a start asked again for the same poll is answered again */
    LAW_START_ID,     /* an answer must match the start that stands */
    LAW_RING,         /* an answer that was recorded is recognised */
    LAW_UNSTART_ID,   /* un-start only the start that stands */
    LAW_UNDELIVERED,  /* an answer to a poll that is gone comes back */
    LAW_REPEAT_FINAL, /* ... unless it was a repeated one: the first may have been delivered */
    LAW_TAKE_BACK,    /* workflow tasks that a dead frontend had are un-started */
    LAW_STILL_GOOD,   /* an un-started workflow task's start stands until the next one */
    LAW_NEW_POLL_ID,  /* each registration is a poll of its own */
    LAW_RETURN_POLL,  /* a refused start returns the poll */
    LAW_PULL_RESET,   /* a reset of history: pull its rows again */
    LAW_PULL_OWN,     /* a matching process that comes pulls the rows of its queues */
    LAW_PULL_GIVE_UP, /* an unknown outcome that nobody waits for: pull again */
    LAW_ROW_LIVES,    /* the row dies only in the durable commit of Started */
    LAW_COUNT
};

static const char *const law_names[LAW_COUNT] = {
    [LAW_RELEASE] = "an activity waits for its durable start",
    [LAW_BEFORE] = "tasks wait for what precedes their start",
    [LAW_SAME_POLL] = "starts are idempotent by poll id",
    [LAW_START_ID] = "answers match the start id",
    [LAW_RING] = "a repeated answer is recognised",
    [LAW_UNSTART_ID] = "un-start matches the start id",
    [LAW_UNDELIVERED] = "an undelivered answer comes back",
    [LAW_REPEAT_FINAL] = "a repeated answer is not undone",
    [LAW_TAKE_BACK] = "a dead frontend's workflow tasks are taken back",
    [LAW_STILL_GOOD] = "an un-started workflow task may still be answered",
    [LAW_NEW_POLL_ID] = "each registration has its own poll id",
    [LAW_RETURN_POLL] = "a refused match returns the poll",
    [LAW_PULL_RESET] = "pull after a reset",
    [LAW_PULL_OWN] = "pull on taking a queue over",
    [LAW_PULL_GIVE_UP] = "pull after giving a match up",
    [LAW_ROW_LIVES] = "the row dies in the commit of Started",
};

enum {
    POLLS = 5,
    STARTS = 8,
    /* rows as well */ NO_POLL = 0xff
}; /* the last polls and starts are for good paths */
enum status { NOT_YET, SCHEDULED, STARTED, COMPLETED };
enum poll { POLL_FREE, POLL_HELD, POLL_GONE, POLL_LOST /* with its frontend */ };
enum work { WORK_NONE, WORK_RUNS, WORK_DONE, WORK_DEAD };

struct task { /* the task in mutable state, and its row */
    uint8_t status, start, poll, attempt, row, done_start;
};

/* Sets of (start, poll), of starts, of rows and of polls. No padding: states are compared as bytes.
 */
struct state {
    uint64_t hold_deliver, deliver, redeliver;
    struct task memory, durable;
    uint8_t hold_started, hold_offer, starts, rows;
    uint8_t offer, start, started, refused, undelivered;             /* on the way */
    uint8_t copies, match, in_flight, poll_lost, want_pull, waiting; /* matching; rows it holds */
    uint8_t asked[POLLS];                                            /* the row of its last match */
    uint8_t poll[POLLS], work[POLLS], work_start[POLLS];             /* frontend and workers */
    uint8_t attempt_of[STARTS], timed_out, recorded, excused, dropped, bad; /* ghosts */
    uint8_t crashes, losses, repeats, expiries, timeouts;                   /* budgets used */
    uint8_t pad[4];
};
_Static_assert(sizeof(struct state) % 8 == 0, "no padding at the end");

struct config {
    const char *name;
    uint32_t laws_off;
    bool activity;
    uint8_t polls, crashes, losses, repeats, expiries, timeouts;
};

enum bad { FINE, BAD_REFUSED, BAD_TWO, BAD_ROBBED, BAD_FOREIGN, BAD_REPEAT, BAD_UNBORN };
static const char *const bad_names[] = {
    [BAD_REFUSED] = "a worker was refused, and no other has the task",
    [BAD_TWO] = "two workers run one attempt",
    [BAD_ROBBED] = "a start was taken from its live worker",
    [BAD_FOREIGN] = "an answer to another start was recorded",
    [BAD_UNBORN] = "a worker got a task that may never have been",
    [BAD_REPEAT] = "a recorded answer was refused when it was repeated",
};

static bool on(const struct config *c, enum law law)
{
    return !(c->laws_off & 1u << law);
}

static uint8_t bit(unsigned i)
{
    return (uint8_t)(1u << i);
}

static uint64_t pair(unsigned start, unsigned poll)
{
    return UINT64_C(1) << (start * POLLS + poll);
}

static void clear(uint8_t *set, unsigned i)
{
    *set &= (uint8_t)~bit(i);
}

static bool uncommitted(const struct state *s)
{
    return memcmp(&s->memory, &s->durable, sizeof s->memory) != 0;
}

/* -- history -------------------------------------------------------------------------------- */

static void answer_start(struct state *s, uint8_t poll, bool hold, bool repeat)
{
    const uint64_t to = pair(s->memory.start, poll);

    *(hold ? &s->hold_deliver : repeat ? &s->redeliver : &s->deliver) |= to;
    *(hold ? &s->hold_started : &s->started) |= bit(poll);
}

static bool history_start(const struct config *c, struct state *s, unsigned poll)
{
    struct task *task = &s->memory;
    const bool behind = uncommitted(s);
    const uint8_t poll_id = on(c, LAW_NEW_POLL_ID) ? (uint8_t)poll : 0;

    if (!(s->start & bit(poll)))
        return false;
    const bool undelivered = task->status == STARTED && task->row;
    if (task->status == STARTED && !undelivered && task->poll == poll_id && on(c, LAW_SAME_POLL)) {
        clear(&s->start, poll);
        answer_start(s, (uint8_t)poll, behind, true);
        return true;
    }
    if ((task->status != SCHEDULED && !undelivered) || task->row != s->asked[poll]) {
        if (behind) /* a refusal is released with the state that it saw */
            return false;
        clear(&s->start, poll);
        s->refused |= bit(poll);
        return true;
    }
    if (s->starts + 1 >= STARTS)
        return false;
    clear(&s->start, poll);
    task->status = STARTED;
    task->start = ++s->starts;
    task->poll = poll_id;
    task->row = 0;
    if (!on(c, LAW_ROW_LIVES))
        s->durable.row = 0;
    s->attempt_of[task->start] = task->attempt;
    const bool hold = c->activity ? on(c, LAW_RELEASE) : behind && on(c, LAW_BEFORE);
    answer_start(s, (uint8_t)poll, hold, false);
    return true;
}

static bool history_commit(struct state *s)
{
    if (!uncommitted(s) && !s->hold_deliver && !s->hold_offer)
        return false;
    s->durable = s->memory;
    s->deliver |= s->hold_deliver;
    s->started |= s->hold_started;
    s->offer |= s->hold_offer;
    s->hold_deliver = 0;
    s->hold_started = s->hold_offer = 0;
    return true;
}

static void schedule_again(const struct config *c, struct state *s)
{
    s->memory.status = SCHEDULED;
    s->memory.start = 0;
    s->memory.poll = NO_POLL;
    s->memory.row = ++s->rows;
    *(on(c, LAW_BEFORE) ? &s->hold_offer : &s->offer) |= bit(s->rows);
}

static bool history_unstart(const struct config *c, struct state *s, unsigned start)
{
    if (!(s->undelivered & bit(start)))
        return false;
    clear(&s->undelivered, start);
    if (s->memory.status != STARTED || (s->memory.start != start && on(c, LAW_UNSTART_ID)))
        return true;
    if (c->activity || !on(c, LAW_STILL_GOOD)) {
        schedule_again(c, s);
    } else if (!s->memory.row) { /* it stays started; the row makes it dispatchable */
        s->memory.poll = NO_POLL;
        s->memory.row = ++s->rows;
        *(on(c, LAW_BEFORE) ? &s->hold_offer : &s->offer) |= bit(s->rows);
    }
    return true;
}

static bool history_timeout(const struct config *c, struct state *s)
{
    if (s->memory.status != STARTED)
        return false;
    s->timed_out |= bit(s->memory.start);
    s->memory.attempt++;
    schedule_again(c, s);
    return true;
}

/* A worker answers; `heard`: it learns what became of that. */
static bool history_complete(const struct config *c, struct state *s, unsigned worker, bool heard)
{
    struct task *task = &s->memory;
    const uint8_t start = s->work_start[worker];
    bool ok = false;

    if (s->work[worker] != WORK_RUNS)
        return false;
    if (task->status == STARTED && (task->start == start || !on(c, LAW_START_ID))) {
        if (task->start != start)
            s->bad = BAD_FOREIGN;
        task->status = COMPLETED;
        task->row = 0;
        task->done_start = start;
        s->recorded |= bit(start);
        (void)history_commit(s);
        ok = true;
    } else if (task->status == COMPLETED && task->done_start == start && on(c, LAW_RING)) {
        ok = true;
    }
    if (!ok && s->recorded & bit(start))
        s->bad = BAD_REPEAT;
    else if (!ok && !c->activity && s->starts == start && !(s->timed_out & bit(start)) &&
             s->memory.status != COMPLETED)
        s->bad = BAD_REFUSED;
    else if (!ok && c->activity && !(s->timed_out & bit(start)))
        s->bad = BAD_ROBBED;
    if (heard)
        s->work[worker] = WORK_DONE;
    return true;
}

/* -- matching ------------------------------------------------------------------------------- */

static void give_up(const struct config *c, struct state *s)
{
    s->match = NO_POLL;
    s->in_flight = s->poll_lost = 0;
    s->want_pull |= on(c, LAW_PULL_GIVE_UP);
}

static void reset_of_history(const struct config *c, struct state *s)
{
    s->want_pull |= on(c, LAW_PULL_RESET);
    s->in_flight = 0;
    if (s->match != NO_POLL && s->poll_lost)
        give_up(c, s);
}

static bool matching_meet(struct state *s, unsigned poll)
{
    unsigned row = 1;

    if (!s->copies || s->match != NO_POLL || !(s->waiting & bit(poll)))
        return false;
    while (!(s->copies & bit(row)))
        row++;
    clear(&s->waiting, poll);
    clear(&s->copies, row);
    s->asked[poll] = (uint8_t)row;
    s->match = (uint8_t)poll;
    s->in_flight = 1;
    s->start |= bit(poll);
    return true;
}

static bool matching_again(struct state *s)
{
    if (s->match == NO_POLL || s->in_flight)
        return false;
    s->in_flight = 1;
    s->start |= bit(s->match);
    return true;
}

static bool matching_answer(const struct config *c, struct state *s, unsigned poll, bool ok)
{
    uint8_t *set = ok ? &s->started : &s->refused;

    if (!(*set & bit(poll)))
        return false;
    clear(set, poll);
    if (s->match != poll || !s->in_flight)
        return true;
    if (!ok && !s->poll_lost && on(c, LAW_RETURN_POLL))
        s->waiting |= bit(poll);
    s->match = NO_POLL;
    s->in_flight = s->poll_lost = 0;
    return true;
}

static bool matching_pull(struct state *s)
{
    if (!s->want_pull)
        return false;
    s->want_pull = 0;
    if (s->durable.row && (s->match == NO_POLL || s->asked[s->match] != s->durable.row))
        s->copies |= bit(s->durable.row);
    return true;
}

static bool matching_offer(struct state *s)
{
    if (!s->offer)
        return false;
    if (s->match != NO_POLL)
        clear(&s->offer, s->asked[s->match]); /* known */
    s->copies |= s->offer;
    s->offer = 0;
    return true;
}

static bool matching_expire(const struct config *c, struct state *s, unsigned poll)
{
    if (s->poll[poll] != POLL_HELD)
        return false;
    s->poll[poll] = POLL_GONE;
    clear(&s->waiting, poll);
    s->excused |= s->dropped;
    if (s->match == poll) {
        s->poll_lost = 1;
        if (!s->in_flight)
            give_up(c, s);
    }
    return true;
}

/* -- frontend and workers ------------------------------------------------------------------- */

static bool register_poll(struct state *s, unsigned poll)
{
    if (s->poll[poll] != POLL_FREE || (poll > 0 && s->poll[poll - 1] == POLL_FREE))
        return false;
    s->poll[poll] = POLL_HELD;
    s->waiting |= bit(poll);
    return true;
}

static void hand_to_worker(const struct config *c, struct state *s, unsigned start, unsigned poll)
{
    s->poll[poll] = POLL_GONE;
    s->work[poll] = WORK_RUNS;
    s->work_start[poll] = (uint8_t)start;
    if (s->durable.status == NOT_YET)
        s->bad = BAD_UNBORN;
    for (unsigned i = 0; i < POLLS && c->activity; i++)
        if (i != poll && s->work[i] == WORK_RUNS &&
            s->attempt_of[s->work_start[i]] == s->attempt_of[start])
            s->bad = BAD_TWO;
}

static bool deliver(const struct config *c, struct state *s, unsigned i, bool repeat)
{
    uint64_t *set = repeat ? &s->redeliver : &s->deliver;
    const unsigned start = i / POLLS, poll = i % POLLS;

    if (!(*set & UINT64_C(1) << i) || (repeat && s->deliver & UINT64_C(1) << i))
        return false; /* in the order in which they were sent */
    *set &= ~(UINT64_C(1) << i);
    if (s->poll[poll] == POLL_HELD)
        hand_to_worker(c, s, start, poll);
    else if (c->activity && (s->poll[poll] == POLL_LOST || (repeat && on(c, LAW_REPEAT_FINAL))))
        s->excused = 1;
    else if (on(c, LAW_UNDELIVERED))
        s->undelivered |= bit(start);
    return true;
}

/* -- faults --------------------------------------------------------------------------------- */

/* Answers that history had not sent. The start in doubt is asked again; what no match stands for is
 * left to the time-out, and its poll to its deadline. */
static void drop_answers(struct state *s)
{
    if (s->deliver || s->redeliver)
        *(s->match != NO_POLL && !s->poll_lost ? &s->dropped : &s->excused) = 1;
    s->deliver = s->redeliver = 0;
    for (unsigned i = 0; i < POLLS; i++)
        if (s->poll[i] == POLL_HELD && s->match != i && !(s->waiting & bit(i)))
            s->poll[i] = POLL_GONE;
}

static bool crash(const struct config *c, struct state *s, unsigned who)
{
    if (s->crashes == c->crashes)
        return false;
    s->crashes++;
    const bool answers_too = who == 3;
    if (who == 0 || answers_too) {
        /* an un-start that was not durable yet is lost with its message */
        s->excused |= s->durable.status == STARTED && !s->durable.row &&
                      (s->memory.status == SCHEDULED || s->memory.row);
        if (s->memory.start != s->durable.start)
            s->timed_out |= bit(s->memory.start); /* it rode: its worker will be refused */
        s->memory = s->durable;
        s->hold_deliver = 0;
        s->hold_started = s->hold_offer = 0;
        s->started = s->refused = 0; /* their calls have failed */
        if (answers_too)
            drop_answers(s);
        reset_of_history(c, s);
        return true;
    }
    for (unsigned i = 0; i < POLLS; i++)
        if (s->poll[i] == POLL_HELD)
            s->poll[i] = who == 1 ? POLL_GONE : POLL_LOST;
    s->excused |= s->dropped;
    if (who == 1) { /* matching: its polls are registered again, under new ids */
        s->waiting = s->copies = s->in_flight = s->poll_lost = 0;
        s->match = NO_POLL;
        s->want_pull = on(c, LAW_PULL_OWN);
    } else { /* the frontend, and what is on the way to it and from it */
        const uint64_t had = s->deliver | s->redeliver;
        s->excused |= c->activity && (had || s->undelivered);
        if (c->activity || !on(c, LAW_TAKE_BACK))
            s->undelivered = 0;
        for (unsigned i = 1; i < STARTS && !c->activity && on(c, LAW_TAKE_BACK); i++)
            if (had & ((UINT64_C(1) << POLLS) - 1) << (i * POLLS))
                s->undelivered |= bit(i); /* not acknowledged */
        s->deliver = s->redeliver = 0;
    }
    return true;
}

static bool lose(const struct config *c, struct state *s, unsigned what)
{
    uint8_t *const sets[] = {&s->offer, &s->start, &s->started, &s->refused};

    if (s->losses == c->losses || !*sets[what])
        return false;
    s->losses++;
    *sets[what] = 0;
    reset_of_history(c, s);
    return true;
}

/* -- steps ---------------------------------------------------------------------------------- */

/* Up to GOOD_STEPS: those of a path without faults, in the order in which it prefers them. */
enum step {
    STEP_COMMIT,
    STEP_DELIVER,
    STEP_REDELIVER,
    STEP_UNSTART,
    STEP_STARTED,
    STEP_REFUSED,
    STEP_OFFER,
    STEP_START,
    STEP_COMPLETE,
    STEP_PULL,
    STEP_MEET,
    STEP_AGAIN,
    STEP_REGISTER,
    STEP_TIMEOUT,
    GOOD_STEPS,
    STEP_UNHEARD = GOOD_STEPS,
    STEP_EXPIRE,
    STEP_DIE,
    STEP_LOSE,
    STEP_REPEAT,
    STEP_CRASH,
    STEP_COUNT
};

static const struct {
    const char *label;
    uint8_t choices;
} steps[STEP_COUNT] = {
    [STEP_COMMIT] = {"history commits", 1},
    [STEP_DELIVER] = {"an answer reaches the frontend", STARTS *POLLS},
    [STEP_REDELIVER] = {"a repeated answer reaches the frontend", STARTS *POLLS},
    [STEP_UNSTART] = {"history hears of an undelivered start", STARTS},
    [STEP_STARTED] = {"matching hears: started", POLLS},
    [STEP_REFUSED] = {"matching hears: refused", POLLS},
    [STEP_OFFER] = {"matching takes an offer", 1},
    [STEP_START] = {"history takes a start", POLLS},
    [STEP_COMPLETE] = {"a worker answers", POLLS},
    [STEP_PULL] = {"matching pulls", 1},
    [STEP_MEET] = {"the task meets a poll", POLLS},
    [STEP_AGAIN] = {"matching asks again", 1},
    [STEP_REGISTER] = {"a poll comes", POLLS},
    [STEP_TIMEOUT] = {"the task times out", 1},
    [STEP_UNHEARD] = {"a worker answers and hears nothing", POLLS},
    [STEP_EXPIRE] = {"a poll expires", POLLS},
    [STEP_DIE] = {"a worker dies", POLLS},
    [STEP_LOSE] = {"history and matching lose a message", 4},
    [STEP_REPEAT] = {"a start comes twice", POLLS},
    [STEP_CRASH] = {"a process crashes", 4},
};

static bool apply_good(const struct config *c, struct state *s, enum step step, unsigned i)
{
    switch ((unsigned)step) {
    case STEP_COMMIT:
        return history_commit(s);
    case STEP_DELIVER:
    case STEP_REDELIVER:
        return deliver(c, s, i, step == STEP_REDELIVER);
    case STEP_UNSTART:
        return history_unstart(c, s, i);
    case STEP_STARTED:
    case STEP_REFUSED:
        return matching_answer(c, s, i, step == STEP_STARTED);
    case STEP_OFFER:
        return matching_offer(s);
    case STEP_START:
        return history_start(c, s, i);
    case STEP_COMPLETE:
        return history_complete(c, s, i, true);
    case STEP_PULL:
        return matching_pull(s);
    case STEP_MEET:
        return matching_meet(s, i);
    case STEP_AGAIN:
        return matching_again(s);
    case STEP_REGISTER:
        return register_poll(s, i);
    default:
        return history_timeout(c, s);
    }
}

static bool apply_fault(const struct config *c, struct state *s, enum step step, unsigned i)
{
    switch ((unsigned)step) {
    case STEP_UNHEARD:
        return s->losses++ < c->losses && history_complete(c, s, i, false);
    case STEP_EXPIRE:
        return s->expiries++ < c->expiries && matching_expire(c, s, i);
    case STEP_DIE:
        if (s->work[i] != WORK_RUNS || s->crashes++ == c->crashes)
            return false;
        s->work[i] = WORK_DEAD;
        s->excused = 1;
        return true;
    case STEP_LOSE:
        return lose(c, s, i);
    case STEP_REPEAT: /* it is delivered, and stays on the way */
        if (s->repeats++ == c->repeats || !history_start(c, s, i))
            return false;
        s->start |= bit(i);
        return true;
    default:
        return crash(c, s, i);
    }
}

static void next(struct explore *x, const void *state, const void *arg)
{
    const struct config *c = arg;

    for (enum step step = 0; step < STEP_COUNT; step++) {
        for (unsigned i = 0; i < steps[step].choices; i++) {
            struct state s;

            memcpy(&s, state, sizeof s);
            if (step == STEP_REGISTER && i >= c->polls)
                continue;
            if (step == STEP_TIMEOUT && s.timeouts++ == c->timeouts)
                continue;
            if (step < GOOD_STEPS ? apply_good(c, &s, step, i) : apply_fault(c, &s, step, i))
                explore_emit(x, &s, steps[step].label);
        }
    }
}

/* A step that a path without faults may take now. */
static bool is_open(const struct state *s, enum step step)
{
    if (step == STEP_TIMEOUT)
        return s->excused;
    if (step == STEP_REGISTER)
        for (unsigned i = 0; i < POLLS; i++)
            if (s->poll[i] == POLL_HELD)
                return false;
    return true;
}

static bool good_step(const struct config *c, struct state *s)
{
    for (enum step step = 0; step < GOOD_STEPS; step++)
        for (unsigned i = 0; i < steps[step].choices && is_open(s, step); i++)
            if (apply_good(c, s, step, i))
                return true;
    return false;
}

static const char *broken(const void *state, const void *arg)
{
    const struct config *c = arg;
    struct state s;

    memcpy(&s, state, sizeof s);
    if (s.bad)
        return bad_names[s.bad];
    for (int i = 0; i < 100 && s.durable.status != COMPLETED; i++)
        if (s.memory.status != NOT_YET && !good_step(c, &s))
            return "the task is stuck";
    if (s.durable.status == NOT_YET && s.memory.status == NOT_YET)
        return NULL; /* lost before it was acknowledged */
    return s.durable.status == COMPLETED ? NULL : "the task goes in circles";
}

/* -- the test ------------------------------------------------------------------------------- */

static const struct config configs[] = {
    {.name = "activity, crashes", .activity = true, .polls = 2, .crashes = 1, .expiries = 1},
    {.name = "activity, losses", .activity = true, .polls = 2, .losses = 1, .expiries = 1},
    {.name = "activity, repeats", .activity = true, .polls = 2, .repeats = 1, .timeouts = 1},
    {.name = "activity, lost and late",
     .activity = true,
     .polls = 2,
     .losses = 1,
     .repeats = 1,
     .expiries = 1},
    {.name = "activity, dead worker",
     .activity = true,
     .polls = 2,
     .crashes = 1,
     .repeats = 1,
     .expiries = 1},
    {.name = "activity, slow worker", .activity = true, .polls = 2, .losses = 1, .timeouts = 1},
    {.name = "activity, late un-start",
     .activity = true,
     .polls = 2,
     .repeats = 1,
     .expiries = 1,
     .timeouts = 1},
    {.name = "workflow task, crashes", .polls = 2, .crashes = 1, .timeouts = 1, .expiries = 1},
    {.name = "workflow task, losses", .polls = 2, .losses = 1, .repeats = 1, .expiries = 1},
};

static const char *config_name(size_t config)
{
    return configs[config].name;
}

static struct explore_result search(size_t index, uint32_t laws_off, FILE *trace)
{
    struct config config = configs[index];

    config.laws_off = laws_off;
    const uint8_t held = on(&config, LAW_BEFORE) ? 1u << 1 : 0;
    const struct state initial = {.memory = {.status = SCHEDULED, .poll = NO_POLL, .row = 1},
                                  .durable = {.poll = NO_POLL},
                                  .rows = 1,
                                  .hold_offer = held,
                                  .offer = (1u << 1) ^ held,
                                  .match = NO_POLL};
    const struct explore_model model = {.state_bytes = sizeof(struct state),
                                        .initial = &initial,
                                        .next = next,
                                        .broken = broken,
                                        .arg = &config,
                                        .states_max = 2 * 1000 * 1000};

    return explore_run(&model, trace);
}

int main(void)
{
    const struct explore_suite suite = {.name = "dispatch_model",
                                        .config_count = COUNT_OF(configs),
                                        .config_name = config_name,
                                        .law_count = LAW_COUNT,
                                        .law_names = law_names,
                                        .search = search};

    return explore_main(&suite);
}
