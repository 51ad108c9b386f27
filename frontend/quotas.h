/* quotas.h - who may be served now: rates of the process and of each namespace, by kind of method
 * and by priority, and how many requests of a method may be under way.
 *
 * Any thread. Spec: the reference's service/frontend/configs/quotas.go and its interceptors: first
 * the count of the namespace, then its rate, then that of the process; a request that a later one
 * refuses has used up what the earlier gave. */
#ifndef GNOMON_FRONTEND_QUOTAS_H
#define GNOMON_FRONTEND_QUOTAS_H

#include "common/dynconf/dynconf.h"
#include "common/metrics/metrics.h"

#include <stdatomic.h>

struct quotas;

enum quota_class { QUOTA_NONE, QUOTA_EXECUTION, QUOTA_VISIBILITY, QUOTA_NAMESPACE_WRITES };

enum { QUOTA_OPERATOR = 0, QUOTA_PRIORITIES = 6 };

/* What stands in quotas.def; a method that does not: all zero. */
struct quota_method {
    enum quota_class class;
    uint32_t priority;
    uint32_t held; /* 1 + its place among those whose requests under way are counted; 0: none */
};
struct quota_method quota_method_of(const char *name);

struct quotas_options {
    const struct dynconf *dynconf;
    struct metrics *metrics;
    /* How many frontends share what is given to all together. Any thread. */
    uint32_t (*frontends)(void *arg);
    void *arg;
};

struct quotas *quotas_new(const struct quotas_options *options);
void quotas_free(struct quotas *quotas);

enum quota_answer {
    QUOTA_GRANTED,
    QUOTA_TOO_MANY,
    QUOTA_NAMESPACE_RATE,
    QUOTA_PROCESS_RATE,
    QUOTA_LATER
};

struct quota_request {
    struct slice namespace_name;      /* empty: only the process' rates count */
    struct quota_method of_namespace; /* how the namespace's rates and count see it */
    struct quota_method of_process;   /* how the process' see it */
    bool from_operator;
    int64_t now_mono_ns;
    int64_t patience_ns; /* so long it may wait for what its namespace's rate gives */
};

/* On QUOTA_GRANTED and QUOTA_LATER *held may be set: quotas_let_go() when the request is answered.
 * QUOTA_LATER, for requests with patience only: it is let in in *wait_ns, if the process' rates
 * grant it then (quotas_ask_process()). */
enum quota_answer quotas_ask(struct quotas *quotas, const struct quota_request *request,
                             atomic_int **held, int64_t *wait_ns);
enum quota_answer quotas_ask_process(struct quotas *quotas, const struct quota_request *request);
void quotas_let_go(atomic_int *held); /* NULL is fine */

#endif
