/* config.c - see config.h; one table drives parsing, the environment, checks and the help text. */
#include "common/config/config.h"

#include "common/log/log.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = 1024, LINES_MAX = 10000, STR_BYTES = 256 };
enum kind { KIND_INT, KIND_STR, KIND_BOOL };

struct key {
    const char *name;
    enum kind kind;
    size_t offset;
    const char *help;
    int64_t absent_int, min, max;
    const char *absent_str;
};

static const struct key keys[] = {
#define CONFIG_INT(member, key, absent, min, max, help)                                            \
    {key, KIND_INT, offsetof(struct config, member), help, absent, min, max, NULL},
#define CONFIG_STR(member, key, absent, help)                                                      \
    {key, KIND_STR, offsetof(struct config, member), help, 0, 0, 0, absent},
#define CONFIG_BOOL(member, key, absent, help)                                                     \
    {key, KIND_BOOL, offsetof(struct config, member), help, absent, 0, 0, NULL},
#include "common/config/config.def"
#undef CONFIG_INT
#undef CONFIG_STR
#undef CONFIG_BOOL
};

/* Where a value came from, for its complaint: a file's line or a variable. */
struct source {
    const char *path;
    unsigned line;
    const char *variable;
};

static void complain(struct buf *problems, const struct source *source, const char *key,
                     const char *what, const char *value)
{
    if (source->variable)
        buf_printf(problems, "%s: %s \"%s\"\n", source->variable, what, value);
    else
        buf_printf(problems, "%s:%u: %s: %s \"%s\"\n", source->path, source->line, key, what,
                   value);
}

static bool parse_int(const char *text, int64_t *out)
{
    char *end;

    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end || isspace((unsigned char)text[0]))
        return false;
    *out = value;
    return true;
}

static bool parse_bool(const char *text, bool *out)
{
    *out = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    return *out || strcmp(text, "false") == 0 || strcmp(text, "0") == 0;
}

static void set(struct config *config, const struct key *key, const char *value,
                const struct source *source, struct buf *problems)
{
    void *member = (char *)config + key->offset;
    char what[128];
    int64_t number;

    switch (key->kind) {
    case KIND_INT:
        if (!parse_int(value, &number)) {
            complain(problems, source, key->name, "not a whole number:", value);
        } else if (number < key->min || number > key->max) {
            snprintf(what, sizeof what, "not in %lld..%lld:", (long long)key->min,
                     (long long)key->max);
            complain(problems, source, key->name, what, value);
        } else {
            *(int64_t *)member = number;
        }
        return;
    case KIND_STR:
        if (strlen(value) >= STR_BYTES)
            complain(problems, source, key->name, "longer than 255 bytes:", value);
        else
            memcpy(member, value, strlen(value) + 1);
        return;
    case KIND_BOOL:
        if (!parse_bool(value, member))
            complain(problems, source, key->name, "neither true nor false:", value);
        return;
    }
}

static void set_defaults(struct config *config)
{
    *config = (struct config){0};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        void *member = (char *)config + keys[i].offset;

        switch (keys[i].kind) {
        case KIND_INT:
            *(int64_t *)member = keys[i].absent_int;
            break;
        case KIND_STR:
            snprintf(member, STR_BYTES, "%s", keys[i].absent_str);
            break;
        case KIND_BOOL:
            *(bool *)member = keys[i].absent_int != 0;
            break;
        }
    }
}

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        end--;
    *end = '\0';
    return text;
}

static size_t key_index(const char *name)
{
    size_t i = 0;

    while (i < COUNT_OF(keys) && strcmp(keys[i].name, name) != 0)
        i++;
    return i;
}

static void read_line(struct config *config, char *line, const struct source *source, bool *seen,
                      struct buf *problems)
{
    char *text = trim(line);

    if (*text == '\0' || *text == '#')
        return;
    char *equals = strchr(text, '=');
    if (!equals) {
        complain(problems, source, "syntax", "not `key = value`:", text);
        return;
    }
    *equals = '\0';
    const char *name = trim(text), *value = trim(equals + 1);
    const size_t index = key_index(name);
    if (index == COUNT_OF(keys))
        complain(problems, source, name, "no such key; its value is", value);
    else if (seen[index])
        complain(problems, source, name, "set twice, here to", value);
    else
        set(config, &keys[index], value, source, problems);
    if (index < COUNT_OF(keys))
        seen[index] = true;
}

static void read_file(struct config *config, const char *path, struct buf *problems)
{
    char line[LINE_BYTES_MAX];
    bool seen[COUNT_OF(keys)] = {false};
    struct source source = {.path = path};
    FILE *file = fopen(path, "re");

    if (!file) {
        buf_printf(problems, "%s: %s\n", path, strerror(errno));
        return;
    }
    while (fgets(line, sizeof line, file) && source.line < LINES_MAX) {
        source.line++;
        if (!strchr(line, '\n') && !feof(file)) {
            complain(problems, &source, "syntax", "line too long:", "...");
            break;
        }
        read_line(config, line, &source, seen, problems);
    }
    if (ferror(file))
        buf_printf(problems, "%s: %s\n", path, strerror(errno));
    else if (source.line >= LINES_MAX)
        buf_printf(problems, "%s: more than %d lines\n", path, LINES_MAX);
    fclose(file);
}

static void variable_of(const struct key *key, char out[128])
{
    snprintf(out, 128, "GNOMON_%s", key->name);
    for (char *c = out; *c; c++)
        *c = (char)(*c == '.' ? '_' : toupper((unsigned char)*c));
}

/* Not ours to read, but not a misspelt key either. */
static bool is_no_key(const char *variable)
{
    static const char *const others[] = {"GNOMON_READY_FD=", "GNOMON_REPLICA=", "GNOMON_TEST_",
                                         "GNOMON_SOAK_"};

    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (strncmp(variable, others[i], strlen(others[i])) == 0)
            return true;
    return false;
}

static void refuse_unknown_variables(struct buf *problems)
{
    for (char *const *at = environ; *at; at++) {
        const size_t name_len = strcspn(*at, "=");
        char variable[128];
        size_t i = 0;

        if (strncmp(*at, "GNOMON_", 7) != 0 || is_no_key(*at))
            continue;
        for (; i < COUNT_OF(keys); i++) {
            variable_of(&keys[i], variable);
            if (strlen(variable) == name_len && memcmp(*at, variable, name_len) == 0)
                break;
        }
        if (i == COUNT_OF(keys))
            buf_printf(problems, "%.*s: no such key\n", (int)(name_len < 200 ? name_len : 200),
                       *at);
    }
}

static void read_environment(struct config *config, struct buf *problems)
{
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        char variable[128];

        variable_of(&keys[i], variable);
        const char *value = getenv(variable);
        if (value)
            set(config, &keys[i], value, &(struct source){.variable = variable}, problems);
    }
    refuse_unknown_variables(problems);
}

static void check_ports(const struct config *config, struct buf *problems)
{
    const struct {
        const char *key;
        int64_t port;
    } ports[] = {
        {"frontend.port", config->frontend_port},
        {"frontend.http.port", config->frontend_http_port},
        {"ui.port", config->ui_port},
        {"frontend.metrics.port", config->frontend_metrics_port},
        {"history.metrics.port", config->history_metrics_port},
        {"matching.metrics.port", config->matching_metrics_port},
        {"timers.metrics.port", config->timers_metrics_port},
    };

    for (size_t i = 0; i < COUNT_OF(ports); i++)
        for (size_t j = 0; j < i; j++)
            if (ports[i].port && ports[i].port == ports[j].port)
                buf_printf(problems, "%s and %s: both are %lld\n", ports[j].key, ports[i].key,
                           (long long)ports[i].port);
}

/* What one key's range can't say. */
static void check_whole(const struct config *config, struct buf *problems)
{
    enum log_level level;
    uint8_t address[sizeof(struct in6_addr)];

    check_ports(config, problems);
    if (config->data_dir[0] == '\0')
        buf_printf(problems, "data.dir: must not be empty\n");
    if (inet_pton(AF_INET, config->bind_ip, address) != 1 &&
        inet_pton(AF_INET6, config->bind_ip, address) != 1)
        buf_printf(problems, "bind.ip: not an IP address: \"%s\"\n", config->bind_ip);
    if (!log_level_parse(config->log_level, &level))
        buf_printf(problems, "log.level: not debug, info, warn or error: \"%s\"\n",
                   config->log_level);
    if (strcmp(config->log_format, "text") != 0 && strcmp(config->log_format, "json") != 0)
        buf_printf(problems, "log.format: neither text nor json: \"%s\"\n", config->log_format);
    if (strcmp(config->store, "sqlite") != 0)
        buf_printf(problems, "store: no such back end: \"%s\"\n", config->store);
    if (256 % config->history_shards != 0)
        buf_printf(problems, "history.shards: not a divisor of 256: \"%lld\"\n",
                   (long long)config->history_shards);
}

enum err config_load(struct config *config, const char *path, struct buf *problems)
{
    const size_t before = problems->len;

    set_defaults(config);
    if (path)
        read_file(config, path, problems);
    read_environment(config, problems);
    if (problems->len == before) /* a check of half-read values would only confuse */
        check_whole(config, problems);
    return problems->len == before && buf_ok(problems) ? ERR_OK : ERR_INVALID;
}

void config_help(struct buf *out)
{
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const struct key *key = &keys[i];
        char variable[128];

        variable_of(key, variable);
        buf_printf(out, "%s (%s)\n    %s\n    ", key->name, variable, key->help);
        switch (key->kind) {
        case KIND_INT:
            buf_printf(out, "default %lld, range %lld..%lld\n", (long long)key->absent_int,
                       (long long)key->min, (long long)key->max);
            break;
        case KIND_STR:
            buf_printf(out, "default \"%s\"\n", key->absent_str);
            break;
        case KIND_BOOL:
            buf_printf(out, "default %s\n", key->absent_int ? "true" : "false");
            break;
        }
    }
}
