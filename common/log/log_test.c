/* log_test.c - what a line looks like, read back from a pipe. */
#include "common/log/log.h"

#include "tests/lib/test.h"

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

struct capture {
    struct log log;
    int fds[2];
    char text[64 * 1024];
};

static void capture_open(struct capture *c, enum log_format format)
{
    check(pipe(c->fds) == 0);
    c->log = (struct log){.level = LOG_INFO, .format = format, .fd = c->fds[1], .service = "test"};
}

/* What came after the time stamp and level. */
static const char *capture_close(struct capture *c)
{
    close(c->fds[1]);
    size_t len = 0;
    ssize_t n;
    while ((n = read(c->fds[0], c->text + len, sizeof c->text - 1 - len)) > 0)
        len += (size_t)n;
    close(c->fds[0]);
    c->text[len] = '\0';
    return c->text;
}

TEST(log_text_quotes_what_is_not_plain)
{
    struct capture c;

    capture_open(&c, LOG_TEXT);
    log_info(&c.log, "shard \"opened\"", F_U64("shard_id", 7), F_I64("delta", -3),
             F_STR("path", "/a b=c"), F_STR("plain", "x/y:z"), F_STR("none", ""),
             F_SLICE("bytes", SLICE_LIT("a\n\xff\x01\xc3\xa9")));
    const char *text = capture_close(&c);
    const char *rest = strstr(text, "Z level=info");
    check(rest != NULL);
    if (rest)
        check_str(rest, "Z level=info service=test msg=\"shard \\\"opened\\\"\" shard_id=7 delta=-3"
                        " path=\"/a b=c\" plain=x/y:z none=\"\""
                        " bytes=\"a\\n\\ufffd\\u0001\xc3\xa9\"\n");
    check(strncmp(text, "ts=20", 5) == 0);
}

TEST(log_below_the_level_writes_nothing)
{
    struct capture c;

    capture_open(&c, LOG_TEXT);
    log_debug(&c.log, "quiet");
    log_write(&c.log, LOG_DEBUG, "quiet", NULL, 0);
    check_str(capture_close(&c), "");
}

TEST(log_json_is_valid_for_any_bytes)
{
    struct capture c;
    char bytes[256];

    for (int i = 0; i < 256; i++)
        bytes[i] = (char)i;
    capture_open(&c, LOG_JSON);
    log_error(&c.log, "it broke", F_ERR(ERR_IO), F_SLICE("bytes", slice_of(bytes, sizeof bytes)),
              F_U64("big", UINT64_MAX / 2));
    json_t *line = json_loads(capture_close(&c), JSON_ALLOW_NUL, NULL);
    check(line != NULL);
    check_str(json_string_value(json_object_get(line, "level")), "error");
    check_str(json_string_value(json_object_get(line, "msg")), "it broke");
    check_str(json_string_value(json_object_get(line, "err")), "IO");
    check_i64(json_integer_value(json_object_get(line, "big")), INT64_MAX);
    json_decref(line);
}

TEST(log_cuts_long_values)
{
    struct capture c;
    char *huge = malloc(100000);

    memset(huge, 'x', 100000);
    capture_open(&c, LOG_TEXT);
    log_info(&c.log, "long", F_SLICE("value", slice_of(huge, 100000)));
    const char *text = capture_close(&c);
    check(strlen(text) < 5000);
    check(strstr(text, "xxx...\"\n") != NULL);
    free(huge);
}

TEST(log_level_names_in_any_case)
{
    enum log_level level = LOG_DEBUG;

    check(log_level_parse("WARN", &level) && level == LOG_WARN);
    check(log_level_parse("debug", &level) && level == LOG_DEBUG);
    check(!log_level_parse("", &level));
    check(!log_level_parse("warning", &level));
}
