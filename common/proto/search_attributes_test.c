/* search_attributes_test.c - which search attributes and which values are taken. */
#include "common/proto/search_attributes.h"

#include "tests/lib/test.h"

TEST(search_values_have_the_type_of_their_attribute)
{
    static const struct {
        const char *type, *json;
        bool fits;
    } cases[] = {
        {"Keyword", "\"a\"", true},
        {"Keyword", " [ \"a\" ] ", true},
        {"Keyword", "[\"a\",\"b\"]", false},
        {"Keyword", "[]", true},
        {"Keyword", "null", true},
        {"Keyword", "1", false},
        {"Keyword", "\"open", false},
        {"Keyword", "\"a\\", false},
        {"Keyword", "{\"a\":1}", false},
        {"Keyword", "", false},
        {"KeywordList", "[\"a\",null]", true},
        {"KeywordList", "\"a\"", false},
        {"KeywordList", "[\"a\"", false},
        {"KeywordList", "[[\"a\"]]", false},
        {"Bool", "true", true},
        {"Bool", "\"true\"", false},
        {"Int", "-12", true},
        {"Int", "1.5", false},
        {"Int", "123456789012345678901", false},
        {"Int", "-", false},
        {"Double", "1e5", true},
        {"Datetime", "\"2026-11-22T21:00:00Z\"", true},
        {"Datetime", "\"2026-11-22T21:00:00.123456+02:00\"", true},
        {"Datetime", "\"2026-11-22 21:00:00Z\"", false},
        {"Datetime", "\"2026-11-22T21:00:00\"", false},
        {"Datetime", "\"x\"", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (search_value_fits(cases[i].type, slice_str(cases[i].json)) != cases[i].fits)
            check_str(cases[i].json, cases[i].type);
}

TEST(search_values_are_shown_as_in_the_reference)
{
    struct arena arena;

    arena_init(&arena);
    check_str(search_value_shown(&arena, SLICE_LIT("\"x\"")), "x");
    check_str(search_value_shown(&arena, SLICE_LIT("[1, 2]")), "[1 2]");
    check_str(search_value_shown(&arena, SLICE_LIT("\"a\\\"b, c\"")), "a\"b, c");
    check(search_attribute_type("BuildIds") && !search_attribute_type("Nobody"));
    arena_release(&arena);
}
