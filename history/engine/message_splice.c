/* message_splice.c - see message_splice.h. */
#include "history/engine/message_splice.h"

static size_t varint_put(uint8_t *at, uint64_t value)
{
    size_t len = 0;

    while (value >= 0x80) {
        at[len++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    at[len++] = (uint8_t)value;
    return len;
}

/* protobuf-c writes unknown fields back as they came: tag, then `data`, which for a length-prefixed
 * field begins with the length. */
static void splice(struct arena *arena, ProtobufCMessage *message, uint32_t number,
                   struct slice bytes)
{
    enum { VARINT_MAX = 10 };

    const unsigned count = message->n_unknown_fields;
    ProtobufCMessageUnknownField *fields =
        ARENA_ARRAY(arena, ProtobufCMessageUnknownField, count + 1);
    if (count)
        memcpy(fields, message->unknown_fields, count * sizeof *fields);

    uint8_t *data = arena_alloc(arena, VARINT_MAX + bytes.len);
    const size_t head = varint_put(data, bytes.len);
    if (bytes.len)
        memcpy(data + head, bytes.ptr, bytes.len);
    fields[count] = (ProtobufCMessageUnknownField){
        .tag = number,
        .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
        .len = head + bytes.len,
        .data = data,
    };
    message->unknown_fields = fields;
    message->n_unknown_fields = count + 1;
}

void message_splice(struct arena *arena, ProtobufCMessage *message, uint32_t number,
                    struct slice bytes)
{
    if (bytes.len > 0)
        splice(arena, message, number, bytes);
}

void message_splice_empty(struct arena *arena, ProtobufCMessage *message, uint32_t number)
{
    splice(arena, message, number, SLICE_EMPTY);
}
