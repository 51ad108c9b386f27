/* test.c - see test.h. */
#include "tests/lib/test.h"

#include <stdarg.h>
#include <stdio.h>

static struct test_case *first, **last = &first;
static int failures_in_case;

void test_register(struct test_case *test)
{
    *last = test;
    last = &test->next;
}

void test_failed(const char *file, int line, const char *format, ...)
{
    va_list args;

    failures_in_case++;
    fprintf(stderr, "%s:%d: ", file, line);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void check_i64_at(const char *file, int line, const char *what, int64_t got, int64_t want)
{
    if (got != want)
        test_failed(file, line, "%s is %lld, want %lld", what, (long long)got, (long long)want);
}

void check_slice_at(const char *file, int line, const char *what, struct slice got,
                    struct slice want)
{
    if (!slice_eq(got, want))
        test_failed(file, line, "%s is \"" SLICE_FMT "\", want \"" SLICE_FMT "\"", what,
                    SLICE_ARG(got), SLICE_ARG(want));
}

int main(int argc, char **argv)
{
    int passed = 0, failed = 0;

    for (struct test_case *test = first; test; test = test->next) {
        if (argc > 1 && !strstr(test->name, argv[1]))
            continue;
        failures_in_case = 0;
        test->run();
        if (failures_in_case) {
            fprintf(stderr, "FAILED %s\n", test->name);
            failed++;
        } else {
            passed++;
        }
    }
    printf("%s: %d passed, %d failed\n", argv[0], passed, failed);
    return failed || passed == 0;
}
