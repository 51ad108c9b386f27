/* run_codec.h - the stored form of a run's own fields, and the comparison of two runs. */
#ifndef GNOMON_RUN_CODEC_H
#define GNOMON_RUN_CODEC_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "history/engine/run.h"

enum { RUN_ROW_VERSION = 1 };

/* The plain fields as rows and history have them: without a speculative workflow task. `copy` is
 * room for it; it owns nothing. */
const struct run *run_as_stored(const struct run *run, struct run *copy);

void run_encode(const struct run *run, struct buf *out);
/* Into a fresh run_new(), all but the items. ERR_CORRUPT. */
MUST_USE enum err run_decode(struct arena *scratch, struct slice row, struct run *run);

/* Which fields run_compare() looks at. */
enum run_fields { RUN_FIELDS_DERIVED, RUN_FIELDS_ALL };
/* Names the fields (items too) that differ, with both values, in `out`; true: none does. */
bool run_compare(const struct run *a, const struct run *b, enum run_fields which, struct buf *out);

#endif
