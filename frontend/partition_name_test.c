/* partition_name_test.c - which names are those of partitions, and which only look like it. */
#include "frontend/partition_name.h"

#include "tests/lib/test.h"

TEST(test_partition_names)
{
    static const struct {
        const char *name, *queue; /* NULL: refused */
        bool is_first;
    } cases[] = {
        {"q", "q", true},
        {"/_sys", "/_sys", true},
        {"/_sysx/q/1", "/_sysx/q/1", true},
        {"/_sys/q/1", "q", false},
        {"/_sys/q/01", "q", false},
        {"/_sys/q/+3", "q", false},
        {"/_sys/a/b/2", "a/b", false},
        {"/_sys/q/9223372036854775807", "q", false},
        {"/_sys/q/9223372036854775808", NULL, false},
        {"/_sys/q/99999999999999999999", NULL, false},
        {"/_sys/q/0", NULL, false},
        {"/_sys/q/-1", NULL, false},
        {"/_sys/q/+", NULL, false},
        {"/_sys/q/1x", NULL, false},
        {"/_sys/q/", NULL, false},
        {"/_sys/q", NULL, false},
        {"/_sys/1", NULL, false},
        {"/_sys//1", NULL, false},
        {"/_sys/", NULL, false},
        {"/_sys//_sys/q/1", NULL, false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err_detail detail = {0};
        struct slice queue;
        bool is_first;
        const enum err err =
            partition_name_parse(slice_str(cases[i].name), &queue, &is_first, &detail);

        check_i64(err, cases[i].queue ? ERR_OK : ERR_INVALID);
        if (cases[i].queue) {
            check(slice_eq(queue, slice_str(cases[i].queue)));
            check(is_first == cases[i].is_first);
        }
    }
}
