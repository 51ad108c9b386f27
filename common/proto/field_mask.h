/* field_mask.h - what the paths of a field mask name. */
#ifndef GNOMON_PROTO_FIELD_MASK_H
#define GNOMON_PROTO_FIELD_MASK_H

#include "common/base/arena.h"

#include <stdbool.h>

struct Google__Protobuf__FieldMask;

/* A path in its JSON form: "retry_policy.initial_interval" -> "retryPolicy.initialInterval". In
 * `arena`. Spec: as the reference converts paths: a part's other letters become lower case. */
char *proto_mask_json_path(struct arena *arena, const char *path);
/* Is `path`, a JSON form, among those of the mask? */
bool proto_mask_names(struct arena *arena, const struct Google__Protobuf__FieldMask *mask,
                      const char *path);
/* Does the JSON form of any begin with `prefix`? */
bool proto_mask_names_part_of(struct arena *arena, const struct Google__Protobuf__FieldMask *mask,
                              const char *prefix);

#endif
