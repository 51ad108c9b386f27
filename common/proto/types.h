/* types.h - the message types by name, and what protobuf-c's descriptors do not say of them. */
#ifndef GNOMON_PROTO_TYPES_H
#define GNOMON_PROTO_TYPES_H

#include "common/base/slice.h"

#include <protobuf-c/protobuf-c.h>

/* All messages of the API, sorted by name; NULL after the last. */
const ProtobufCMessageDescriptor *proto_type_at(size_t index);

/* Of a type URL: its name is behind the last slash. NULL: unknown. */
const ProtobufCMessageDescriptor *proto_type_of_url(struct slice url);

/* Has it a JSON form of its own? */
bool proto_is_well_known(const ProtobufCMessageDescriptor *type);

/* Is the repeated field a map? */
bool proto_is_map(const ProtobufCMessageDescriptor *message, const ProtobufCFieldDescriptor *field);

/* The name of the oneof that the field belongs to; "" for none. */
const char *proto_oneof_of(const ProtobufCMessageDescriptor *message, uint32_t field);

#endif
