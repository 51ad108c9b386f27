/* envelope.h - the wire form of the mesh: a message is a header and then envelopes, each a msgpack
 * map with small integer keys.
 *
 * Decoding is bounded by hand: counts are checked against the bytes that are left, unknown keys
 * are skipped whatever they hold, nothing is allocated. */
#ifndef GNOMON_MESH_ENVELOPE_H
#define GNOMON_MESH_ENVELOPE_H

#include "common/base/buf.h"
#include "common/base/err.h"

enum {
    MESH_WIRE_VERSION = 1,
    MESH_HEADER_BYTES = 45, /* written size; a reader takes any */
    MESH_DETAIL_TYPE_MAX = 127,
};

struct mesh_header {
    uint32_t version;
    uint64_t process;         /* the sender; its epoch, too: new at every start */
    uint32_t role;            /* of the sender */
    uint64_t to;              /* the receiver: an address may be taken over; 0: not said */
    uint64_t number;          /* of the message from this sender to this receiver, from 1 */
    int64_t metadata_version; /* of the cluster store, as the sender knows it */
};

enum envelope_kind {
    ENVELOPE_CALL = 1,
    ENVELOPE_REPLY = 2,
    ENVELOPE_CAST = 3,
    ENVELOPE_CANCEL = 4,  /* the caller gave up */
    ENVELOPE_RESET = 5,   /* messages of yours did not arrive */
    ENVELOPE_PING = 6,    /* a heartbeat: its number shows what was lost before it ... */
    ENVELOPE_PONG = 7,    /* ... and that of its answer what was lost on the way back */
    ENVELOPE_DROPPED = 8, /* casts of yours found no room or no owner here, and now would */
    ENVELOPE_PLACE = 9,   /* news of the assignment, see placing.c */
};

struct envelope {
    uint32_t kind;
    uint32_t method;
    uint64_t call; /* of a reply: the call that is answered */
    uint32_t shard;
    int64_t remaining_ms; /* calls */
    enum err err;         /* replies; travels by name */
    struct slice detail_text, detail_type, detail_payload, undelivered;
    struct slice body;
    bool reserved; /* not on the wire: it has a place beyond the outbox's limit, as replies have */
};

/* Exactly MESH_HEADER_BYTES at `at`. */
void mesh_header_write(uint8_t at[MESH_HEADER_BYTES], const struct mesh_header *header);

/* The envelope with the joined `parts` as its body (envelope->body is not looked at). */
void envelope_write(struct buf *out, const struct envelope *envelope, const struct slice *parts,
                    size_t count);
/* At least what envelope_write() takes. */
size_t envelope_bytes_max(const struct envelope *envelope, size_t body_bytes);

/* Both take from the front of *bytes. ERR_CORRUPT: what is left of the message is unusable. */
MUST_USE enum err mesh_header_read(struct slice *bytes, struct mesh_header *out);
MUST_USE enum err envelope_read(struct slice *bytes, struct envelope *out);

#endif
