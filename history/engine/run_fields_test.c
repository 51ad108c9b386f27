/* run_fields_test.c - no field of struct run is left undeclared in run_fields.def: what lies
 * between two declared ones is padding, smaller than the alignment of the next. */
#include "history/engine/run.h"
#include "tests/lib/test.h"

struct field {
    const char *name;
    size_t at, size, align;
};

TEST(test_run_fields_are_all_declared)
{
    static const struct field fields[] = {
#define RUN_FIELD(sort, form, key, member)                                                         \
    {#member, offsetof(struct run, member), sizeof(((struct run *)NULL)->member),                  \
     __alignof__(((struct run *)NULL)->member)},
#include "history/engine/run_fields.def"
#undef RUN_FIELD
    };
    size_t end = 0;

    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        const struct field *f = &fields[i];
        const size_t gap = f->at - end;
        if (f->at < end || gap >= (f->align > 4 ? f->align : 4))
            test_failed(__FILE__, __LINE__, "before %s: %zu bytes that no field declares", f->name,
                        gap);
        end = f->at + f->size;
    }
    check(sizeof(struct run) - end < 8);
}

TEST(test_run_fields_have_keys_of_their_own)
{
    static const uint32_t keys[] = {
#define RUN_FIELD(sort, form, key, member) key,
#include "history/engine/run_fields.def"
#undef RUN_FIELD
    };

    for (size_t i = 0; i < COUNT_OF(keys); i++)
        for (size_t j = i + 1; j < COUNT_OF(keys); j++)
            check(keys[i] == 0 || keys[i] != keys[j]);
}
