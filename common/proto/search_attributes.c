/* search_attributes.c - see search_attributes.h. Spec: the reference's validator and its tables. */
#include "common/proto/search_attributes.h"

#include "common/proto/wire.h"

enum sort { SYSTEM, SERVER, CLIENT };

static const struct predefined {
    enum sort sort;
    const char *name, *type;
} predefined[] = {
#define SEARCH_ATTRIBUTE(sort, name, type) {sort, #name, #type},
#include "common/proto/search_attributes.def"
#undef SEARCH_ATTRIBUTE
};

static const struct predefined *find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(predefined); i++)
        if (strcmp(name, predefined[i].name) == 0)
            return &predefined[i];
    return NULL;
}

static bool is_the_servers(const char *name)
{
    const struct predefined *found = find(name);

    return found && found->sort != CLIENT;
}

const char *search_attribute_type(const char *name)
{
    const struct predefined *found = find(name);

    return found && found->sort == CLIENT ? found->type : NULL;
}

static struct slice encoding_of(const api_payload *payload)
{
    for (size_t i = 0; i < payload->n_metadata; i++)
        if (strcmp(payload->metadata[i]->key, "encoding") == 0)
            return slice_of(payload->metadata[i]->value.data, payload->metadata[i]->value.len);
    return SLICE_EMPTY;
}

static const char *value_fault(struct arena *arena, const char *name, const char *type,
                               const api_payload *payload)
{
    const char *shown = "value from <payload>";

    if (!payload || slice_eq(encoding_of(payload), SLICE_LIT("binary/null")))
        return NULL;
    const struct slice json = slice_of(payload->data.data, payload->data.len);
    if (slice_eq(encoding_of(payload), SLICE_LIT("json/plain"))) {
        if (search_value_fits(type, json))
            return NULL;
        shown = search_value_shown(arena, json);
    }
    return arena_printf(arena, "invalid value for search attribute %s of type %s: %s", name, type,
                        shown);
}

const char *search_type_of_field(const char *field)
{
    static const char *const types[] = {"KeywordList", "Keyword", "Text",    "Int",
                                        "Double",      "Bool",    "Datetime"};

    for (size_t i = 0; i < COUNT_OF(types); i++) {
        const size_t len = strlen(types[i]);

        if (strncmp(field, types[i], len) == 0 && field[len] != '\0' &&
            strspn(field + len, "0123456789") == strlen(field + len))
            return types[i];
    }
    return NULL;
}

const char *search_custom_type(struct slice config, struct slice name)
{
    const char *type = NULL;
    api_namespace_config *decoded;
    struct arena arena;

    arena_init(&arena);
    if (config.len &&
        proto_decode(&arena, &api_namespace_config__desc, config, &decoded, NULL) == ERR_OK)
        for (size_t i = 0; !type && i < decoded->n_custom_search_attribute_aliases; i++)
            if (slice_eq(slice_str(decoded->custom_search_attribute_aliases[i]->value), name))
                type = search_type_of_field(decoded->custom_search_attribute_aliases[i]->key);
    arena_release(&arena);
    return type;
}

const char *search_attribute_type_in(const struct search_registry *custom,
                                     struct slice namespace_name, const char *name)
{
    const char *type = search_attribute_type(name);

    return type || !custom || !custom->type_of ? type
                                               : custom->type_of(custom->arg, namespace_name, name);
}

const char *search_attributes_unknown(struct arena *arena, const struct search_registry *custom,
                                      struct slice namespace_name,
                                      const api_search_attributes *attributes)
{
    for (size_t i = 0; attributes && i < attributes->n_indexed_fields; i++) {
        const char *name = attributes->indexed_fields[i]->key;

        if (!is_the_servers(name) && !search_attribute_type_in(custom, namespace_name, name))
            return arena_printf(
                arena, "Namespace " SLICE_FMT " has no mapping defined for search attribute %s",
                SLICE_ARG(namespace_name), name);
    }
    return NULL;
}

const char *search_attributes_fault(struct arena *arena, const struct search_registry *custom,
                                    struct slice namespace_name,
                                    const api_search_attributes *attributes, uint32_t count_max)
{
    const char *fault = search_attributes_unknown(arena, custom, namespace_name, attributes);

    if (fault)
        return fault;
    if (attributes && attributes->n_indexed_fields > count_max)
        return arena_printf(arena, "number of search attributes %zu exceeds limit %u",
                            attributes->n_indexed_fields, count_max);
    for (size_t i = 0; attributes && i < attributes->n_indexed_fields; i++) {
        const char *name = attributes->indexed_fields[i]->key;

        if (is_the_servers(name))
            return arena_printf(arena, "%s attribute can't be set in SearchAttributes", name);
        const char *type = search_attribute_type_in(custom, namespace_name, name);
        if (!type) /* gone since */
            continue;
        fault = value_fault(arena, name, type, attributes->indexed_fields[i]->value);
        if (fault)
            return fault;
    }
    return NULL;
}

const char *search_attributes_size_fault(struct arena *arena,
                                         const api_search_attributes *attributes,
                                         size_t value_bytes_max, size_t bytes_max)
{
    for (size_t i = 0; attributes && i < attributes->n_indexed_fields; i++) {
        const api_payload *value = attributes->indexed_fields[i]->value;

        if (value && value->data.len > value_bytes_max)
            return arena_printf(arena, "search attribute %s value size %zu exceeds size limit %zu",
                                attributes->indexed_fields[i]->key, value->data.len,
                                value_bytes_max);
    }
    const size_t bytes = attributes ? protobuf_c_message_get_packed_size(&attributes->base) : 0;
    if (bytes > bytes_max)
        return arena_printf(arena, "total size of search attributes %zu exceeds size limit %zu",
                            bytes, bytes_max);
    return NULL;
}
