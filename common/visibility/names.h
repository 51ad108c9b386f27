/* names.h - the attributes that every execution can have, their types, and how a filter may call
 * them. */
#ifndef GNOMON_VISIBILITY_NAMES_H
#define GNOMON_VISIBILITY_NAMES_H

#include "common/visibility/query.h"

struct vis_attribute {
    const char *name;
    enum vis_type type;
    bool is_system; /* kept apart from the search attributes that a workflow sets */
};

/* In no order; NULL ends. For lists of what there is. */
const struct vis_attribute *vis_attributes(void);
const struct vis_attribute *vis_attribute_of(struct slice name); /* NULL: none */

/* No custom attribute may be called so. */
bool vis_name_is_reserved(struct slice name);

/* "Keyword", "INT" ... as the API writes a type: "KeywordList"; as its enum's text. */
const char *vis_type_name(enum vis_type type);

/* The custom attributes of a namespace, as a look-up. */
struct vis_custom {
    bool (*type_of)(void *arg, struct slice name, enum vis_type *type);
    void *arg;
};

struct vis_name {
    struct slice name; /* as the row has it */
    enum vis_type type;
    bool is_custom;
};

/* What `alias` in a filter means: a custom attribute, else a predefined one, with or without
 * "Temporal" before it; ScheduleId is the WorkflowId. False: nothing. */
bool vis_name_resolve(struct arena *arena, struct slice alias, const struct vis_custom *custom,
                      struct vis_name *out);

#endif
