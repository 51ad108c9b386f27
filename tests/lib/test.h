/* test.h - unit tests: TEST(name) { ... }, checks that print and go on, one closing line.
 *
 * Every x_test.c is a program: main() is in test.c, runs what TEST() registered (or only those
 * whose name contains argv[1]) and prints `N passed, N failed`; it exits 1 when one failed. */
#ifndef GNOMON_TEST_H
#define GNOMON_TEST_H

#include "common/base/err.h"
#include "common/base/slice.h"

struct test_case {
    const char *name;
    void (*run)(void);
    struct test_case *next;
};

void test_register(struct test_case *test);
void test_failed(const char *file, int line, const char *format, ...) PRINTF_LIKE(3, 4);
void check_i64_at(const char *file, int line, const char *what, int64_t got, int64_t want);
void check_slice_at(const char *file, int line, const char *what, struct slice got,
                    struct slice want);

#define TEST(test_name)                                                                            \
    static void test_name(void);                                                                   \
    __attribute__((constructor)) static void register_##test_name(void)                            \
    {                                                                                              \
        static struct test_case test_case = {.name = #test_name, .run = test_name};                \
        test_register(&test_case);                                                                 \
    }                                                                                              \
    static void test_name(void)

#define check(cond) ((cond) ? (void)0 : test_failed(__FILE__, __LINE__, "%s", #cond))
#define check_i64(got, want) check_i64_at(__FILE__, __LINE__, #got, (int64_t)(got), (int64_t)(want))
#define check_err(got, want)                                                                       \
    do {                                                                                           \
        const enum err check_got = (got), check_want = (want);                                     \
        if (check_got != check_want)                                                               \
            test_failed(__FILE__, __LINE__, "%s gave %s, want %s", #got, err_name(check_got),      \
                        err_name(check_want));                                                     \
    } while (0)
#define check_ok(got) check_err((got), ERR_OK)
#define check_str(got, want)                                                                       \
    check_slice_at(__FILE__, __LINE__, #got, slice_str(got), slice_str(want))
#define check_slice(got, want) check_slice_at(__FILE__, __LINE__, #got, (got), (want))

#endif
