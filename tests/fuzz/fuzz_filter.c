/* fuzz_filter.c - filters of List and Count: any text parses or is refused with a text, and what
 * parsed arrives at a shard as it was. */
#include "common/base/buf.h"
#include "common/visibility/parse.h"
#include "tests/fuzz/fuzz.h"

static bool own_type(void *arg, struct slice name, enum vis_type *type)
{
    static const char *const own[] = {"MyText", "MyKeyword", "MyInt", "MyDouble",
                                      "MyBool", "MyTime",    "MyList"};
    static const enum vis_type types[] = {VIS_TEXT, VIS_KEYWORD,  VIS_INT,         VIS_DOUBLE,
                                          VIS_BOOL, VIS_DATETIME, VIS_KEYWORD_LIST};

    (void)arg;
    for (size_t i = 0; i < COUNT_OF(own); i++)
        if (slice_eq(name, slice_str(own[i]))) {
            *type = types[i];
            return true;
        }
    return false;
}

void fuzz_one(struct slice input)
{
    static const struct vis_custom custom = {own_type, NULL};
    struct err_detail detail = {0};
    struct vis_query query, again;
    struct buf there, back;
    struct arena arena;

    arena_init(&arena);
    if (vis_parse(&arena, input, &custom, &query, &detail) != ERR_OK) {
        if (detail.text[0] == '\0')
            fuzz_fail("refused without a text");
        arena_release(&arena);
        return;
    }
    buf_init(&there, 0);
    buf_init(&back, 0);
    vis_query_encode(&query, &there);
    if (vis_query_decode(&arena, buf_slice(&there), &again) != ERR_OK)
        fuzz_fail("what parsed does not travel");
    vis_query_encode(&again, &back);
    if (!slice_eq(buf_slice(&there), buf_slice(&back)))
        fuzz_fail("it arrives as something else");
    buf_release(&there);
    buf_release(&back);
    arena_release(&arena);
}
