/* command_checks.h - checks of command attributes that several commands need.
 *
 * Each gives NULL, or what is wrong in the reference server's words (in `arena`, or static). */
#ifndef GNOMON_COMMAND_CHECKS_H
#define GNOMON_COMMAND_CHECKS_H

#include "api.h"
#include "common/base/arena.h"
#include "common/proto/retry_policy.h"

/* A span as nanoseconds, 0 when absent, at most 100 years. */
const char *check_duration(const pb_duration *duration, int64_t *ns);
const char *check_task_queue(struct arena *arena, const api_task_queue *queue,
                             struct slice workflow_queue, size_t id_bytes_max);
const char *check_priority(const api_priority *priority);
/* `policy` has its defaults filled in; its spans are capped in place. */
const char *check_retry_policy(struct arena *arena, api_retry_policy *policy);

#endif
