/* update_item.h - one update of a run, as the run keeps it: its life, its place in the run, its
 * stored form.
 *
 * 1. An update whose events stand in the history (admitted by a reset, accepted, completed) has a
 *    row of kind ITEM_UPDATE; one that a client admitted has none until it is accepted.
 * 2. In run->active_updates are those in flight, oldest first: neither completed nor rejected. Only
 *    that list is walked in a step; completed updates cost nothing but their place in the map.
 * 3. Which rows are to be written stands in run->dirty_updates, between a step and its rows. */
#ifndef GNOMON_UPDATE_ITEM_H
#define GNOMON_UPDATE_ITEM_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "history/engine/run.h"

enum update_state { UPDATE_ADMITTED = 1, UPDATE_SENT, UPDATE_ACCEPTED, UPDATE_COMPLETED };

struct update {
    struct map_node node; /* in run->updates, by id */
    struct list active;   /* in run->active_updates */
    struct list dirty;    /* in run->dirty_updates */
    bool is_active, is_dirty;
    bool touched; /* by a message of the answer that is being tried: see update_messages.c */
    enum update_state state;
    struct bytes id;
    /* derived; 0: no such event */
    int64_t admitted_event_id, accepted_event_id, completed_event_id;
    struct bytes request_id; /* of its request; may be empty */
    /* durable-only */
    bool rejected; /* after an Admitted event; otherwise a rejected update is gone */
    /* volatile */
    struct bytes request;   /* encoded update.v1.Request; empty once it stands in the history */
    int64_t sent_with;      /* Started event id of the task that last carried it */
    struct bytes attaching; /* encoded OptionsUpdated attributes: callbacks that come when it is
                               accepted */
};

struct update *update_new(struct slice id);
void update_free(struct update *update);

/* NULL: there is none. */
struct update *run_update(const struct run *run, struct slice id);
/* Into the run, which takes it; active, last in line, unless it is over. */
void run_update_put(struct run *run, struct update *update);
/* Out of the run, freed. */
void run_update_remove(struct run *run, struct update *update);
/* It is over: completed or rejected. */
void run_update_deactivate(struct run *run, struct update *update);
void run_update_dirty(struct run *run, struct update *update);
/* Not dirty any more: its row is written. */
void run_update_clean(struct update *update);
void run_update_set_request(struct run *run, struct update *update, struct slice request);
void run_updates_free(struct run *run);
size_t run_updates_bytes(const struct run *run);

/* The event that has its request: Admitted or Accepted, as `type`. 0: there is none yet. */
int64_t update_request_event(const struct update *update, int32_t *type);

/* The state that its events and `rejected` speak of. */
enum update_state update_stored_state(const struct update *update);

void update_encode(const struct update *update, struct buf *out);
/* Gives *out. ERR_CORRUPT. */
MUST_USE enum err update_decode(struct arena *scratch, struct slice bytes, struct update **out);

#endif
