/* outbox.h - the way to one peer: a PUSH socket with one send in flight; whatever is posted
 * meanwhile goes into the next message.
 *
 * Thread-safe. Posting never blocks. Messages are numbered from 1 without gaps. */
#ifndef GNOMON_MESH_OUTBOX_H
#define GNOMON_MESH_OUTBOX_H

#include "common/mesh/envelope.h"

struct mesh_outbox;

enum {
    OUTBOX_BATCH_BYTES = 64 * 1024,
    OUTBOX_BYTES_MAX = 64 * 1024 * 1024,         /* calls and casts beyond are refused */
    OUTBOX_REPLY_BYTES_MAX = 192 * 1024 * 1024,  /* replies have room of their own above */
    OUTBOX_REFUSAL_BYTES_MAX = 256 * 1024 * 1024 /* and those without a body always some more */
};

struct outbox_options {
    uint64_t process; /* ours */
    uint64_t to;      /* the peer; 0: whoever is there */
    uint32_t role;
    int64_t (*metadata_version)(void *arg); /* asked at each send, from any thread */
    /* There was no room for a cast, and now there is: half of the outbox is empty. On nng's thread,
     * no lock held. May be NULL. */
    void (*room)(void *arg, uint64_t to);
    void *arg;
};

/* Begin to dial `url`, in the background and for as long as it takes. Gives *out, ended by
 * mesh_outbox_close(). */
MUST_USE enum err mesh_outbox_open(const struct outbox_options *options, const char *url,
                                   struct mesh_outbox **out, struct err_detail *detail);
/* What is not sent is dropped. Not from nng's callbacks: it waits for them. false: nng does not
 * come to an end with it (closing.h), its memory is given up; the callbacks of `options` are not
 * called any more all the same. */
bool mesh_outbox_close(struct mesh_outbox *outbox);

/* nng 1.5 stops dialing for good when the other side goes away in the middle of the greeting. Dials
 * anew after a second without a connection. To be called now and then, by one thread. */
void mesh_outbox_heal(struct mesh_outbox *outbox);

/* Post and send at once, if nothing is being sent. false: full, or larger than any message may be;
 * nothing was posted. */
bool mesh_outbox_post(struct mesh_outbox *outbox, const struct envelope *envelope,
                      const struct slice *parts, size_t count);
/* Post only; mesh_outbox_send() follows soon. */
bool mesh_outbox_add(struct mesh_outbox *outbox, const struct envelope *envelope,
                     const struct slice *parts, size_t count);
void mesh_outbox_send(struct mesh_outbox *outbox);

/* Is there room for the answers to further calls? */
bool mesh_outbox_admits(struct mesh_outbox *outbox);
/* Wait until everything posted was handed to the transport, at most until `deadline_mono_ns` of
 * the real clock. */
void mesh_outbox_flush(struct mesh_outbox *outbox, int64_t deadline_mono_ns);

/* For tests: as if one message had been lost on its way. */
void mesh_outbox_lose_one(struct mesh_outbox *outbox);

struct outbox_counts {
    uint64_t messages, envelopes, bytes;
};
struct outbox_counts mesh_outbox_counts(struct mesh_outbox *outbox);

#endif
