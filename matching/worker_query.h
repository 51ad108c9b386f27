/* worker_query.h - the filter of ListWorkers and CountWorkers: parsed once, asked of each worker.
 *
 * The text is a condition as SQL has it after WHERE. What parses and means nothing (a column that
 * is not there, an operator that a column does not take) matches no worker.
 * Spec: the reference's service/matching/workers. */
#ifndef GNOMON_WORKER_QUERY_H
#define GNOMON_WORKER_QUERY_H

#include "api.h"
#include "common/base/arena.h"
#include "common/base/err.h"

enum { WORKER_QUERY_BYTES_MAX = 64 * 1024 };

struct worker_query;

/* Gives *out in the arena; NULL for an empty text, which matches all. Reads `text` as long as *out
 * is used. ERR_INVALID: detail says where the text is wrong. */
MUST_USE enum err worker_query_parse(struct arena *arena, struct slice text,
                                     const struct worker_query **out, struct err_detail *detail);
bool worker_query_matches(const struct worker_query *query, const api_worker_heartbeat *worker);

#endif
