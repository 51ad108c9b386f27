/* run_json.h - a run's whole mutable state as JSON, for people. */
#ifndef GNOMON_ADMIN_RUN_JSON_H
#define GNOMON_ADMIN_RUN_JSON_H

#include "common/proto/json.h"
#include "history/engine/run.h"

/* "fields": every stored field of run_fields.def by its name; then the pending items. Into an open
 * object. Bytes that are text are shown as text, others as {"base64": ...}. */
void run_json_members(struct json_writer *w, const struct run *run);
/* The fields alone, as an object. */
void run_json_fields(struct json_writer *w, const struct run *run);

/* A pending item by its kind (enum row_item) and stored form, as an object. false: it has no such
 * form, or can't be read; nothing was written. */
bool run_json_item(struct json_writer *w, uint8_t kind, struct slice value);

void run_json_bytes(struct json_writer *w, struct slice bytes);
void run_json_i64(struct json_writer *w, int64_t value);

#endif
