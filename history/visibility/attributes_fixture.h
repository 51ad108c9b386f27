/* attributes_fixture.h - search attributes as a client encodes them, for tests. */
#ifndef GNOMON_HISTORY_VISIBILITY_ATTRIBUTES_FIXTURE_H
#define GNOMON_HISTORY_VISIBILITY_ATTRIBUTES_FIXTURE_H

#include "common/base/buf.h"
#include "common/proto/wire.h"

/* One more entry of the map in `out`; `type` NULL: its payload says none. */
static inline void put_attribute(struct buf *out, const char *name, const char *type,
                                 const char *json)
{
    struct buf entry, payload, pair;

    buf_init(&entry, 0);
    buf_init(&payload, 0);
    buf_init(&pair, 0);
    wire_put_str(&pair, 1, "encoding");
    wire_put_str(&pair, 2, "json/plain");
    wire_put_bytes(&payload, 1, buf_slice(&pair));
    if (type) {
        buf_clear(&pair);
        wire_put_str(&pair, 1, "type");
        wire_put_str(&pair, 2, type);
        wire_put_bytes(&payload, 1, buf_slice(&pair));
    }
    wire_put_str(&payload, 2, json);
    wire_put_str(&entry, 1, name);
    wire_put_bytes(&entry, 2, buf_slice(&payload));
    wire_put_bytes(out, 1, buf_slice(&entry));
    buf_release(&entry);
    buf_release(&payload);
    buf_release(&pair);
}

#endif
