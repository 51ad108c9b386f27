/* placing.h - the mesh's thread for placement: reads and swaps the map's row, tells the others,
 * and installs what it learns. The decisions are common/placement's.
 *
 * Only where there is a cluster store. Inside the mesh only; any thread, unless said otherwise. Its
 * lock is innermost, so all may be called under mesh->mutex but for start, stop and heard. */
#ifndef GNOMON_MESH_PLACING_H
#define GNOMON_MESH_PLACING_H

#include "common/base/slice.h"

#include <stdint.h>

struct mesh;
struct mesh_placing;

struct mesh_placing *mesh_placing_new(struct mesh *mesh);
void mesh_placing_start(struct mesh_placing *placing);
void mesh_placing_stop(struct mesh_placing *placing); /* joins; harmless when repeated */
void mesh_placing_free(struct mesh_placing *placing); /* after stop */

/* The live members, or who of them leaves, have changed. */
void mesh_placing_kick(struct mesh_placing *placing);
/* An envelope showed this version of the cluster store: the row may be newer than what we know. */
void mesh_placing_saw(struct mesh_placing *placing, int64_t metadata_version);
/* What another process tells: an ENVELOPE_PLACE's body. */
void mesh_placing_heard(struct mesh_placing *placing, uint64_t process, struct slice body);

/* Tell all that we leave; the owner of a shard that it is free; ask for a map above `version`. */
void mesh_placing_leave(struct mesh_placing *placing);
void mesh_placing_freed(struct mesh_placing *placing, uint64_t owner);
void mesh_placing_want(struct mesh_placing *placing, int64_t version);

#endif
