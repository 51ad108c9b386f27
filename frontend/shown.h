/* shown.h - which search attributes answers show: those that the namespace has at the time.
 *
 * Executions and events keep the attributes that they were given, under their names. One that the
 * namespace has removed since, or has anew with a type that the value is not of, is left out of
 * what clients see. */
#ifndef GNOMON_FRONTEND_SHOWN_H
#define GNOMON_FRONTEND_SHOWN_H

#include "frontend/frontend.h"

/* The type of a namespace's own attribute as the API names it; NULL: it has none of this name. */
typedef const char *(*fe_type_of_fn)(void *arg, struct slice name);

/* `message` without what must not be seen: itself where that is nothing, else in `arena`. Where a
 * client has said another type than the real one, lists (FE_SHOWN_INFO) have the real one. */
struct slice fe_shown_part(struct arena *arena, enum fe_shown what, struct slice message,
                           fe_type_of_fn type_of, void *arg);

/* The attributes of a call's namespace as it is now, looked up with the first name that is not
 * predefined: the call may have waited for long. */
struct fe_own_attributes {
    struct fe_call *fc;
    bool looked;
    api_namespace_config *config; /* NULL: nothing known */
};

/* The same in the call's arena. */
struct slice fe_shown(struct fe_own_attributes *own, enum fe_shown what, struct slice message);

#endif
