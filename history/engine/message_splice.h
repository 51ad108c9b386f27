/* message_splice.h - stored messages put into new ones as the bytes that they are. */
#ifndef GNOMON_MESSAGE_SPLICE_H
#define GNOMON_MESSAGE_SPLICE_H

#include "common/base/arena.h"

#include <protobuf-c/protobuf-c.h>

/* Make the encoded message `bytes` field `number` of `message`, without decoding it: packing writes
 * it after the other fields. Nothing happens for empty bytes. The field's own member must stay
 * NULL. Memory: keeps `bytes` and takes from `arena`; both outlive the packing of `message`. */
void message_splice(struct arena *arena, ProtobufCMessage *message, uint32_t number,
                    struct slice bytes);

/* The field is there, with nothing in it. */
void message_splice_empty(struct arena *arena, ProtobufCMessage *message, uint32_t number);

#endif
