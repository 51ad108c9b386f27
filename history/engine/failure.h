/* failure.h - temporal.api.failure.v1.Failure: those that the server makes, and what a failure
 * means for a retry. */
#ifndef GNOMON_FAILURE_H
#define GNOMON_FAILURE_H

#include "api.h"
#include "common/base/arena.h"

/* A stored failure that is larger is cut: limit.mutableStateActivityFailureSize.error. */

/* All in `arena`. `message` is borrowed as long as the failure. */
api_failure_failure *failure_timeout(struct arena *arena, const char *message,
                                     int32_t timeout_type);
/* Of the server's own, never to be tried again. */
api_failure_failure *failure_application(struct arena *arena, const char *message,
                                         const char *type);
api_failure_failure *failure_server(struct arena *arena, const char *message, bool non_retryable);

/* The name that retry policies and messages use: "StartToClose", "" when unknown. */
const char *failure_timeout_type_name(int32_t timeout_type);
/* A value of TimeoutType by its short or its full name; TIMEOUT_TYPE_UNSPECIFIED: none. */
int32_t failure_timeout_type_of(const char *name);

/* Whether the failure permits a further attempt under a policy's non-retryable types. A NULL
 * failure does. */
bool failure_is_retryable(const api_failure_failure *failure, const api_retry_policy *policy);

/* What is kept of a failed attempt: the failure itself or, when it is too large, a server failure
 * whose cause is its beginning. Encoded; a few bytes more than `bytes_max` at most. */
struct slice failure_for_storage(struct arena *arena, const api_failure_failure *failure,
                                 size_t bytes_max);

#endif
