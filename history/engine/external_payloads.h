/* external_payloads.h - how much of what events carry lies outside of the server.
 *
 * A payload may say of what it stands for that it is stored elsewhere, and how large it is there
 * (Payload.external_payloads). Spec: counted in all payloads of an event but those of search
 * attributes; described, and two search attributes in lists of what has closed. */
#ifndef GNOMON_EXTERNAL_PAYLOADS_H
#define GNOMON_EXTERNAL_PAYLOADS_H

#include "history/engine/run.h"

/* Add what `events`, the fields of an encoded History, have; sums end at the type's bounds. */
void external_payloads_count(struct run *run, struct slice events);
/* Encoded SearchAttributes with those that tell of it, where there is anything. In `arena`. */
struct slice external_payloads_attributes(const struct run *run, struct arena *arena,
                                          struct slice attributes);

#endif
