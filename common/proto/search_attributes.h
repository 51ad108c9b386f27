/* search_attributes.h - which search attributes a start or a command may set: a namespace has no
 * attributes of its own, so only predefined ones. */
#ifndef GNOMON_SEARCH_ATTRIBUTES_H
#define GNOMON_SEARCH_ATTRIBUTES_H

#include "api.h"
#include "common/base/arena.h"

/* NULL when all of them (may be NULL) can be set, else the reference's words, in `arena`. */
const char *search_attributes_fault(struct arena *arena, struct slice namespace_name,
                                    const api_search_attributes *attributes);

#endif
