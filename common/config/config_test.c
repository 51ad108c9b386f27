/* config_test.c - files and variables into a struct config, and every complaint. */
#include "common/config/config.h"

#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Loads `text` as a file; `problems` is NUL-terminated. */
static enum err load(const char *text, struct config *config, char *problems, size_t bytes)
{
    char path[] = "/tmp/gnomon-config-XXXXXX";
    const int fd = mkstemp(path);
    struct buf out;

    check(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    buf_init(&out, 0);
    const enum err err = config_load(config, path, &out);
    snprintf(problems, bytes, SLICE_FMT, SLICE_ARG(buf_slice(&out)));
    buf_release(&out);
    unlink(path);
    return err;
}

TEST(config_defaults_are_valid)
{
    struct config config;
    struct buf problems;

    buf_init(&problems, 0);
    check_ok(config_load(&config, NULL, &problems));
    check_i64(problems.len, 0);
    check_i64(config.frontend_port, 7233);
    check_str(config.bind_ip, "127.0.0.1");
    buf_release(&problems);
}

TEST(config_file_and_environment)
{
    struct config config;
    char problems[1024];

    setenv("GNOMON_HISTORY_SHARDS", "8", 1);
    check_ok(load("# a comment\n\n  frontend.port =7000 \nhistory.shards = 2\nrun.dir=/r # x",
                  &config, problems, sizeof problems));
    unsetenv("GNOMON_HISTORY_SHARDS");
    check_i64(config.frontend_port, 7000);
    check_i64(config.history_shards, 8);
    check_str(config.run_dir, "/r # x"); /* a comment is a line of its own */
    check_str(problems, "");
}

TEST(config_names_every_problem)
{
    static const struct {
        const char *text, *complaint;
    } cases[] = {
        {"frontend.port = 70000", ":1: frontend.port: not in 0..65535: \"70000\"\n"},
        {"\nfrontend.port = 1x", ":2: frontend.port: not a whole number: \"1x\"\n"},
        {"frontend.port =", ":1: frontend.port: not a whole number: \"\"\n"},
        {"frontend.prt = 1", ":1: frontend.prt: no such key; its value is \"1\"\n"},
        {"hello", ":1: syntax: not `key = value`: \"hello\"\n"},
        {"frontend.port = 1\nfrontend.port = 2", ":2: frontend.port: set twice, here to \"2\"\n"},
        {"history.shards = 3", "history.shards: not a divisor of 256: \"3\"\n"},
        {"log.level = loud", "log.level: not debug, info, warn or error: \"loud\"\n"},
        {"log.format = xml", "log.format: neither text nor json: \"xml\"\n"},
        {"bind.ip = localhost", "bind.ip: not an IP address: \"localhost\"\n"},
        {"store = oracle", "store: no such back end: \"oracle\"\n"},
        {"data.dir =", "data.dir: must not be empty\n"},
        {"frontend.port = 9091", "frontend.port and history.metrics.port: both are 9091\n"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct config config;
        char problems[1024];

        check_err(load(cases[i].text, &config, problems, sizeof problems), ERR_INVALID);
        if (!strstr(problems, cases[i].complaint))
            test_failed(__FILE__, __LINE__, "%s: complaint is %s", cases[i].text, problems);
    }
}

TEST(config_reports_all_problems_at_once)
{
    struct config config;
    char problems[1024];

    setenv("GNOMON_FRONTEND_PORT", "abc", 1);
    check_err(load("x = 1\ny = 2\n", &config, problems, sizeof problems), ERR_INVALID);
    unsetenv("GNOMON_FRONTEND_PORT");
    check(strstr(problems, ":1: x:") && strstr(problems, ":2: y:"));
    check(strstr(problems, "GNOMON_FRONTEND_PORT: not a whole number: \"abc\"\n") != NULL);
}

TEST(config_unknown_variables)
{
    struct config config;
    char problems[1024];

    setenv("GNOMON_FRONTEND_PROT", "7233", 1);
    setenv("GNOMON_TEST_BIN", "/somewhere", 1);
    setenv("GNOMON_READY_FD", "3", 1);
    check_err(load("", &config, problems, sizeof problems), ERR_INVALID);
    check_str(problems, "GNOMON_FRONTEND_PROT: no such key\n");
    unsetenv("GNOMON_FRONTEND_PROT");
    check_ok(load("", &config, problems, sizeof problems));
    unsetenv("GNOMON_TEST_BIN");
    unsetenv("GNOMON_READY_FD");
}

TEST(config_long_lines_and_values)
{
    struct config config;
    char problems[4096], text[3000];

    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    check_err(load(text, &config, problems, sizeof problems), ERR_INVALID);
    check(strstr(problems, "line too long") != NULL);
    memcpy(text, "data.dir=", 9);
    text[400] = '\0';
    check_err(load(text, &config, problems, sizeof problems), ERR_INVALID);
    check(strstr(problems, "longer than 255 bytes") != NULL);
}

TEST(config_missing_file)
{
    struct config config;
    struct buf problems;

    buf_init(&problems, 0);
    check_err(config_load(&config, "/nowhere/gnomon.conf", &problems), ERR_INVALID);
    check_slice(buf_slice(&problems),
                SLICE_LIT("/nowhere/gnomon.conf: No such file or directory\n"));
    buf_release(&problems);
}

TEST(config_help_names_every_key)
{
    struct buf out;

    buf_init(&out, 0);
    config_help(&out);
    buf_append(&out, "", 1);
    check(strstr((const char *)out.ptr, "frontend.port (GNOMON_FRONTEND_PORT)\n") != NULL);
    check(strstr((const char *)out.ptr, "default 7233, range 0..65535\n") != NULL);
    buf_release(&out);
}
