/* main.c - gnomon-admin: looks into a cluster, checks it, copies it; see README.md. */
#include "admin/tool/tool.h"

#include <signal.h>
#include <stdio.h>

struct command {
    const char *first, *second; /* second NULL: one word */
    int words;                  /* that follow */
    bool without_cluster;
    int (*run)(struct tool *tool, const struct tool_args *args);
    const char *usage;
};

static const struct command commands[] = {
    {"member", "list", 0, false, tool_member_list, "member list"},
    {"shard", "list", 0, false, tool_shard_list, "shard list"},
    {"shard", "describe", 1, false, tool_shard_describe, "shard describe N"},
    {"workflow", "describe", 1, false, tool_workflow_describe,
     "workflow describe WORKFLOW_ID [--run-id ID] [--namespace NAME]"},
    {"workflow", "verify", 1, false, tool_workflow_verify,
     "workflow verify WORKFLOW_ID [--run-id ID] [--namespace NAME]"},
    {"verify", NULL, 0, false, tool_verify, "verify"},
    {"rebuild", NULL, 1, false, tool_rebuild,
     "rebuild WORKFLOW_ID [--run-id ID] [--namespace NAME] [--repair]"},
    {"task", "list", 1, false, tool_task_list,
     "task list QUEUE [--namespace NAME] [--kind workflow|activity]"},
    {"backup", NULL, 1, false, tool_backup, "backup FOLDER"},
    {"restore", NULL, 1, true, tool_restore, "restore FOLDER --to DATA"},
    {"sql", NULL, 1, false, tool_sql, "sql 'SELECT ...'"},
};

static int usage(FILE *out, int code)
{
    fprintf(out, "usage: gnomon-admin [--config FILE] [--data FOLDER] COMMAND\n\n");
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        fprintf(out, "  gnomon-admin %s\n", commands[i].usage);
    fprintf(out, "\nThe settings are the services' own: FILE, and the environment (GNOMON_DATA_DIR "
                 "...).\nOf a cluster that runs, the owners of its shards are asked; one that is "
                 "stopped is read\nfrom its folder. Exit code 0: done, 1: done, and problems were "
                 "found, 2: not done.\n");
    return code;
}

static const struct command *find(int argc, char **argv, int *at)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        const struct command *command = &commands[i];
        const int own = command->second ? 2 : 1;

        if (argc - *at < own || strcmp(argv[*at], command->first) != 0 ||
            (command->second && strcmp(argv[*at + 1], command->second) != 0))
            continue;
        *at += own;
        return command;
    }
    return NULL;
}

/* false: told what is wrong. */
static bool read_args(const struct command *command, int argc, char **argv, struct tool_args *out)
{
    const struct {
        const char *name;
        const char **value;
    } options[] = {{"--namespace", &out->namespace_name},
                   {"--run-id", &out->run_id},
                   {"--to", &out->to},
                   {"--kind", &out->kind}};

    *out = (struct tool_args){.namespace_name = "default"};
    for (int i = 0; i < argc; i++) {
        const char **value = NULL;

        for (size_t o = 0; o < COUNT_OF(options); o++)
            if (strcmp(argv[i], options[o].name) == 0 && i + 1 < argc)
                value = options[o].value;
        if (value) {
            *value = argv[++i];
        } else if (strcmp(argv[i], "--repair") == 0 && command->run == tool_rebuild) {
            out->repair = true;
        } else if (strncmp(argv[i], "--", 2) == 0 || out->count == command->words) {
            tool_refuse("%s is not understood; usage: gnomon-admin %s", argv[i], command->usage);
            return false;
        } else {
            out->words[out->count++] = argv[i];
        }
    }
    if (out->count == command->words)
        return true;
    tool_refuse("usage: gnomon-admin %s", command->usage);
    return false;
}

int main(int argc, char **argv)
{
    const char *config = NULL, *data = NULL;
    struct tool_args args;
    struct tool tool;
    int at = 1;

    signal(SIGPIPE, SIG_IGN);
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
        if (strcmp(argv[at], "--help") == 0)
            return usage(stdout, TOOL_OK);
        if (strcmp(argv[at], "--config") == 0 && at + 1 < argc)
            config = argv[++at];
        else if (strcmp(argv[at], "--data") == 0 && at + 1 < argc)
            data = argv[++at];
        else
            return usage(stderr, TOOL_FAILED);
    }
    const struct command *command = find(argc, argv, &at);
    if (!command)
        return usage(stderr, TOOL_FAILED);
    if (!read_args(command, argc - at, argv + at, &args))
        return TOOL_FAILED;
    int code = tool_settings(&tool, config, data);
    if (code < 0 && !command->without_cluster)
        code = tool_open(&tool);
    if (code < 0)
        code = command->run(&tool, &args);
    if (code != TOOL_FAILED && (fflush(stdout) != 0 || ferror(stdout)))
        code = tool_refuse("cannot write to stdout");
    tool_close(&tool);
    return code;
}
