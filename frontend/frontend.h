/* frontend.h - the gateway as one object, and an API call on its way through it.
 *
 * A handler gets a decoded, namespace-checked call. It validates and either answers at once
 * (fe_reply, or an error given back) or sends it on (fe_forward) and is done: every path answers
 * exactly once. Everything of a call lives in its gRPC call's arena and on its loop's thread. */
#ifndef GNOMON_FRONTEND_H
#define GNOMON_FRONTEND_H

#include "api.h"
#include "common/base/bucket.h"
#include "common/base/list.h"
#include "common/cluster/cluster.h"
#include "common/config/config.h"
#include "common/dynconf/dynconf.h"
#include "common/grpc/call.h"
#include "common/grpc/router.h"
#include "common/mesh/mesh.h"
#include "common/metrics/metrics.h"
#include "common/proto/errdetail.h"
#include "common/proto/search_attributes.h"
#include "common/proto/wire.h"
#include "common/rpc/rpc.h"

#include <stdatomic.h>

enum {
    FE_LOOPS_MAX = 64,
};

#define FE_SERVER_VERSION "1.32.0" /* the reference's whose behaviour clients are promised */

/* One loop of the gateway: its mesh port, its random numbers. */
struct fe_loop {
    struct loop *loop;
    struct mesh_port *port;
    struct rng rng;
    struct list polls;                /* long polls under way: struct fe_forward */
    struct list waits;                /* polls that are not let in yet, see admission.c */
    struct fe_deliveries *deliveries; /* see deliveries.c */
    struct loop_msg stop_msg;         /* see frontend_end_polls() */
};

struct frontend {
    const struct config *config;
    const struct dynconf *dynconf;
    const struct clock *clock;
    const struct log *log;
    struct metrics *metrics;
    atomic_int_fast64_t warned_ns; /* when a warning about a size was last logged, monotonic */
    struct quotas *quotas;         /* NULL: everybody is let in */
    struct bucket persistence;     /* see persistence.h */
    struct cluster *cluster;
    struct fe_deletions *deletions; /* of namespaces */
    struct search_registry search;  /* of the cluster */
    struct mesh *mesh;
    struct fe_loop loops[FE_LOOPS_MAX];
    size_t loop_count;
    struct fe_route *routes; /* one per method, see dispatch.c */
    struct counter *undelivered, *tokens_malformed, *tokens_foreign;
};

/* How a method's namespace is found, before its handler runs. */
enum fe_namespace {
    FE_NS_NONE,  /* the method has none, or looks it up itself */
    FE_NS_NAME,  /* the request's `namespace` field */
    FE_NS_TOKEN, /* the task token's, which the request's field must match when set */
};

struct fe_call {
    struct frontend *fe;
    struct fe_loop *loop;
    struct grpc_call *call;
    struct arena *arena; /* the call's */
    const struct fe_route *route;
    void *request; /* the decoded API message */
    const struct namespace_info *ns;
    struct task_token token; /* FE_NS_TOKEN */
    struct slice token_bytes;
    bool bad_binary; /* the namespace has marked the answering worker's binary as bad */
    struct err_detail detail;
    int64_t started_mono_ns;
    struct fe_forward *forward;
    atomic_int *held; /* counts this call while it is unanswered; may be NULL */
};

const char *fe_operation(const struct fe_call *fc); /* the method's name */

/* ERR_OK: the handler answered or has arranged for the answer. Otherwise fc->detail says why. */
typedef enum err (*fe_handler_fn)(struct fe_call *fc);

/* Add all methods (frontend/methods.def) to the router, which keeps `fe`. */
void frontend_register(struct frontend *fe, struct grpc_router *router);
void frontend_release(struct frontend *fe);

/* Answer every held poll with an empty message, as if its time were over: the workers ask again,
 * elsewhere. Before draining; from any thread. */
void frontend_end_polls(struct frontend *fe);

/* The one answer. `message` lives in the call's arena or is static. */
void fe_reply(struct fe_call *fc, struct slice message);
void fe_reply_message(struct fe_call *fc, const void *message);
void fe_fail(struct fe_call *fc, enum err err, const struct err_detail *detail);

/* ---- forward.c ---- */

/* What of an answer has search attributes in it, see shown.h. */
enum fe_shown {
    FE_SHOWN_ALL,  /* nothing is left out */
    FE_SHOWN_INFO, /* WorkflowExecutionInfo */
    FE_SHOWN_DESCRIBED,
    FE_SHOWN_EVENTS,    /* GetWorkflowExecutionHistoryResponse */
    FE_SHOWN_REVERSED,  /* ... in reverse */
    FE_SHOWN_TASK,      /* PollWorkflowTaskQueueResponse */
    FE_SHOWN_COMPLETED, /* RespondWorkflowTaskCompletedResponse, with a task */
};

struct fe_target {
    struct mesh_target to;
    enum mesh_method method;
    struct slice body;
    int64_t timeout_ms;    /* per attempt and in all: the client's deadline, or this when it is none
                              or later; 0: FE_TIMEOUT_MS */
    bool repeatable;       /* may be sent again when the outcome is unknown */
    bool long_poll;        /* retries last as long as the call does; running out of time is no error
                              but an empty answer */
    bool waits;            /* it may stand at its owner for long: patience begins anew when an owner
                              is lost after that */
    const char *late_text; /* DEADLINE_EXCEEDED's text; NULL: the usual one */
    struct slice reply_instead; /* when not empty: the answer to the client on success */
    bool answers_poll;          /* with a task, whose delivery matters ... */
    uint32_t answers_with_task; /* ... or with one as this field of it; 0: without */
    enum fe_shown shows;
    /* The body of a repeated attempt, when it must differ from the first; may be NULL. */
    struct slice (*renew)(struct fe_call *fc, void *arg);
    void *renew_arg;
};

enum { FE_TIMEOUT_MS = 10000, FE_RETRY_MS = 5000, FE_NOBODY_MS = 800 };

/* Send the call on and answer it with what comes back. Always ERR_OK. */
enum err fe_forward(struct fe_call *fc, const struct fe_target *target);

/* The same to the history owner of `workflow_id`: the body is an rpc_api of the call's namespace
 * and `request` (the client's bytes). */
struct fe_to_history {
    enum mesh_method method;
    const char *workflow_id;
    struct slice request;
    int64_t timeout_ms;
    bool repeatable, long_poll, waits;
    bool tells_first_attempt; /* struct rpc_api's first_attempt */
    const char *late_text;
    struct slice reply_instead;
    uint32_t answers_with_task;
    enum fe_shown shows;
};
enum err fe_forward_history(struct fe_call *fc, const struct fe_to_history *to);

/* The call's request to a matching shard, as struct rpc_api. */
enum err fe_forward_matching(struct fe_call *fc, enum mesh_method method, uint32_t shard);
/* A struct rpc_api of the call's namespace and `request`, encoded in the call's arena. */
struct slice fe_api_body(struct fe_call *fc, struct slice request);
/* Of ShutdownWorker: the heartbeat that the request brings, if any, goes to where workers are
 * remembered. May be lost. */
void fe_tell_last_heartbeat(struct fe_call *fc);

/* ---- deliveries.c ---- */

/* Keeps `loop`. fe_deliveries_free() acknowledges what is left; before its port goes. */
struct fe_deliveries *fe_deliveries_new(struct frontend *fe, struct fe_loop *loop);
void fe_deliveries_free(struct fe_deliveries *deliveries);
/* The call is about to be answered with `task` (PollWorkflowTaskQueueResponse or that of an
 * activity, in the call's arena; empty: none): history learns whether it went out. */
void fe_deliver(struct fe_call *fc, struct slice task);

/* What is left of the client's time, at most `max_ms`. */
int64_t fe_remaining_ms(const struct fe_call *fc, int64_t max_ms);

/* ERR_PRECONDITION: a namespace in its state does not serve the call's method. */
enum err fe_check_namespace_state(struct fe_call *fc, const struct namespace_info *ns);
uint32_t fe_namespace_state(const struct namespace_info *ns); /* enum NamespaceState */

/* The namespace of a name or id: ERR_NOT_FOUND with NamespaceNotFound. */
enum err fe_namespace_by_name(struct fe_call *fc, const char *name,
                              const struct namespace_info **out);

#endif
