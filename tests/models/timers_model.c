/* timers_model.c - a deadline's way from its row over a timers process to its firing, checked over
 * every interleaving.
 *
 * The model: two or three rows of one shard on a clock of a few ticks, the history owner with its
 * heap of near deadlines, its settling rows and its look at the rows, and two timers processes of
 * which either may believe that it serves the shard. Assignments, rows told, pulled pages (of one
 * row each, by key) and fires are on the way for as long as they like within a tick, in any order.
 * Messages are lost, repeated and dropped by their sender, each process crashes, the shard moves to
 * the other timers process, a timers clock runs ahead, all within the budgets of a configuration.
 * What must hold:
 *
 *   1. nothing fires before the shard's clock says so;
 *   2. every deadline fires: none is left when time is up;
 *   3. it fires on its tick, but for what the look at overdue rows is there for: a fault that shows
 *      nowhere (the last row told was dropped by its sender).
 *
 *   4. in the end a timers process serves the shard.
 *
 * A tick passes when nothing is on the way and nobody has a step to make at once.
 *
 * Every law can be switched off; the test wants a counter-example for each. */
#include "tests/models/explore.h"

#include <string.h>

enum law {
    LAW_CLOCK,        /* only the shard's clock says that a deadline has come */
    LAW_KEEP_EARLY,   /* what was fired early is kept near */
    LAW_NEAR,         /* near rows are the shard's own */
    LAW_TELL,         /* later rows within the horizon are told */
    LAW_AHEAD,        /* the next page is pulled before the window ends */
    LAW_PAGES,        /* a full page is not the whole window */
    LAW_GAP,          /* a gap in the numbers: pull from the start */
    LAW_PULL_ANEW,    /* ... and a page that was asked for before is not that start */
    LAW_EPOCH,        /* rows told in another epoch are passed over */
    LAW_RESET_TIMERS, /* lost messages of history: pull from the start */
    LAW_RESET,        /* lost messages of timers: assign anew */
    LAW_MOVED,        /* another timers process: assign anew */
    LAW_AGAIN,        /* an assignment is repeated until it is pulled */
    LAW_UNSERVED,     /* who is not served looks after the rows itself */
    LAW_OPEN,         /* an owner that comes looks at the rows */
    LAW_OVERDUE,      /* what is overdue is fired all the same */
    LAW_COUNT
};

static const char *const law_names[LAW_COUNT] = {
    [LAW_CLOCK] = "only the shard's clock says that it is due",
    [LAW_KEEP_EARLY] = "an early fire is kept near",
    [LAW_NEAR] = "near rows are the shard's own",
    [LAW_TELL] = "later rows within the horizon are told",
    [LAW_AHEAD] = "pages are pulled ahead",
    [LAW_PAGES] = "a full page is followed by another",
    [LAW_GAP] = "a gap means to pull again",
    [LAW_PULL_ANEW] = "a page from before the gap is not the start",
    [LAW_EPOCH] = "rows of another epoch are passed over",
    [LAW_RESET_TIMERS] = "a reset of history means to pull again",
    [LAW_RESET] = "a reset of timers means to assign anew",
    [LAW_MOVED] = "another timers process is assigned anew",
    [LAW_AGAIN] = "an assignment is repeated until it is pulled",
    [LAW_UNSERVED] = "who is not served looks by himself",
    [LAW_OPEN] = "an owner that comes looks at the rows",
    [LAW_OVERDUE] = "the overdue are fired all the same",
};

enum {
    ROWS = 3,
    PROCESSES = 2,
    EPOCHS = 5,  /* 1 to 4 */
    NUMBERS = 4, /* rows told within an epoch: 1 to 3 */
    HORIZON = 6,
    NEAR = 2,
    SETTLE = 2,
    FAULTS_END = 5, /* no fault behind it: what heals has its time */
    END = 11,       /* time is up */
};
enum row { ROW_NONE, ROW_LIVES, ROW_FIRED };
enum pull { PULL_NONE, PULL_ASKED, PULL_READ /* but not answered */, PULL_ANSWERED };

/* All bytes: states are compared as they are. Sets of rows are bits; rows are ordered by key. */
struct timers {
    uint8_t alive, follows; /* knows that the shard is its own */
    uint8_t epoch, number;  /* 0: not assigned */
    uint8_t held, window_end, after, has_more;
    uint8_t pull, pull_epoch, pull_after, pull_until, pull_anew, page, page_more;
    uint8_t assign[EPOCHS];        /* on the way */
    uint8_t told[EPOCHS][NUMBERS]; /* on the way: the row, plus one */
    uint8_t reset;                 /* it will learn that messages of history were lost */
};

struct state {
    uint8_t now, row[ROWS];
    /* history */
    uint8_t epoch, number, pulled_until, owner, near, settling, settled_at[ROWS], assign_due, look;
    uint8_t lost_owner, reset;
    /* the way to history */
    uint8_t fires;
    struct timers timers[PROCESSES];
    uint8_t excused, bad; /* ghosts */
    uint8_t losses, repeats, drops, crashes, moves, fast, late_follows;
};

struct config {
    const char *name;
    uint32_t laws_off;
    uint8_t rows, due[ROWS];
    uint8_t losses, repeats, drops, crashes, moves, fast;
};

enum bad { FINE, BAD_EARLY, BAD_LATE, BAD_LOST, BAD_UNSERVED };
static const char *const bad_names[] = {
    [BAD_EARLY] = "a deadline fires early",
    [BAD_LATE] = "a deadline fires late",
    [BAD_LOST] = "a deadline never fires",
    [BAD_UNSERVED] = "timers are there and do not serve the shard",
};

static bool on(const struct config *c, enum law law)
{
    return !(c->laws_off & 1u << law);
}

static uint8_t bit(unsigned i)
{
    return (uint8_t)(1u << i);
}

/* -- history -------------------------------------------------------------------------------- */

static void assign(struct state *s)
{
    struct timers *to = &s->timers[s->owner];

    if (to->alive)
        to->assign[s->epoch] = 1;
    s->assign_due = 0;
}

static void assign_anew(struct state *s)
{
    if (s->epoch + 1 < EPOCHS)
        s->epoch++;
    s->number = s->pulled_until = 0;
    s->look = 1;
    assign(s);
}

static bool is_served(const struct config *c, const struct state *s)
{
    return s->pulled_until || !on(c, LAW_UNSERVED);
}

/* It looks at the rows that are there: those ahead unless timers serve it, and the overdue. */
static bool history_look(const struct config *c, struct state *s)
{
    if (!s->look)
        return false;
    s->look = 0;
    for (unsigned i = 0; i < c->rows; i++) {
        if (s->row[i] != ROW_LIVES)
            continue;
        if (!is_served(c, s) && c->due[i] <= s->now + NEAR)
            s->near |= bit(i);
        if (on(c, LAW_OVERDUE) && c->due[i] < s->now)
            s->near |= bit(i);
    }
    return true;
}

static bool history_fire(const struct config *c, struct state *s, unsigned i)
{
    if (!(s->near & bit(i)))
        return false;
    if (s->row[i] != ROW_LIVES) {
        s->near &= (uint8_t)~bit(i);
        return true;
    }
    if (c->due[i] > s->now)
        return false;
    s->near &= (uint8_t)~bit(i);
    s->row[i] = ROW_FIRED;
    if (c->due[i] < s->now && !(s->excused & bit(i)))
        s->bad = BAD_LATE;
    return true;
}

static bool history_commit_row(const struct config *c, struct state *s, unsigned i)
{
    if (i >= c->rows || s->row[i] != ROW_NONE || s->now >= c->due[i])
        return false;
    s->row[i] = ROW_LIVES;
    if (on(c, LAW_NEAR) && c->due[i] <= s->now + NEAR) {
        s->near |= bit(i);
        return true;
    }
    s->settling |= bit(i);
    s->settled_at[i] = (uint8_t)(s->now + SETTLE);
    return true;
}

/* A row that has settled is told, when its window has been pulled. */
static bool history_tell(const struct config *c, struct state *s, unsigned i, bool drop)
{
    struct timers *to = &s->timers[s->owner];

    if (!(s->settling & bit(i)) || s->settled_at[i] > s->now)
        return false;
    if (drop && s->drops++ == c->drops)
        return false;
    s->settling &= (uint8_t)~bit(i);
    s->settled_at[i] = 0;
    if (s->row[i] != ROW_LIVES || c->due[i] > s->pulled_until || !on(c, LAW_TELL))
        return !drop;
    if (s->number + 1 >= NUMBERS)
        return false;
    s->number++;
    if (drop)
        s->excused |= bit(i); /* until the next number shows it */
    else if (to->alive)
        to->told[s->epoch][s->number] = (uint8_t)(i + 1);
    return true;
}

static bool history_assign_again(const struct config *c, struct state *s)
{
    if (!s->assign_due || s->pulled_until || !on(c, LAW_AGAIN) || !s->timers[s->owner].alive)
        return false;
    assign(s);
    return true;
}

static bool history_hears_fires(const struct config *c, struct state *s, unsigned i)
{
    if (!(s->fires & bit(i)))
        return false;
    s->fires &= (uint8_t)~bit(i);
    if (s->row[i] != ROW_LIVES)
        return true; /* costs nothing */
    if (!on(c, LAW_CLOCK) && c->due[i] > s->now)
        s->bad = BAD_EARLY;
    if (c->due[i] <= s->now || on(c, LAW_KEEP_EARLY))
        s->near |= bit(i);
    return true;
}

static bool history_hears_reset(const struct config *c, struct state *s)
{
    if (!s->reset)
        return false;
    s->reset = 0;
    if (on(c, LAW_RESET))
        assign_anew(s);
    return true;
}

/* The timers process that served it is gone: nobody does until the map names another. */
static bool history_hears_death(const struct config *c, struct state *s)
{
    if (!s->lost_owner)
        return false;
    s->lost_owner = 0;
    if (on(c, LAW_UNSERVED))
        s->pulled_until = 0;
    s->look = 1;
    return true;
}

/* -- pulls ---------------------------------------------------------------------------------- */

static void pull_now(struct timers *t)
{
    t->pull = PULL_ASKED;
    t->pull_epoch = t->epoch;
    t->pull_after = t->after;
    t->pull_anew = 0;
}

static void pull_from_start(const struct config *c, struct timers *t)
{
    t->after = 0;
    if (t->pull == PULL_NONE)
        pull_now(t);
    else
        t->pull_anew = on(c, LAW_PULL_ANEW);
}

static void forget(struct timers *t)
{
    t->epoch = t->number = t->held = t->window_end = t->after = t->has_more = 0;
    t->pull = PULL_NONE;
    t->pull_epoch = t->pull_after = t->pull_until = t->pull_anew = t->page = t->page_more = 0;
}

static bool history_reads_page(const struct config *c, struct state *s, struct timers *t)
{
    if (t->pull != PULL_ASKED)
        return false;
    if (t->pull_epoch != s->epoch) {
        forget(t); /* ERR_STALE: somebody else has the shard */
        return true;
    }
    t->pull = PULL_READ;
    t->pull_until = (uint8_t)(s->now + HORIZON);
    t->page = t->page_more = 0;
    for (unsigned i = t->pull_after; i < c->rows; i++) {
        if (s->row[i] != ROW_LIVES || c->due[i] > t->pull_until)
            continue;
        t->page_more = t->page != 0;
        if (!t->page)
            t->page = (uint8_t)(i + 1);
    }
    if (s->pulled_until < t->pull_until)
        s->pulled_until = t->pull_until;
    return true;
}

static bool history_answers_page(struct state *s, struct timers *t)
{
    if (t->pull != PULL_READ)
        return false;
    if (t->pull_epoch != s->epoch) {
        forget(t);
        return true;
    }
    t->pull = PULL_ANSWERED;
    return true;
}

static bool timers_takes_page(const struct config *c, struct timers *t)
{
    if (t->pull != PULL_ANSWERED)
        return false;
    t->pull = PULL_NONE;
    if (t->pull_anew) {
        pull_now(t);
        return true;
    }
    t->has_more = t->page_more && on(c, LAW_PAGES);
    if (t->page) {
        t->held |= bit(t->page - 1u);
        t->after = t->page;
    }
    t->window_end = t->has_more ? c->due[t->page - 1] : t->pull_until;
    t->page = t->page_more = t->pull_until = t->pull_after = 0;
    if (t->has_more)
        pull_now(t);
    return true;
}

static bool timers_pulls_ahead(const struct config *c, const struct state *s, struct timers *t)
{
    if (!t->epoch || t->pull != PULL_NONE || !on(c, LAW_AHEAD) || s->now + 1 < t->window_end)
        return false;
    pull_now(t);
    return true;
}

/* -- what timers hear ----------------------------------------------------------------------- */

static bool timers_hears_assign(const struct config *c, struct timers *t, unsigned epoch)
{
    if (!t->assign[epoch])
        return false;
    t->assign[epoch] = 0;
    if (t->epoch == epoch || !t->follows)
        return true; /* it refuses what is not its own, as far as it knows */
    forget(t);
    t->epoch = (uint8_t)epoch;
    pull_from_start(c, t);
    return true;
}

static bool timers_hears_row(const struct config *c, struct state *s, struct timers *t,
                             unsigned epoch, unsigned number)
{
    const uint8_t row = t->told[epoch][number];

    if (!row)
        return false;
    t->told[epoch][number] = 0;
    if (!t->epoch || (t->epoch != epoch && on(c, LAW_EPOCH)) || number <= t->number)
        return true;
    const bool gap = number != t->number + 1u;
    t->number = (uint8_t)number;
    t->held |= bit(row - 1u);
    if (gap && on(c, LAW_GAP))
        pull_from_start(c, t);
    for (unsigned i = 0; i < c->rows && gap; i++)
        if (c->due[i] >= s->now)
            s->excused &= (uint8_t)~bit(i); /* what was dropped shows, and in time */
    return true;
}

static bool timers_fires(const struct config *c, struct state *s, struct timers *t, unsigned i,
                         bool fast)
{
    if (!(t->held & bit(i)) || (fast ? c->due[i] != s->now + 1 : c->due[i] > s->now))
        return false;
    if (fast && s->fast++ == c->fast)
        return false;
    t->held &= (uint8_t)~bit(i);
    s->fires |= bit(i);
    return true;
}

static bool timers_hears_reset(const struct config *c, struct timers *t)
{
    if (!t->reset)
        return false;
    t->reset = 0;
    if (t->epoch && on(c, LAW_RESET_TIMERS))
        pull_from_start(c, t);
    return true;
}

/* It learns from the map that the shard is its own, or is not. */
static bool timers_follows(struct state *s, unsigned p)
{
    struct timers *t = &s->timers[p];
    const uint8_t owns = s->owner == p;

    if (!t->alive || t->follows == owns)
        return false;
    t->follows = owns;
    if (!owns)
        forget(t);
    return true;
}

/* -- faults --------------------------------------------------------------------------------- */

static void lose_told(struct timers *t)
{
    memset(t->assign, 0, sizeof t->assign);
    memset(t->told, 0, sizeof t->told);
}

static bool lose(const struct config *c, struct state *s, unsigned what)
{
    struct timers *t = &s->timers[what % PROCESSES];
    struct timers before = *t;

    if (s->losses++ == c->losses)
        return false;
    if (what < PROCESSES) { /* from history: it learns of that too, by the beats */
        lose_told(t);
        if (memcmp(&before, t, sizeof before) == 0)
            return false;
        t->reset = 1;
        return true;
    }
    if (what == PROCESSES) { /* to history */
        if (!s->fires)
            return false;
        s->fires = 0;
        s->reset = 1;
        return true;
    }
    return false;
}

static bool crash(const struct config *c, struct state *s, unsigned who)
{
    if (s->crashes++ == c->crashes)
        return false;
    if (who < PROCESSES) {
        struct timers *t = &s->timers[who];

        if (!t->alive)
            return false;
        memset(t, 0, sizeof *t);
        s->lost_owner |= s->owner == who;
        return true;
    }
    /* history: another process opens the shard; the rows are there */
    s->near = s->settling = s->reset = s->lost_owner = 0;
    memset(s->settled_at, 0, sizeof s->settled_at);
    s->fires = 0;
    for (unsigned p = 0; p < PROCESSES; p++) {
        lose_told(&s->timers[p]);
        forget(&s->timers[p]); /* its shards went with the process that owned them */
    }
    assign_anew(s);
    s->look = on(c, LAW_OPEN);
    return true;
}

/* A process comes back, and the map names it or the other one. */
static bool move(const struct config *c, struct state *s, unsigned to)
{
    const bool dead = !s->timers[s->owner].alive;

    if (to == s->owner && !dead)
        return false;
    if (!dead && s->moves++ == c->moves)
        return false;
    if (!s->timers[to].alive) {
        if (to != s->owner)
            return false;
        s->timers[to].alive = 1;
    }
    s->owner = (uint8_t)to;
    if (on(c, LAW_MOVED))
        assign_anew(s);
    return true;
}

/* -- steps ---------------------------------------------------------------------------------- */

enum step {
    STEP_LOOK,
    STEP_FIRE,
    STEP_HEAR_FIRE,
    STEP_DEATH,
    STEP_RESET,
    STEP_TELL,
    STEP_READ,
    STEP_ANSWER,
    STEP_PAGE,
    STEP_ASSIGN,
    STEP_ROW,
    STEP_TIMERS_RESET,
    STEP_FOLLOW,
    STEP_TIMERS_FIRE,
    STEP_AHEAD,
    STEP_PLACE,
    AT_ONCE, /* up to here: before the next tick */
    STEP_COMMIT = AT_ONCE,
    STEP_DROP,
    STEP_FAST,
    STEP_LOSE,
    STEP_REPEAT,
    STEP_CRASH,
    STEP_MOVE,
    STEP_COUNT
};

static const struct {
    const char *label;
    uint8_t choices;
} steps[STEP_COUNT] = {
    [STEP_LOOK] = {"history looks at the rows", 1},
    [STEP_FIRE] = {"history fires", ROWS},
    [STEP_HEAR_FIRE] = {"history hears a fire", ROWS},
    [STEP_DEATH] = {"history hears of the death of its timers", 1},
    [STEP_RESET] = {"history hears of a reset", 1},
    [STEP_TELL] = {"history tells a row that has settled", ROWS},
    [STEP_READ] = {"history reads a page", PROCESSES},
    [STEP_ANSWER] = {"history answers a pull", PROCESSES},
    [STEP_PAGE] = {"timers take a page", PROCESSES},
    [STEP_ASSIGN] = {"timers hear an assignment", PROCESSES *EPOCHS},
    [STEP_ROW] = {"timers hear a row", PROCESSES *EPOCHS *NUMBERS},
    [STEP_TIMERS_RESET] = {"timers hear of a reset", PROCESSES},
    [STEP_FOLLOW] = {"timers follow the map", PROCESSES},
    [STEP_TIMERS_FIRE] = {"timers fire", PROCESSES *ROWS},
    [STEP_AHEAD] = {"timers pull ahead", PROCESSES},
    [STEP_PLACE] = {"the shard's timers come back or the other ones take over", PROCESSES},
    [STEP_COMMIT] = {"a row is committed", ROWS},
    [STEP_DROP] = {"a row that is told is dropped", ROWS},
    [STEP_FAST] = {"timers fire early", PROCESSES *ROWS},
    [STEP_LOSE] = {"messages are lost", PROCESSES + 1},
    [STEP_REPEAT] = {"a row is told twice", PROCESSES *EPOCHS *NUMBERS},
    [STEP_CRASH] = {"a process crashes", PROCESSES + 1},
    [STEP_MOVE] = {"the map moves the shard to other timers", PROCESSES},
};

static bool apply_at_once(const struct config *c, struct state *s, enum step step, unsigned i)
{
    struct timers *t = &s->timers[i % PROCESSES];
    const unsigned j = i / PROCESSES;

    switch ((unsigned)step) {
    case STEP_LOOK:
        return history_look(c, s);
    case STEP_FIRE:
        return history_fire(c, s, i);
    case STEP_HEAR_FIRE:
        return history_hears_fires(c, s, i);
    case STEP_DEATH:
        return history_hears_death(c, s);
    case STEP_RESET:
        return history_hears_reset(c, s);
    case STEP_TELL:
        return history_tell(c, s, i, false);
    case STEP_READ:
        return history_reads_page(c, s, t);
    case STEP_ANSWER:
        return history_answers_page(s, t);
    case STEP_PAGE:
        return timers_takes_page(c, t);
    case STEP_ASSIGN:
        return timers_hears_assign(c, t, j);
    case STEP_ROW:
        return timers_hears_row(c, s, t, j / NUMBERS, j % NUMBERS);
    case STEP_TIMERS_RESET:
        return timers_hears_reset(c, t);
    case STEP_FOLLOW:
        return timers_follows(s, i);
    case STEP_TIMERS_FIRE:
        return timers_fires(c, s, t, j, false);
    case STEP_AHEAD:
        return timers_pulls_ahead(c, s, t);
    default:
        return !s->timers[s->owner].alive && !s->lost_owner && move(c, s, i);
    }
}

static bool repeat_row(const struct config *c, struct state *s, unsigned i)
{
    struct timers *t = &s->timers[i % PROCESSES];
    const unsigned epoch = i / PROCESSES / NUMBERS, number = i / PROCESSES % NUMBERS;
    const uint8_t row = t->told[epoch][number];

    if (!row || s->repeats++ == c->repeats || !timers_hears_row(c, s, t, epoch, number))
        return false;
    t->told[epoch][number] = row;
    return true;
}

static bool apply_other(const struct config *c, struct state *s, enum step step, unsigned i)
{
    switch ((unsigned)step) {
    case STEP_COMMIT:
        return history_commit_row(c, s, i);
    case STEP_DROP:
        return history_tell(c, s, i, true);
    case STEP_FAST:
        return timers_fires(c, s, &s->timers[i % PROCESSES], i / PROCESSES, true);
    case STEP_LOSE:
        return lose(c, s, i);
    case STEP_REPEAT:
        return repeat_row(c, s, i);
    case STEP_CRASH:
        return crash(c, s, i);
    default:
        return s->timers[s->owner].alive && move(c, s, i);
    }
}

static void tick(struct state *s)
{
    s->now++;
    s->look = 1;
    s->assign_due = 1;
}

static void next(struct explore *x, const void *state, const void *arg)
{
    const struct config *c = arg;
    bool busy = false;
    struct state s;

    for (enum step step = 0; step < STEP_COUNT; step++) {
        for (unsigned i = 0; i < steps[step].choices; i++) {
            memcpy(&s, state, sizeof s);
            if (step > STEP_COMMIT && s.now > FAULTS_END)
                continue;
            if (step < AT_ONCE ? !apply_at_once(c, &s, step, i) : !apply_other(c, &s, step, i))
                continue;
            busy = busy || step < AT_ONCE;
            explore_emit(x, &s, steps[step].label);
        }
    }
    memcpy(&s, state, sizeof s);
    if (!busy && history_assign_again(c, &s)) {
        explore_emit(x, &s, "history assigns again");
        return;
    }
    memcpy(&s, state, sizeof s);
    if (busy || s.now == END)
        return;
    tick(&s);
    explore_emit(x, &s, "a tick passes");
}

static const char *broken(const void *state, const void *arg)
{
    const struct config *c = arg;
    struct state s;

    memcpy(&s, state, sizeof s);
    if (s.bad)
        return bad_names[s.bad];
    for (unsigned i = 0; i < c->rows && s.now == END; i++)
        if (s.row[i] == ROW_LIVES)
            return bad_names[BAD_LOST];
    if (s.now == END && !s.pulled_until)
        return bad_names[BAD_UNSERVED];
    return NULL;
}

/* -- the test ------------------------------------------------------------------------------- */

static const struct config configs[] = {
    {.name = "no fault", .rows = 3, .due = {2, 3, 8}},
    {.name = "fast clocks", .rows = 2, .due = {3, 7}, .fast = 1},
    {.name = "crashes", .rows = 2, .due = {4, 4}, .crashes = 2},
    {.name = "moves", .rows = 2, .due = {4, 6}, .moves = 1},
    {.name = "losses", .rows = 3, .due = {3, 6, 6}, .losses = 1},
    {.name = "repeats and losses", .rows = 2, .due = {3, 6}, .losses = 1, .repeats = 1},
    {.name = "drops", .rows = 2, .due = {3, 4}, .drops = 1},
    {.name = "drops during a pull", .rows = 3, .due = {6, 6, 6}, .drops = 1},
};

static const char *config_name(size_t config)
{
    return configs[config].name;
}

static struct explore_result search(size_t index, uint32_t laws_off, FILE *trace)
{
    struct config config = configs[index];

    config.laws_off = laws_off;
    struct state initial = {.epoch = 1, .look = 1, .assign_due = 1};

    for (unsigned p = 0; p < PROCESSES; p++)
        initial.timers[p].alive = 1;
    initial.timers[0].follows = 1;
    initial.timers[0].assign[1] = 1;
    const struct explore_model model = {.state_bytes = sizeof(struct state),
                                        .initial = &initial,
                                        .next = next,
                                        .broken = broken,
                                        .arg = &config,
                                        .states_max = 3 * 1000 * 1000};

    return explore_run(&model, trace);
}

int main(void)
{
    const struct explore_suite suite = {.name = "timers_model",
                                        .config_count = COUNT_OF(configs),
                                        .config_name = config_name,
                                        .law_count = LAW_COUNT,
                                        .law_names = law_names,
                                        .search = search};

    return explore_main(&suite);
}
