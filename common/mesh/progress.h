/* progress.h - is a peer hung or only busy? Each answer to a heartbeat says for every engine thread
 * how many turns it has made and for how long it has left work waiting. A peer that lives by its
 * lock but makes no progress is told by a metric and in the log; nobody ends it for that.
 *
 * Locks: as in mesh_int.h; mesh->mutex is taken here. */
#ifndef GNOMON_MESH_PROGRESS_H
#define GNOMON_MESH_PROGRESS_H

#include "common/base/slice.h"
#include "common/metrics/metrics.h"

#include <stdint.h>

struct mesh;
struct mesh_peer;

enum {
    MESH_PROGRESS_ENTRY_BYTES = 12,
    MESH_PROGRESS_THREADS_MAX = 128,
    MESH_PROGRESS_BYTES_MAX = MESH_PROGRESS_ENTRY_BYTES * MESH_PROGRESS_THREADS_MAX,
    MESH_HUNG_MS = 2500,
};

/* What is known of one peer. Guarded by mesh->mutex. */
struct mesh_progress {
    int64_t asked_mono_ns; /* of the first heartbeat that it has not answered; 0: none */
    int64_t heard_mono_ns; /* of its last answer; 0: none */
    uint64_t turns;        /* of all its threads */
    uint32_t age_ms;       /* the longest that a thread had left work waiting, and */
    uint32_t thread;       /* which one that was */
    struct gauge *age;
    uint32_t slot; /* the metric's label */
    bool hung;
};

/* A peer came, and went. Under mesh->mutex. */
void mesh_progress_begin(struct mesh *mesh, struct mesh_peer *peer);
void mesh_progress_end(struct mesh_peer *peer);
/* A heartbeat goes out to it. Under mesh->mutex. */
void mesh_progress_asked(struct mesh_peer *peer, int64_t now_ns);
/* The body of our answer to a heartbeat. Lets idle threads make a turn to show that they can. */
struct slice mesh_progress_write(struct mesh *mesh, uint8_t out[MESH_PROGRESS_BYTES_MAX]);
/* The answer of `process`; anything may be in `body`. */
void mesh_progress_read(struct mesh *mesh, uint64_t process, struct slice body);
/* Every second or so: the metrics, and a word in the log when a peer begins or ends to be hung. */
void mesh_progress_look(struct mesh *mesh);

#endif
