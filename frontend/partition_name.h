/* partition_name.h - names of the partitions of a task queue: "/_sys/QUEUE/NUMBER".
 *
 * The first partition is called as its queue. Spec: the reference's names, and its words for bad
 * ones. Pure. */
#ifndef GNOMON_FRONTEND_PARTITION_NAME_H
#define GNOMON_FRONTEND_PARTITION_NAME_H

#include "common/base/err.h"
#include "common/base/slice.h"

#define PARTITION_NAME_PREFIX "/_sys/"

/* Take `name` apart: *queue borrows from it, *is_first tells whether it is the queue's own name.
 * Errors: ERR_INVALID for what has the prefix and is no partition's name. */
MUST_USE enum err partition_name_parse(struct slice name, struct slice *queue, bool *is_first,
                                       struct err_detail *detail);

#endif
