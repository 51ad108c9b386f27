/* dynconf.h - settings that change while the process runs: the reference's dynamic configuration.
 *
 * The file maps a key to a list of {value, constraints}; what counts is the entry whose constraints
 * match best, else the default of settings.def. A value of the wrong type counts as not there.
 *
 *     limit.blobSize.error:
 *       - value: 1000
 *       - value: 2000
 *         constraints:
 *           namespace: payments
 *
 * Threads: one thread loads; any thread may look up at any time, without locks: a key without
 * constraints in the file costs one relaxed load of an int64_t, others a search in the snapshot.
 * A `dc` of NULL gives the defaults (unit tests). Spec: the reference's common/dynamicconfig. */
#ifndef GNOMON_DYNCONF_H
#define GNOMON_DYNCONF_H

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/dynconf/dynval.h"

enum dynconf_type {
    DYNCONF_INT,
    DYNCONF_FLOAT,
    DYNCONF_BOOL,
    DYNCONF_DURATION,
    DYNCONF_STRING, /* the default is empty */
    DYNCONF_RETRY,  /* struct dynconf_retry */
    DYNCONF_TREE,   /* anything; the default is a null */
};

/* What a key's constraints may name: NAMESPACE that alone; TASK_QUEUE namespace, queue and type;
 * DESTINATION namespace and destination. */
enum dynconf_scope {
    DYNCONF_GLOBAL,
    DYNCONF_NAMESPACE,
    DYNCONF_NAMESPACE_ID,
    DYNCONF_TASK_QUEUE,
    DYNCONF_SHARD_ID,
    DYNCONF_DESTINATION,
};

enum dynconf_key {
#define DYNCONF(name, type, scope, key, absent, meaning) DYNCONF_##name,
#include "common/dynconf/settings.def"
#undef DYNCONF
    DYNCONF_KEY_COUNT
};

struct dynconf;

struct dynconf *dynconf_new(void); /* the defaults */
void dynconf_free(struct dynconf *dc);

/* Replace everything by what a file says. One line a problem is added to `warnings` (unknown keys,
 * values of the wrong type: passed over). ERR_INVALID: nothing has changed, detail says why. */
MUST_USE enum err dynconf_load(struct dynconf *dc, struct slice text, struct buf *warnings,
                               struct err_detail *detail);

/* Counts the loads: what was derived from values is to be derived again when it changes. */
uint64_t dynconf_version(const struct dynconf *dc);

/* What a look-up is for; what a key's scope does not name is not looked at. */
struct dynconf_where {
    struct slice namespace_name, namespace_id, task_queue, destination;
    int32_t task_type; /* of the queue: 1 workflow, 2 activity, 3 Nexus; 0: none */
    int32_t shard_id;  /* from 1 on; 0: none */
};

int64_t dynconf_int_at(const struct dynconf *dc, enum dynconf_key key,
                       const struct dynconf_where *where);
int64_t dynconf_duration_at(const struct dynconf *dc, enum dynconf_key key,
                            const struct dynconf_where *where); /* ns */
double dynconf_float_at(const struct dynconf *dc, enum dynconf_key key,
                        const struct dynconf_where *where);
bool dynconf_bool_at(const struct dynconf *dc, enum dynconf_key key,
                     const struct dynconf_where *where);
/* A copy in the arena. */
struct slice dynconf_string_at(const struct dynconf *dc, enum dynconf_key key,
                               const struct dynconf_where *where, struct arena *arena);
struct dynval dynconf_tree_at(const struct dynconf *dc, enum dynconf_key key,
                              const struct dynconf_where *where, struct arena *arena);

/* Default retries: what fills the unset fields of a retry policy. */
struct dynconf_retry {
    int64_t initial_interval_ns;
    double maximum_interval_coefficient, backoff_coefficient;
    int32_t maximum_attempts;
};
extern const struct dynconf_retry dynconf_retry_default; /* 1 s, 100, 2, 0 */
struct dynconf_retry dynconf_retry_at(const struct dynconf *dc, enum dynconf_key key,
                                      const struct dynconf_where *where);

/* The same for a namespace's name; SLICE_EMPTY for what is global. */
static inline int64_t dynconf_int(const struct dynconf *dc, enum dynconf_key key,
                                  struct slice namespace_name)
{
    return dynconf_int_at(dc, key, &(struct dynconf_where){.namespace_name = namespace_name});
}

static inline int64_t dynconf_duration(const struct dynconf *dc, enum dynconf_key key,
                                       struct slice namespace_name)
{
    return dynconf_duration_at(dc, key, &(struct dynconf_where){.namespace_name = namespace_name});
}

static inline double dynconf_float(const struct dynconf *dc, enum dynconf_key key,
                                   struct slice namespace_name)
{
    return dynconf_float_at(dc, key, &(struct dynconf_where){.namespace_name = namespace_name});
}

static inline bool dynconf_bool(const struct dynconf *dc, enum dynconf_key key,
                                struct slice namespace_name)
{
    return dynconf_bool_at(dc, key, &(struct dynconf_where){.namespace_name = namespace_name});
}

/* ---- what stands in the table ---- */

struct dynconf_setting {
    const char *name; /* the key */
    enum dynconf_type type;
    enum dynconf_scope scope;
    int64_t absent; /* INT, BOOL, DURATION */
    double absent_float;
    const char *meaning;
};
extern const struct dynconf_setting dynconf_settings[DYNCONF_KEY_COUNT];

#endif
