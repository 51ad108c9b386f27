/* procs.c - see procs.h. */
#include "tests/bench/procs.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ALL_MAX = 32768 };

static void add(struct procs *procs, int pid)
{
    for (unsigned i = 0; i < procs->count; i++)
        if (procs->pids[i] == pid)
            return;
    if (procs->count == PROCS_MAX)
        return;
    char path[64], *name = procs->names[procs->count];
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    FILE *file = fopen(path, "re");
    if (file) {
        if (fgets(name, sizeof procs->names[0], file))
            name[strcspn(name, "\n")] = '\0';
        fclose(file);
    }
    procs->pids[procs->count++] = pid;
}

bool procs_parse(struct procs *procs, const char *list)
{
    while (*list) {
        char *end;
        const long pid = strtol(list, &end, 10);

        if (end == list || pid <= 0 || pid > 1 << 30 || (*end && *end != ','))
            return false;
        add(procs, (int)pid);
        list = *end ? end + 1 : end;
    }
    return true;
}

/* The fields of /proc/PID/stat behind the name, which may hold anything. */
static bool read_parent(int pid, int *parent)
{
    char path[64], line[1024];

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    const size_t len = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[len] = '\0';
    const char *rest = strrchr(line, ')');
    return rest && sscanf(rest + 1, " %*c %d", parent) == 1;
}

void procs_add_tree(struct procs *procs, int root)
{
    static int pids[ALL_MAX], parents[ALL_MAX];
    unsigned count = 0;
    DIR *dir = opendir("/proc");

    add(procs, root);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) && count < ALL_MAX;) {
        const int pid = (int)strtol(entry->d_name, NULL, 10);

        if (pid > 0 && read_parent(pid, &parents[count]))
            pids[count++] = pid;
    }
    closedir(dir);
    for (unsigned known = 0; known != procs->count;) { /* until no generation is added */
        known = procs->count;
        for (unsigned i = 0; i < count; i++)
            for (unsigned j = 0; j < known; j++)
                if (parents[i] == procs->pids[j])
                    add(procs, pids[i]);
    }
}

static int64_t read_number(int pid, const char *file_name, const char *key)
{
    char path[64], line[256];
    long long value = -1;

    snprintf(path, sizeof path, "/proc/%d/%s", pid, file_name);
    FILE *file = fopen(path, "re");
    if (!file)
        return -1;
    while (value < 0 && fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0)
            value = strtoll(line + strlen(key), NULL, 10);
    fclose(file);
    return value;
}

struct procs_usage procs_usage_of(const struct procs *procs, unsigned index)
{
    const struct procs one = {.pids = {procs->pids[index]}, .count = 1};

    return procs_usage(&one);
}

/* The clock of another process: finer than the ticks of its stat. */
static double read_cpu_ms(int pid)
{
    clockid_t clock;
    struct timespec used;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return 0;
    return (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
}

struct procs_usage procs_usage(const struct procs *procs)
{
    struct procs_usage usage = {0};

    for (unsigned i = 0; i < procs->count; i++) {
        const int64_t rss_kb = read_number(procs->pids[i], "status", "VmRSS:");
        const int64_t written = read_number(procs->pids[i], "io", "write_bytes:");
        usage.cpu_ms += read_cpu_ms(procs->pids[i]);
        usage.rss_bytes += rss_kb > 0 ? rss_kb * 1024 : 0;
        usage.written_bytes =
            written < 0 || usage.written_bytes < 0 ? -1 : usage.written_bytes + written;
    }
    return usage;
}
