/* base.c - what happens when a broken invariant is found. */
#include "common/base/base.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void must_fail(const char *condition, const char *file, int line)
{
    fprintf(stderr, "fatal: broken invariant `%s` at %s:%d\n", condition, file, line);
    abort();
}
