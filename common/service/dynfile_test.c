/* dynfile_test.c - a real file under a real loop: read, changed, spoiled, taken away, mended. */
#include "common/service/dynfile.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GIVE_UP_MS = 20000 };

struct rig {
    char dir[40], path[64], log_path[64];
    struct loop *loop;
    struct loop_timer give_up, ask;
    struct log log;
    struct metrics *metrics;
    struct dynconf *dc;
    struct dynfile *file;
    struct err_detail detail;
    int64_t wanted;
    const char *wanted_log;
    bool reached;
};

static void put_file(struct rig *rig, const char *text)
{
    char beside[80];

    snprintf(beside, sizeof beside, "%s.new", rig->path);
    FILE *out = fopen(beside, "w");
    must(out != NULL && fputs(text, out) >= 0 && fclose(out) == 0);
    must(rename(beside, rig->path) == 0);
}

static void rig_init(struct rig *rig)
{
    memset(rig, 0, sizeof *rig);
    snprintf(rig->dir, sizeof rig->dir, "/tmp/gnomon-dynfile-XXXXXX");
    must(mkdtemp(rig->dir) != NULL);
    snprintf(rig->path, sizeof rig->path, "%s/dynamic.yaml", rig->dir);
    snprintf(rig->log_path, sizeof rig->log_path, "%s/log", rig->dir);
    FILE *log = fopen(rig->log_path, "w+");
    must(log != NULL);
    rig->log = (struct log){.fd = dup(fileno(log)), .level = LOG_INFO};
    fclose(log);
    rig->loop = loop_new("test");
    rig->metrics = metrics_new();
    rig->dc = dynconf_new();
}

static void rig_release(struct rig *rig)
{
    dynfile_close(rig->file);
    dynconf_free(rig->dc);
    metrics_free(rig->metrics);
    loop_free(rig->loop);
    close(rig->log.fd);
    unlink(rig->path);
    unlink(rig->log_path);
    rmdir(rig->dir);
}

static enum err open_file(struct rig *rig)
{
    const struct dynfile_options options = {.dynconf = rig->dc,
                                            .path = rig->path,
                                            .poll_ms = 2,
                                            .loop = rig->loop,
                                            .log = &rig->log,
                                            .metrics = rig->metrics};

    return dynfile_open(&options, &rig->file, &rig->detail);
}

static int64_t limit(const struct rig *rig)
{
    return dynconf_int(rig->dc, DYNCONF_LIMIT_MAX_ID_LENGTH, SLICE_EMPTY);
}

/* How often the log has these words. */
static int logged(const struct rig *rig, const char *words)
{
    static char text[65536];
    int count = 0;
    FILE *in = fopen(rig->log_path, "r");

    must(in != NULL);
    text[fread(text, 1, sizeof text - 1, in)] = '\0';
    fclose(in);
    for (const char *at = text; (at = strstr(at, words)) != NULL; at++)
        count++;
    return count;
}

static void look_whether(void *arg)
{
    struct rig *rig = arg;

    rig->reached = limit(rig) == rig->wanted && logged(rig, rig->wanted_log) > 0;
    if (rig->reached)
        loop_stop(rig->loop);
    else
        loop_timer_start(rig->loop, &rig->ask, 2);
}

static void give_up(void *arg)
{
    struct rig *rig = arg;

    loop_stop(rig->loop);
}

/* Run until the limit is that and the log has these words. */
static void run_until(struct rig *rig, int64_t value, const char *words)
{
    rig->wanted = value;
    rig->wanted_log = words;
    rig->reached = false;
    rig->ask = (struct loop_timer){.fire = look_whether, .arg = rig};
    rig->give_up = (struct loop_timer){.fire = give_up, .arg = rig};
    loop_timer_start(rig->loop, &rig->ask, 0);
    loop_timer_start(rig->loop, &rig->give_up, GIVE_UP_MS);
    loop_run(rig->loop);
    loop_timer_stop(rig->loop, &rig->ask);
    loop_timer_stop(rig->loop, &rig->give_up);
    check(rig->reached);
}

static bool is_failing(const struct rig *rig)
{
    struct buf out;

    buf_init(&out, 0);
    metrics_render(rig->metrics, &out);
    const bool failing = memmem(out.ptr, out.len, "dynamic_config_update_failure 1", 31) != NULL;
    buf_release(&out);
    return failing;
}

TEST(test_dynfile_takes_over_changes_and_keeps_the_old_where_they_are_bad)
{
    struct rig rig;

    rig_init(&rig);
    put_file(&rig, "limit.maxIDLength: [{value: 10}]\nno.such.key: [{value: 1}]\n");
    check_ok(open_file(&rig));
    check_i64(limit(&rig), 10);
    check_i64(logged(&rig, "no.such.key"), 1);
    put_file(&rig, "# one line more\nlimit.maxIDLength: [{value: 20}]\nno.such.key: []\n");
    run_until(&rig, 20, "updated dynamic config");
    check_i64(logged(&rig, "no.such.key"), 1); /* told once */
    check(!is_failing(&rig));

    put_file(&rig, "limit.maxIDLength: [{value: 30\n");
    run_until(&rig, 20, "line 2");
    check(is_failing(&rig));
    put_file(&rig, "limit.maxIDLength: [{value: 40}]\n");
    run_until(&rig, 40, "updated dynamic config");
    check(!is_failing(&rig));

    unlink(rig.path);
    run_until(&rig, 40, "No such file");
    check(is_failing(&rig));
    put_file(&rig, "limit.maxIDLength: [{value: 50}]\n");
    run_until(&rig, 50, "updated dynamic config");
    check(!is_failing(&rig));
    rig_release(&rig);
}

TEST(test_dynfile_a_file_that_is_not_good_at_the_start_is_an_error)
{
    struct rig rig;

    rig_init(&rig);
    check_err(open_file(&rig), ERR_IO);
    check(strstr(rig.detail.text, rig.path) != NULL);
    put_file(&rig, "a: b: c\n");
    check_err(open_file(&rig), ERR_INVALID);
    check(strstr(rig.detail.text, "line 1") != NULL);
    must(unlink(rig.path) == 0 && mkfifo(rig.path, 0600) == 0);
    check_err(open_file(&rig), ERR_INVALID);
    check(strstr(rig.detail.text, "is not a file") != NULL);
    rig_release(&rig);
}
