/* types.c - see types.h: tables that the build makes of the descriptors. */
#include "common/proto/types.h"

#include "api.h"

#include <stdlib.h>

static const ProtobufCMessageDescriptor *const types[] = {
#define API_TYPE(symbol) &symbol##__descriptor,
#define API_ONEOF(symbol, field, name)
#include "api_types.def"
#undef API_TYPE
#undef API_ONEOF
};

static const struct oneof_member {
    const ProtobufCMessageDescriptor *message;
    uint32_t field;
    const char *name;
} oneof_members[] = {
#define API_TYPE(symbol)
#define API_ONEOF(symbol, field, name) {&symbol##__descriptor, field, name},
#include "api_types.def"
#undef API_TYPE
#undef API_ONEOF
};

const ProtobufCMessageDescriptor *proto_type_at(size_t index)
{
    return index < COUNT_OF(types) ? types[index] : NULL;
}

static int compare(const void *key, const void *element)
{
    const ProtobufCMessageDescriptor *const *type = element;

    return slice_cmp(*(const struct slice *)key, slice_str((*type)->name));
}

const ProtobufCMessageDescriptor *proto_type_of_url(struct slice url)
{
    const uint8_t *slash = url.len ? memrchr(url.ptr, '/', url.len) : NULL;
    const struct slice name =
        slash ? slice_of(slash + 1, (size_t)(url.ptr + url.len - slash - 1)) : url;
    const ProtobufCMessageDescriptor *const *found =
        bsearch(&name, types, COUNT_OF(types), sizeof types[0], compare);

    return found ? *found : NULL;
}

bool proto_is_well_known(const ProtobufCMessageDescriptor *type)
{
    return type == &pb_timestamp__desc || type == &pb_duration__desc ||
           type == &pb_field_mask__desc || type == &pb_any__desc ||
           type == &pb_double_value__desc || type == &pb_empty__desc;
}

bool proto_is_map(const ProtobufCMessageDescriptor *message, const ProtobufCFieldDescriptor *field)
{
    if (field->label != PROTOBUF_C_LABEL_REPEATED || field->type != PROTOBUF_C_TYPE_MESSAGE)
        return false;
    const ProtobufCMessageDescriptor *entry = field->descriptor;
    const size_t own = strlen(message->name), len = strlen(entry->name);

    /* protoc names the entry after the field, inside the message. */
    return len > own + 6 && strncmp(entry->name, message->name, own) == 0 &&
           entry->name[own] == '.' && strcmp(entry->name + len - 5, "Entry") == 0 &&
           entry->n_fields == 2 && strcmp(entry->fields[0].name, "key") == 0 &&
           strcmp(entry->fields[1].name, "value") == 0;
}

const char *proto_oneof_of(const ProtobufCMessageDescriptor *message, uint32_t field)
{
    for (size_t i = 0; i < COUNT_OF(oneof_members); i++)
        if (oneof_members[i].message == message && oneof_members[i].field == field)
            return oneof_members[i].name;
    return "";
}
