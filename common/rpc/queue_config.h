/* queue_config.h - what the cluster store keeps of a task queue: the configuration of each type,
 * encoded (temporal.api.taskqueue.v1.TaskQueueConfig), as a field of its own number. */
#ifndef GNOMON_QUEUE_CONFIG_H
#define GNOMON_QUEUE_CONFIG_H

#include "common/proto/wire.h"

enum { QUEUE_CONFIG_TYPES = 4 /* values of TaskQueueType, 0 for none */ };

/* False: nothing was ever set for this type. */
static inline bool queue_config_find(struct slice data, uint32_t type, struct slice *out)
{
    struct wire_reader reader = wire_reader(data);
    struct wire_field field;
    bool found = false;

    while (wire_next(&reader, &field)) {
        if (field.number != type + 1 || field.type != WIRE_BYTES)
            continue;
        *out = field.bytes;
        found = true;
    }
    return found;
}

/* `data` with the configuration of a type in place of the one it had. */
static inline void queue_config_replace(struct slice data, uint32_t type, struct slice config,
                                        struct buf *out)
{
    struct wire_reader reader = wire_reader(data);
    struct wire_field field;

    while (wire_next(&reader, &field))
        if (field.number != type + 1)
            buf_append_slice(out, field.raw);
    wire_put_bytes(out, type + 1, config);
}

#endif
