/* attributes.h - memo and search attributes as events show them. */
#ifndef GNOMON_ATTRIBUTES_H
#define GNOMON_ATTRIBUTES_H

#include "api.h"
#include "common/base/arena.h"
#include "common/proto/search_attributes.h"

/* What the clients send to unset an attribute or a field of the memo. */
bool engine_payload_is_nil(const api_payload *payload);

/* Whose attributes they are: what is of a namespace's own there, and its name. */
struct attributes_of {
    const struct search_registry *custom; /* may be NULL: none */
    struct slice namespace_name;
};

/* The attributes with the type of each in its metadata, unless the client said one. A start has
 * nothing to unset: there `keep_nil` is false. NULL when nothing is left. In `arena`, sharing what
 * `in` (may be NULL) points to. */
api_search_attributes *attributes_typed(struct arena *arena, struct attributes_of of,
                                        const api_search_attributes *in, bool keep_nil);
/* The memo without fields that are nil. NULL when nothing is left; otherwise as above. */
api_memo *memo_without_nil(struct arena *arena, const api_memo *in);

/* A priority as runs and activities keep it, in `arena`: one that is there and says nothing, as
 * SDKs send it, is told from none (NULL, which is empty). */
struct slice priority_kept(struct arena *arena, const api_priority *in);

/* A search attribute's value of the server's own making: JSON and the name of its type. */
api_payload *attribute_payload(struct arena *arena, const char *type, struct slice json);

#endif
