/* search_attributes.h - which search attributes a start or a command may set: predefined ones and
 * those that the namespace has of its own. */
#ifndef GNOMON_SEARCH_ATTRIBUTES_H
#define GNOMON_SEARCH_ATTRIBUTES_H

#include "api.h"
#include "common/base/arena.h"

/* The attributes that namespaces have of their own. Any thread. */
struct search_registry {
    /* The type as the API names it, static; NULL: there is none, or no such namespace. */
    const char *(*type_of)(void *arg, struct slice namespace_name, const char *name);
    void *arg;
};

/* A namespace keeps them in its configuration, as the reference does: a map of fields ("Keyword01":
 * the type and a number) to names. `config` is a NamespaceConfig, encoded. */
const char *search_custom_type(struct slice config, struct slice name);
/* The type that a field of this map has; NULL: it is none. */
const char *search_type_of_field(const char *field);

/* Everywhere: `custom` may be NULL (none). NULL when the namespace knows all of them (may be NULL),
 * else the reference's words, in `arena`.
 */
const char *search_attributes_unknown(struct arena *arena, const struct search_registry *custom,
                                      struct slice namespace_name,
                                      const api_search_attributes *attributes);

/* NULL when all of them (may be NULL) can be set, else the reference's words, in `arena`. */
const char *search_attributes_fault(struct arena *arena, const struct search_registry *custom,
                                    struct slice namespace_name,
                                    const api_search_attributes *attributes, uint32_t count_max);
/* The same of their sizes: a value's, and that of all together. */
const char *search_attributes_size_fault(struct arena *arena,
                                         const api_search_attributes *attributes,
                                         size_t value_bytes_max, size_t bytes_max);

/* The type of a predefined attribute as the API names it ("KeywordList"); NULL: there is none. */
const char *search_attribute_type(const char *name);
/* The same of one that is predefined or the namespace's own. */
const char *search_attribute_type_in(const struct search_registry *custom,
                                     struct slice namespace_name, const char *name);

/* Is this JSON a value of the type, or a list of one? Null is. */
bool search_value_fits(const char *type, struct slice json);
/* A value as texts for people show it, in `arena`. */
const char *search_value_shown(struct arena *arena, struct slice json);

#endif
