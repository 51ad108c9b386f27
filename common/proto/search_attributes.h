/* search_attributes.h - which search attributes a start or a command may set: a namespace has no
 * attributes of its own, so only predefined ones. */
#ifndef GNOMON_SEARCH_ATTRIBUTES_H
#define GNOMON_SEARCH_ATTRIBUTES_H

#include "api.h"
#include "common/base/arena.h"

/* NULL when the namespace knows all of them (may be NULL), else the reference's words, in `arena`.
 */
const char *search_attributes_unknown(struct arena *arena, struct slice namespace_name,
                                      const api_search_attributes *attributes);

/* NULL when all of them (may be NULL) can be set, else the reference's words, in `arena`. */
const char *search_attributes_fault(struct arena *arena, struct slice namespace_name,
                                    const api_search_attributes *attributes, uint32_t count_max);
/* The same of their sizes: a value's, and that of all together. */
const char *search_attributes_size_fault(struct arena *arena,
                                         const api_search_attributes *attributes,
                                         size_t value_bytes_max, size_t bytes_max);

/* The type of a predefined attribute as the API names it ("KeywordList"); NULL: there is none. */
const char *search_attribute_type(const char *name);

/* Is this JSON a value of the type, or a list of one? Null is. */
bool search_value_fits(const char *type, struct slice json);
/* A value as texts for people show it, in `arena`. */
const char *search_value_shown(struct arena *arena, struct slice json);

#endif
