/* json_scalar.h - single values from JSON or text to the wire; what json_read.c is made of. */
#ifndef GNOMON_PROTO_JSON_SCALAR_H
#define GNOMON_PROTO_JSON_SCALAR_H

#include "common/proto/json_parse.h"

#include <protobuf-c/protobuf-c.h>

/* "int64", as the schema has it. */
const char *json_scalar_kind(const ProtobufCFieldDescriptor *field);

/* A field that is no message: its tag and value; nothing where a field without presence has its
 * default. false: the node is none of the field's values. */
MUST_USE bool json_scalar_put(const ProtobufCFieldDescriptor *field, const struct json_node *node,
                              struct buf *out);

/* The paths of a FieldMask: "a,bC". Gives the first that is none; ptr NULL: all are. */
struct slice json_scalar_put_mask(struct slice text, struct buf *out);

/* By its JSON name, else by its name in the schema; NULL: no such field. */
const ProtobufCFieldDescriptor *json_field_of(const ProtobufCMessageDescriptor *desc,
                                              struct slice name);

#endif
