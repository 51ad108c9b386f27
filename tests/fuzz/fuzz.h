/* fuzz.h - what a fuzz target has. */
#ifndef GNOMON_TESTS_FUZZ_H
#define GNOMON_TESTS_FUZZ_H

#include "common/base/slice.h"

/* One input, any bytes. What must hold is checked with must(), which ends the process. Whatever is
 * allocated is given back: what is left is a leak of the thing tried. */
void fuzz_one(struct slice input);

/* Ends the process with a text where an input shows that something does not hold. */
_Noreturn void fuzz_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
