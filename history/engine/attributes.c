/* attributes.c - see attributes.h. Spec: the reference shows types of search attributes when it
 * reads an event; here they are written with it. */
#include "history/engine/attributes.h"

#include "common/proto/wire.h"
#include "history/engine/engine_int.h"

typedef api_search_attributes_indexed_fields_entry indexed_entry;

bool engine_payload_is_nil(const api_payload *payload)
{
    return !payload || payload->data.len == 0 ||
           (payload->data.len == 4 && memcmp(payload->data.data, "null", 4) == 0) ||
           (payload->data.len == 2 && memcmp(payload->data.data, "[]", 2) == 0);
}

static api_payload_metadata_entry *metadata(struct arena *arena, const char *key, const char *value)
{
    api_payload_metadata_entry *entry = engine_message(arena, &api_payload_metadata_entry__desc);

    entry->key = arena_str(arena, slice_str(key));
    entry->value.data = (uint8_t *)arena_str(arena, slice_str(value));
    entry->value.len = strlen(value);
    return entry;
}

static bool has_type(const api_payload *payload)
{
    for (size_t i = 0; i < payload->n_metadata; i++)
        if (strcmp(payload->metadata[i]->key, "type") == 0)
            return true;
    return false;
}

static indexed_entry *typed(struct arena *arena, struct attributes_of of, indexed_entry *in)
{
    const char *type = search_attribute_type_in(of.custom, of.namespace_name, in->key);

    if (!type || !in->value || has_type(in->value))
        return in;
    indexed_entry *entry = engine_message(arena, &api_search_attributes_indexed_fields_entry__desc);
    api_payload *payload = engine_message(arena, &api_payload__desc);
    *payload = *in->value;
    payload->metadata = ARENA_ARRAY(arena, api_payload_metadata_entry *, in->value->n_metadata + 1);
    for (size_t i = 0; i < in->value->n_metadata; i++)
        payload->metadata[i] = in->value->metadata[i];
    payload->metadata[payload->n_metadata++] = metadata(arena, "type", type);
    entry->key = in->key;
    entry->value = payload;
    return entry;
}

api_search_attributes *attributes_typed(struct arena *arena, struct attributes_of of,
                                        const api_search_attributes *in, bool keep_nil)
{
    if (!in)
        return NULL;
    api_search_attributes *out = engine_message(arena, &api_search_attributes__desc);
    *out = *in;
    out->indexed_fields = ARENA_ARRAY(arena, indexed_entry *, in->n_indexed_fields + 1);
    out->n_indexed_fields = 0;
    for (size_t i = 0; i < in->n_indexed_fields; i++)
        if (keep_nil || !engine_payload_is_nil(in->indexed_fields[i]->value))
            out->indexed_fields[out->n_indexed_fields++] = typed(arena, of, in->indexed_fields[i]);
    return out->n_indexed_fields > 0 ? out : NULL;
}

api_memo *memo_without_nil(struct arena *arena, const api_memo *in)
{
    if (!in)
        return NULL;
    api_memo *out = engine_message(arena, &api_memo__desc);
    *out = *in;
    out->fields = ARENA_ARRAY(arena, api_memo_fields_entry *, in->n_fields + 1);
    out->n_fields = 0;
    for (size_t i = 0; i < in->n_fields; i++)
        if (!engine_payload_is_nil(in->fields[i]->value))
            out->fields[out->n_fields++] = in->fields[i];
    return out->n_fields > 0 ? out : NULL;
}

struct slice priority_kept(struct arena *arena, const api_priority *in)
{
    const struct slice said = in ? proto_encode(arena, in) : SLICE_EMPTY;

    return in && said.len == 0 ? SLICE_LIT("\x08\x00") : said; /* priority_key: 0 */
}

api_payload *attribute_payload(struct arena *arena, const char *type, struct slice json)
{
    api_payload *payload = engine_message(arena, &api_payload__desc);
    const struct slice data = arena_copy(arena, json);

    payload->metadata = ARENA_ARRAY(arena, api_payload_metadata_entry *, 2);
    payload->metadata[payload->n_metadata++] = metadata(arena, "encoding", "json/plain");
    payload->metadata[payload->n_metadata++] = metadata(arena, "type", type);
    payload->data.len = data.len;
    payload->data.data = (uint8_t *)(uintptr_t)data.ptr;
    return payload;
}
