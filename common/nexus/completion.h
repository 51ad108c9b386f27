/* completion.h - the end of an operation, told over HTTP: what a completion callback's request
 * holds, and what its answer means. Pure functions.
 *
 * Spec: the Nexus RPC specification ("complete operation"), as the reference's client speaks it. */
#ifndef GNOMON_NEXUS_COMPLETION_H
#define GNOMON_NEXUS_COMPLETION_H

#include "api.h"
#include "common/base/arena.h"
#include "common/http/http.h"

struct nexus_completion {
    const api_callback_nexus *callback;
    const api_history_event *closing; /* the event that ended the run or the update; NULL: no event
                                         tells of the end, as none does of a rejected update */
    const api_failure_failure *ended; /* the end, where the event does not tell it; or NULL */
    struct slice namespace_name, workflow_id;
    const char *run_id;
    bool of_update;
    /* The request that brought the callback and the event of that, for the link. NULL: the start
     * did, or the event of an update's is not known. */
    const char *request_id, *request_event;
    int64_t start_ns;
};

/* Address, headers and body; all in the arena. ERR_INVALID: an event that ends no chain of runs. */
MUST_USE enum err nexus_completion_request(struct arena *arena,
                                           const struct nexus_completion *completion,
                                           struct http_request *out);

/* Where a URL leads: all before its path. A part of it. */
struct slice nexus_destination(const char *url);

/* Callbacks to the server itself carry tokens of this server's own operations. */
bool nexus_is_system_url(const char *url);

enum nexus_verdict { NEXUS_DELIVERED, NEXUS_TRY_AGAIN, NEXUS_REFUSED };
/* *failure (in the arena) says why it is not delivered. */
enum nexus_verdict nexus_completion_verdict(struct arena *arena, const char *url,
                                            const struct http_answer *answer, const char **failure);

#endif
