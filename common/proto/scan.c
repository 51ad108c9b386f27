/* scan.c - the scan that outside bytes pass before protobuf-c sees them, and decoding into arenas.
 *
 * 1. The scan uses no recursion: nesting costs a frame of a fixed stack.
 * 2. A singular message field that comes twice is refused: protobuf-c would merge the two by
 *    copying, at a cost that grows with the square of the repetitions.
 * 3. What the scan lets through, protobuf-c decodes within PROTO_DECODED_BYTES_MAX. */
#include "common/proto/wire.h"

enum {
    FIELD_COST = 48, /* of protobuf-c's list of fields, an array slot, an unknown field */
    SEEN_WORDS = 4,  /* fields of a message that a frame can mark */
    STRING_OVERHEAD = 24,
};

struct scan_frame {
    const ProtobufCMessageDescriptor *desc;
    const uint8_t *end;
    unsigned hint; /* index of the field that probably comes next */
    uint64_t seen[SEEN_WORDS];
};

struct scan {
    struct wire_reader reader;
    struct scan_frame frames[PROTO_DEPTH_MAX];
    size_t depth; /* frames in use */
    size_t cost;  /* bytes that decoding takes */
    struct err_detail *detail;
};

static enum err malformed(struct scan *scan, const char *text)
{
    return err_fail(scan->detail, ERR_INTERNAL, "grpc: error unmarshalling request: proto: %s",
                    text);
}

static void push(struct scan *scan, const ProtobufCMessageDescriptor *desc, const uint8_t *end)
{
    struct scan_frame *frame = &scan->frames[scan->depth++];

    frame->desc = desc;
    frame->end = end;
    frame->hint = 0;
    memset(frame->seen, 0, sizeof frame->seen);
    scan->cost += desc->sizeof_message + STRING_OVERHEAD;
    scan->reader.end = end;
}

static const ProtobufCFieldDescriptor *find_field(struct scan_frame *frame, uint32_t number)
{
    const ProtobufCMessageDescriptor *desc = frame->desc;

    if (frame->hint < desc->n_fields && desc->fields[frame->hint].id == number)
        return &desc->fields[frame->hint++];
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(desc, number);
    if (field)
        frame->hint = (unsigned)(field - desc->fields) + 1;
    return field;
}

static enum err scan_string(struct scan *scan, const ProtobufCFieldDescriptor *field,
                            struct slice text)
{
    const char *message = scan->frames[scan->depth - 1].desc->name;

    scan->cost += text.len + STRING_OVERHEAD;
    if (!wire_utf8_ok(text))
        return err_fail(scan->detail, ERR_INTERNAL,
                        "grpc: error unmarshalling request: string field contains invalid UTF-8");
    if (text.len && memchr(text.ptr, 0, text.len))
        return err_fail(scan->detail, ERR_INVALID, "field %s.%s contains a NUL byte", message,
                        field->name);
    return ERR_OK;
}

/* Mark a singular message field of the current frame; false: it came before. */
static bool mark_seen(struct scan_frame *frame, const ProtobufCFieldDescriptor *field)
{
    const size_t index = (size_t)(field - frame->desc->fields);
    const uint64_t bit = UINT64_C(1) << (index % 64);

    if (index >= (size_t)SEEN_WORDS * 64)
        return false;
    if (frame->seen[index / 64] & bit)
        return false;
    frame->seen[index / 64] |= bit;
    return true;
}

static enum err scan_message(struct scan *scan, const ProtobufCFieldDescriptor *field,
                             struct slice bytes)
{
    struct scan_frame *frame = &scan->frames[scan->depth - 1];

    if (field->label != PROTOBUF_C_LABEL_REPEATED && !mark_seen(frame, field))
        return malformed(scan, "a singular message field comes twice");
    if (scan->depth == PROTO_DEPTH_MAX)
        return malformed(scan, "exceeded maximum recursion depth");
    scan->reader.at = bytes.ptr;
    push(scan, field->descriptor, bytes.ptr + bytes.len);
    return ERR_OK;
}

static enum err scan_field(struct scan *scan, const struct wire_field *wire)
{
    struct scan_frame *frame = &scan->frames[scan->depth - 1];
    const ProtobufCFieldDescriptor *field = find_field(frame, wire->number);

    scan->cost += FIELD_COST;
    if (!field || wire->type != WIRE_BYTES) {
        scan->cost += wire->raw.len;
        return ERR_OK; /* unknown fields are skipped, and a wrong type is protobuf-c's to refuse */
    }
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return scan_string(scan, field, wire->bytes);
    case PROTOBUF_C_TYPE_MESSAGE:
        return scan_message(scan, field, wire->bytes);
    case PROTOBUF_C_TYPE_BYTES:
        scan->cost += wire->bytes.len + STRING_OVERHEAD;
        return ERR_OK;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
        scan->cost += wire->bytes.len * 8; /* packed: a byte may become eight */
        return ERR_OK;
    }
    return malformed(scan, "cannot parse invalid wire-format data");
}

enum err proto_scan(const ProtobufCMessageDescriptor *desc, struct slice bytes,
                    struct err_detail *detail)
{
    static const uint8_t nothing;
    struct wire_field field;
    struct scan scan;

    if (bytes.len == 0)
        bytes.ptr = &nothing;
    scan.reader = wire_reader(bytes);
    scan.depth = 0;
    scan.cost = 0;
    scan.detail = detail;
    push(&scan, desc, bytes.ptr + bytes.len);
    while (scan.depth > 0) {
        if (wire_next(&scan.reader, &field)) {
            const enum err err = scan_field(&scan, &field);

            if (err != ERR_OK)
                return err;
            if (scan.cost > PROTO_DECODED_BYTES_MAX)
                return err_fail(detail, ERR_BUSY,
                                "grpc: received message takes more than %d bytes when decoded",
                                PROTO_DECODED_BYTES_MAX);
            continue;
        }
        if (scan.reader.failed)
            return malformed(&scan, "cannot parse invalid wire-format data");
        scan.depth--;
        if (scan.depth > 0)
            scan.reader.end = scan.frames[scan.depth - 1].end;
    }
    return ERR_OK;
}

/* ---- decoding and encoding with an arena ---- */

static void *allocator_alloc(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void allocator_free(void *arena, void *pointer)
{
    UNUSED(arena);
    UNUSED(pointer);
}

ProtobufCAllocator proto_allocator(struct arena *arena)
{
    return (ProtobufCAllocator){
        .alloc = allocator_alloc, .free = allocator_free, .allocator_data = arena};
}

enum err proto_decode(struct arena *arena, const ProtobufCMessageDescriptor *desc,
                      struct slice bytes, void *out, struct err_detail *detail)
{
    const enum err err = proto_scan(desc, bytes, detail);

    if (err != ERR_OK)
        return err;
    ProtobufCAllocator allocator = proto_allocator(arena);
    ProtobufCMessage *message = protobuf_c_message_unpack(desc, &allocator, bytes.len, bytes.ptr);
    if (!message)
        return err_fail(detail, ERR_INTERNAL,
                        "grpc: error unmarshalling request: proto: "
                        "cannot parse invalid wire-format data");
    memcpy(out, &message, sizeof message);
    return ERR_OK;
}

struct slice proto_encode(struct arena *arena, const void *message)
{
    const size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = arena_alloc(arena, size);

    must(protobuf_c_message_pack(message, bytes) == size);
    return slice_of(bytes, size);
}

void proto_append(struct buf *buf, const void *message)
{
    const size_t size = protobuf_c_message_get_packed_size(message);

    if (size == 0 || !buf_reserve(buf, size))
        return;
    must(protobuf_c_message_pack(message, buf->ptr + buf->len) == size);
    buf->len += size;
}

void proto_put(struct buf *buf, uint32_t field, const void *message)
{
    wire_put_tag(buf, field, WIRE_BYTES);
    wire_put_raw_varint(buf, protobuf_c_message_get_packed_size(message));
    proto_append(buf, message);
}
