/* names.c - see names.h. Spec: the reference's tables of search attributes. */
#include "common/visibility/names.h"

#define TYPE_Keyword VIS_KEYWORD
#define TYPE_KeywordList VIS_KEYWORD_LIST
#define TYPE_Datetime VIS_DATETIME
#define TYPE_Int VIS_INT
#define TYPE_Bool VIS_BOOL

enum sort { SERVER, CLIENT, SYSTEM };

static const struct vis_attribute attributes[] = {
#define SEARCH_ATTRIBUTE(sort, name, type) {#name, TYPE_##type, (sort) == SYSTEM},
#include "common/proto/search_attributes.def"
#undef SEARCH_ATTRIBUTE
    {NULL, VIS_TEXT, false},
};

const struct vis_attribute *vis_attributes(void)
{
    return attributes;
}

const struct vis_attribute *vis_attribute_of(struct slice name)
{
    for (const struct vis_attribute *at = attributes; at->name; at++)
        if (slice_eq(name, slice_str(at->name)))
            return at;
    return NULL;
}

bool vis_name_is_reserved(struct slice name)
{
    static const char *const internal[] = {"NamespaceId", "MemoEncoding", "Memo",
                                           "VisibilityTaskKey"};

    for (size_t i = 0; i < COUNT_OF(internal); i++)
        if (slice_eq(name, slice_str(internal[i])))
            return true;
    return vis_attribute_of(name) != NULL || slice_starts_with(name, SLICE_LIT("Temporal"));
}

const char *vis_type_name(enum vis_type type)
{
    switch (type) {
    case VIS_TEXT:
        return "Text";
    case VIS_KEYWORD:
        return "Keyword";
    case VIS_INT:
        return "Int";
    case VIS_DOUBLE:
        return "Double";
    case VIS_BOOL:
        return "Bool";
    case VIS_DATETIME:
        return "Datetime";
    case VIS_KEYWORD_LIST:
        return "KeywordList";
    }
    return "Unspecified";
}

static bool is_predefined(struct slice name, struct vis_name *out)
{
    const struct vis_attribute *attribute = vis_attribute_of(name);

    if (!attribute)
        return false;
    *out = (struct vis_name){slice_str(attribute->name), attribute->type, false};
    return true;
}

bool vis_name_resolve(struct arena *arena, struct slice alias, const struct vis_custom *custom,
                      struct vis_name *out)
{
    const struct slice prefix = SLICE_LIT("Temporal");
    enum vis_type type;

    if (is_predefined(alias, out))
        return true;
    if (custom->type_of && custom->type_of(custom->arg, alias, &type)) {
        *out = (struct vis_name){alias, type, true};
        return true;
    }
    if (slice_eq(alias, SLICE_LIT("ScheduleId")))
        return is_predefined(SLICE_LIT("WorkflowId"), out);
    if (slice_starts_with(alias, prefix) &&
        is_predefined(slice_of(alias.ptr + prefix.len, alias.len - prefix.len), out))
        return true;
    return alias.len < 100 &&
           is_predefined(slice_str(arena_printf(arena, "Temporal" SLICE_FMT, SLICE_ARG(alias))),
                         out);
}
