/* child.h - what a run waits for in other executions: its children, and the signals and requests
 * to cancel that it sent.
 *
 * The state is pure data: child_commands.c and external_commands.c make it, effects.c ends it.
 * Children stay with a closed run, as they were when it closed: that is what Describe shows. */
#ifndef GNOMON_CHILD_H
#define GNOMON_CHILD_H

#include "common/pack/record.h"
#include "history/engine/run.h"

struct child {
    struct map_node node; /* in run->children, by initiated_event_id */
    struct list changed;  /* in run->changed_children: its row is to be written */
    size_t counted_bytes; /* of it in run->relations_bytes */

    /* derived: from StartChildWorkflowExecutionInitiated and ChildWorkflowExecutionStarted */
    int64_t initiated_event_id;
    struct bytes namespace_id, namespace_name; /* of the child */
    struct bytes workflow_id, workflow_type;
    struct bytes control;
    int32_t parent_close_policy;
    bool started;
    int64_t started_event_id; /* 0: not started, or that event is in the buffer */
    struct bytes run_id;      /* of the child's first run, once started */

    /* durable-only */
    uint64_t row_seq; /* of the row that asks for the start; 0: answered */
};

enum external_kind { EXTERNAL_SIGNAL = 1, EXTERNAL_CANCEL = 2 };

struct external {
    struct map_node node; /* in run->externals, by initiated_event_id */
    struct list changed;  /* in run->changed_externals: its row is to be written */

    /* derived: from SignalExternal... or RequestCancelExternalWorkflowExecutionInitiated */
    int64_t initiated_event_id;
    enum external_kind kind;

    /* durable-only */
    uint64_t row_seq;
};

struct child *child_new(int64_t initiated_event_id);
void child_free(struct child *child);
struct child *run_child(const struct run *run, int64_t initiated_event_id); /* or NULL */
void run_child_put(struct run *run, struct child *child);                   /* takes `child` */
/* Out of the run, freed. */
void run_child_remove(struct run *run, struct child *child);
/* Its fields were changed: its row is to be written. */
void run_child_changed(struct run *run, struct child *child);
size_t child_bytes(const struct child *child);
void child_encode(const struct child *child, struct buf *out);
MUST_USE enum err child_decode(struct arena *scratch, struct slice bytes, struct child **out);

struct external *external_new(int64_t initiated_event_id, enum external_kind kind);
void external_free(struct external *external);
struct external *run_external(const struct run *run, int64_t initiated_event_id); /* or NULL */
void run_external_put(struct run *run, struct external *external);    /* takes `external` */
void run_external_remove(struct run *run, struct external *external); /* likewise */
void run_external_changed(struct run *run, struct external *external);
uint32_t run_external_count(const struct run *run, enum external_kind kind);
void external_encode(const struct external *external, struct buf *out);
MUST_USE enum err external_decode(struct arena *scratch, struct slice bytes, struct external **out);

#endif
