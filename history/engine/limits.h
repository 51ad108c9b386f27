/* limits.h - the limits of a namespace's runs, from the dynamic configuration. */
#ifndef GNOMON_ENGINE_LIMITS_H
#define GNOMON_ENGINE_LIMITS_H

#include "common/dynconf/dynconf.h"
#include "history/engine/transition.h"

/* What `dc` says (NULL: the defaults) for the namespace; what has no key keeps its default. */
void engine_limits_fill(struct engine_limits *limits, const struct dynconf *dc,
                        struct slice namespace_name);

#endif
