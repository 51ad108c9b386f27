/* external_payloads.c - see external_payloads.h.
 *
 * Nearly no event has any, and each event of each run is looked at: so the bytes are searched first
 * for what every such field begins with, and read along their descriptors only where it is found.
 */
#include "history/engine/external_payloads.h"

#include "api.h"
#include "common/proto/wire.h"
#include "history/engine/attributes.h"
#include "history/engine/engine_int.h"

#include <inttypes.h>

enum {
    FIELD_EXTERNAL = 3, /* Payload.external_payloads */
    FIELD_SIZE = 1,     /* ExternalPayloadDetails.size_bytes */
    EXTERNAL_TAG = FIELD_EXTERNAL << 3 | WIRE_BYTES,
    SIZE_TAG = FIELD_SIZE << 3 | WIRE_VARINT,
    DETAILS_BYTES_MAX = 11,           /* a tag and a varint */
    LEVELS_MAX = PROTO_DEPTH_MAX + 8, /* the request's messages, in those of an event */
};

/* A tag, a short length, then nothing or a size. */
static bool may_have_any(struct slice bytes)
{
    const uint8_t *at = bytes.ptr, *end = at + bytes.len;

    while (at < end && (at = memchr(at, EXTERNAL_TAG, (size_t)(end - at))) != NULL) {
        at++;
        if (at < end && *at == 0)
            return true;
        if (end - at > 1 && *at <= DETAILS_BYTES_MAX && at[1] == SIZE_TAG)
            return true;
    }
    return false;
}

static void add(int64_t *sum, int64_t more)
{
    if (__builtin_add_overflow(*sum, more, sum))
        *sum = more < 0 ? INT64_MIN : INT64_MAX;
}

static void count_payload(struct run *run, struct slice payload)
{
    struct wire_reader reader = wire_reader(payload);
    struct wire_field field;

    while (wire_next(&reader, &field))
        if (field.number == FIELD_EXTERNAL && field.type == WIRE_BYTES) {
            add(&run->external_payload_count, 1);
            add(&run->external_payload_bytes, (int64_t)wire_find_number(field.bytes, FIELD_SIZE));
        }
}

/* The type of the message in a field; NULL: no message, or none that counts. */
static const ProtobufCMessageDescriptor *type_of(const ProtobufCMessageDescriptor *desc,
                                                 const struct wire_field *field)
{
    if (field->type != WIRE_BYTES)
        return NULL;
    const ProtobufCFieldDescriptor *known =
        protobuf_c_message_descriptor_get_field(desc, field->number);

    if (!known || known->type != PROTOBUF_C_TYPE_MESSAGE ||
        known->descriptor == &api_search_attributes__desc)
        return NULL;
    return known->descriptor;
}

/* A message that is read. */
struct level {
    struct wire_reader reader;
    const ProtobufCMessageDescriptor *desc;
};

void external_payloads_count(struct run *run, struct slice events)
{
    struct level levels[LEVELS_MAX];
    size_t level = 0;
    struct wire_field field;

    if (!may_have_any(events))
        return;
    levels[0].reader = wire_reader(events);
    levels[0].desc = &api_history__desc;
    for (;;) {
        if (!wire_next(&levels[level].reader, &field)) {
            if (level-- == 0)
                return;
            continue;
        }
        const ProtobufCMessageDescriptor *desc = type_of(levels[level].desc, &field);

        if (desc == &api_payload__desc)
            count_payload(run, field.bytes);
        else if (desc && level + 1 < LEVELS_MAX)
            levels[++level] = (struct level){wire_reader(field.bytes), desc};
    }
}

struct slice external_payloads_attributes(const struct run *run, struct arena *arena,
                                          struct slice attributes)
{
    const struct {
        char name[33];
        int64_t value;
    } told[] = {{"TemporalExternalPayloadCount", run->external_payload_count},
                {"TemporalExternalPayloadSizeBytes", run->external_payload_bytes}};
    api_search_attributes_indexed_fields_entry entries[COUNT_OF(told)], *fields[COUNT_OF(told)];
    api_search_attributes more = API_SEARCH_ATTRIBUTES_INIT;

    if (run->external_payload_count == 0)
        return attributes;
    for (size_t i = 0; i < COUNT_OF(told); i++) {
        entries[i] = (api_search_attributes_indexed_fields_entry)
            API_SEARCH_ATTRIBUTES_INDEXED_FIELDS_ENTRY_INIT;
        entries[i].key = arena_str(arena, slice_str(told[i].name));
        entries[i].value = attribute_payload(
            arena, "Int", slice_str(arena_printf(arena, "%" PRId64, told[i].value)));
        fields[i] = &entries[i];
    }
    more.indexed_fields = fields;
    more.n_indexed_fields = COUNT_OF(told);
    const struct slice added = proto_encode(arena, &more);
    uint8_t *all = arena_alloc(arena, attributes.len + added.len);

    /* two encoded messages in a row are their union */
    if (attributes.len > 0)
        memcpy(all, attributes.ptr, attributes.len);
    memcpy(all + attributes.len, added.ptr, added.len);
    return slice_of(all, attributes.len + added.len);
}
