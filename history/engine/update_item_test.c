/* update_item_test.c - the stored form of an update, and its place in the run. */
#include "common/pack/record.h"
#include "history/engine/update_item.h"
#include "tests/lib/test.h"

static enum err through_a_row(const struct update *update, struct update **out)
{
    struct arena arena;
    struct buf buf;

    arena_init(&arena);
    buf_init(&buf, 0);
    update_encode(update, &buf);
    const enum err err = update_decode(&arena, buf_slice(&buf), out);
    buf_release(&buf);
    arena_release(&arena);
    return err;
}

TEST(test_update_item_survives_its_row)
{
    static const struct {
        int64_t admitted, accepted, completed;
        bool rejected;
        enum update_state state;
    } cases[] = {{5, 0, 0, false, UPDATE_ADMITTED},
                 {5, 0, 0, true, UPDATE_ADMITTED},
                 {0, 7, 0, false, UPDATE_ACCEPTED},
                 {5, 7, 9, false, UPDATE_COMPLETED},
                 {0, 7, INT64_MAX, false, UPDATE_COMPLETED}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct update *update = update_new(SLICE_LIT("an id")), *back = NULL;
        update->admitted_event_id = cases[i].admitted;
        update->accepted_event_id = cases[i].accepted;
        update->completed_event_id = cases[i].completed;
        update->rejected = cases[i].rejected;
        bytes_set(&update->request_id, SLICE_LIT("a request"));
        check_ok(through_a_row(update, &back));
        check_slice(bytes_slice(back->id), SLICE_LIT("an id"));
        check_i64(back->admitted_event_id, cases[i].admitted);
        check_i64(back->accepted_event_id, cases[i].accepted);
        check_i64(back->completed_event_id, cases[i].completed);
        check_i64(back->rejected, cases[i].rejected);
        check_i64(back->state, cases[i].state);
        check_slice(bytes_slice(back->request_id), SLICE_LIT("a request"));
        update_free(update);
        update_free(back);
    }
}

TEST(test_update_item_rows_that_make_no_sense_are_corrupt)
{
    static const struct {
        const char *what, *id;
        int64_t admitted, accepted, completed;
        bool rejected;
    } cases[] = {{"no event", "u", 0, 0, 0, false},
                 {"completed, not accepted", "u", 3, 0, 5, false},
                 {"rejected without an event", "u", 0, 4, 0, true},
                 {"accepted and rejected", "u", 3, 4, 0, true},
                 {"a negative event", "u", -3, 0, 0, false},
                 {"no id", "", 3, 0, 0, false}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena;
        struct rec_writer w;
        struct buf buf;
        struct update *update = NULL;

        arena_init(&arena);
        buf_init(&buf, 0);
        rec_begin(&w, &buf);
        rec_put_str(&w, 1, cases[i].id);
        rec_put_i64(&w, 2, cases[i].admitted);
        rec_put_i64(&w, 3, cases[i].accepted);
        rec_put_i64(&w, 4, cases[i].completed);
        rec_put_bool(&w, 5, cases[i].rejected);
        rec_end(&w);
        if (update_decode(&arena, buf_slice(&buf), &update) != ERR_CORRUPT)
            test_failed(__FILE__, __LINE__, "%s is read", cases[i].what);
        check(update_decode(&arena, slice_of(buf.ptr, buf.len / 2), &update) != ERR_OK);
        buf_release(&buf);
        arena_release(&arena);
    }
}

TEST(test_update_item_counts_what_is_in_flight)
{
    struct run *run = run_new();
    struct update *a = update_new(SLICE_LIT("a")), *b = update_new(SLICE_LIT("bb"));

    run_update_put(run, a);
    run_update_put(run, b);
    run_update_set_request(run, a, SLICE_LIT("12345"));
    check_i64(run->active_update_count, 2);
    check_i64((int64_t)run->active_update_bytes, 8);
    check(run_update(run, SLICE_LIT("bb")) == b);
    check(run_update(run, SLICE_LIT("b")) == NULL);
    run_update_dirty(run, b);
    run_update_dirty(run, b);
    check(run->dirty && !list_empty(&run->dirty_updates));
    run_update_deactivate(run, a);
    run_update_deactivate(run, a);
    check_i64(run->active_update_count, 1);
    check_i64((int64_t)run->active_update_bytes, 2);
    check(run_update(run, SLICE_LIT("a")) == a);
    run_update_remove(run, b);
    check(list_empty(&run->dirty_updates) && list_empty(&run->active_updates));
    check_i64((int64_t)run->active_update_bytes, 0);
    run_free(run);
}
