/* retry_policy.h - what a retry policy means where it says nothing. */
#ifndef GNOMON_PROTO_RETRY_POLICY_H
#define GNOMON_PROTO_RETRY_POLICY_H

#include "api.h"
#include "common/base/arena.h"
#include "common/dynconf/dynconf.h"

/* A copy of `given` (NULL: none) with the defaults of activities: 1 s, coefficient 2, at most 100
 * times the initial interval, any number of attempts. */
api_retry_policy *retry_policy_with_defaults(struct arena *arena, const api_retry_policy *given,
                                             const struct dynconf_retry *defaults);

#endif
