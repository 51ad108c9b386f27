/* tool.h - what the commands of gnomon-admin share: the cluster's settings and folders, the
 * processes that run, and the rows of its shards.
 *
 * One thread. A command gives an exit code (enum tool_exit) and has told on stderr what was wrong
 * (tool_refuse()); results go to stdout. */
#ifndef GNOMON_ADMIN_TOOL_H
#define GNOMON_ADMIN_TOOL_H

#include "common/cluster/cluster.h"
#include "common/config/config.h"
#include "common/mesh/mesh.h"
#include "common/placement/map.h"
#include "common/service/service.h"
#include "common/store/store.h"

enum tool_exit {
    TOOL_OK = 0,
    TOOL_PROBLEMS = 1, /* it was done, and what was looked at is not sound */
    TOOL_FAILED = 2,   /* it was not done */
};

struct tool_link; /* to the processes */
struct tool_args;

struct tool {
    struct config config;
    char run_dir[SERVICE_RUN_DIR_MAX];
    struct log log;
    struct metrics *metrics;
    struct cluster *cluster;
    uint32_t shard_count;
    struct tool_link *link; /* NULL: the cluster is stopped */
};

/* Settings as the services', `data_dir` (may be NULL) instead of data.dir. Exit code, or -1. */
int tool_settings(struct tool *tool, const char *config_path, const char *data_dir);
/* The cluster store of data.dir, and the processes that run on it. Exit code, or -1: go on. */
int tool_open(struct tool *tool);
void tool_close(struct tool *tool);

/* A line on stderr; gives TOOL_FAILED. */
int tool_refuse(const char *format, ...) PRINTF_LIKE(1, 2);

/* One question to the owner of a shard. */
struct tool_call {
    uint32_t shard;
    struct slice body;
    enum err err;
    struct err_detail detail;
    struct slice reply;       /* in the arena */
    uint64_t process;         /* who was asked */
    struct tool_asked *asked; /* of link.c */
};

/* link.c: a member of the mesh of `run_dir` that is no part of the cluster. NULL: no process of a
 * cluster runs there. */
struct tool_link *tool_link_open(struct tool *tool);
void tool_link_close(struct tool_link *link);
/* Whom to ask again for up to ten seconds, when the assignment may have changed. */
enum tool_again {
    TOOL_IF_UNDONE, /* where nothing was done: by who is not the owner, or has moved the shard away
                     */
    TOOL_AGAIN,     /* also where the owner is gone and may have done it */
};
/* Ask them all at once and wait for the answers. */
void tool_ask(struct tool *tool, enum mesh_method method, struct tool_call *calls, uint32_t count,
              enum tool_again again, int64_t timeout_ms, struct arena *arena);
const char *tool_call_problem(const struct tool_call *call); /* what was wrong, for people */
/* Who runs, tools included (not this one), and the present assignment (version 0: none yet).
 * ERR_*: the cluster store could not be read. */
MUST_USE enum err tool_members(struct tool *tool, struct mesh_member out[MESH_MEMBERS_MAX],
                               size_t *count, struct placement_map *map);

/* Read one shard, everything acknowledged included: of a cluster that runs, its owner flushes, and
 * the tables are read as they are between two flushes; of one that is stopped, the shard is opened
 * and its log replayed. */
MUST_USE enum err tool_read(struct tool *tool, uint32_t shard,
                            enum err (*read)(struct store_snapshot *, void *), void *arg,
                            struct err_detail *detail);
/* Of a stopped cluster: open the shard for writing. Ended by tool_shard_close(). */
struct tool_shard {
    struct store *store;
    struct store_shard *shard;
};
MUST_USE enum err tool_shard_open(struct tool *tool, uint32_t shard, struct tool_shard *out,
                                  struct err_detail *detail);
void tool_shard_close(struct tool_shard *shard, bool flush);
struct store_options tool_store_options(const struct tool *tool, const char *dir);

/* The id of a namespace by its name. Exit code, or -1. */
int tool_namespace(struct tool *tool, const char *name, char id[UUID_TEXT_LEN + 1]);

/* The run that `args` name, read from its shard: `visit` (may be NULL) gets it with the snapshot,
 * inside the read. Exit code, or -1. */
struct tool_run {
    struct tool *tool;
    const struct tool_args *args;
    char namespace_id[UUID_TEXT_LEN + 1], run_id[UUID_TEXT_LEN + 1];
    uint8_t tablet;
    uint32_t shard;
    enum err (*visit)(struct store_snapshot *snapshot, struct tool_run *run);
    void *arg;
};
int tool_with_run(struct tool_run *run);

/* -- commands ------------------------------------------------------------------------------- */

struct tool_args { /* what follows the command's words; options are taken out */
    const char *words[4];
    int count;
    const char *namespace_name, *run_id, *to, *kind;
    bool repair;
};

int tool_member_list(struct tool *tool, const struct tool_args *args);
int tool_shard_list(struct tool *tool, const struct tool_args *args);
int tool_shard_describe(struct tool *tool, const struct tool_args *args);
int tool_workflow_describe(struct tool *tool, const struct tool_args *args);
int tool_workflow_verify(struct tool *tool, const struct tool_args *args);
int tool_verify(struct tool *tool, const struct tool_args *args);
int tool_rebuild(struct tool *tool, const struct tool_args *args);
int tool_task_list(struct tool *tool, const struct tool_args *args);
int tool_backup(struct tool *tool, const struct tool_args *args);
int tool_restore(struct tool *tool, const struct tool_args *args);
int tool_sql(struct tool *tool, const struct tool_args *args);

#endif
