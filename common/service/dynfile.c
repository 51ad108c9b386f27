/* dynfile.c - see dynfile.h. */
#include "common/service/dynfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct dynfile {
    struct dynfile_options o;
    struct loop_timer timer;
    struct stat seen; /* of the content that was read last */
    int stat_errno;   /* the last look's */
    struct buf warned;
    struct gauge *failing;
};

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static enum err cannot(const struct dynfile *f, int number, struct err_detail *detail)
{
    return err_fail(detail, ERR_IO, "dynamic configuration: cannot read %s: %s", f->o.path,
                    strerror(number));
}

/* The content, and in *info what it was read from. */
static enum err read_all(const struct dynfile *f, struct buf *out, struct stat *info,
                         struct err_detail *detail)
{
    const int fd = open(f->o.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hold us */
    enum err err = ERR_OK;
    ssize_t n = 0;

    if (fd < 0)
        return cannot(f, errno, detail);
    if (fstat(fd, info) != 0)
        err = cannot(f, errno, detail);
    else if (!S_ISREG(info->st_mode))
        err = err_fail(detail, ERR_INVALID, "dynamic configuration: %s is not a file", f->o.path);
    while (err == ERR_OK) {
        if (!buf_reserve(out, 4096))
            err = err_fail(detail, ERR_INVALID, "dynamic configuration: %s is larger than %d bytes",
                           f->o.path, DYNVAL_BYTES_MAX);
        else if ((n = read(fd, out->ptr + out->len, 4096)) < 0 && errno != EINTR)
            err = cannot(f, errno, detail);
        else if (n == 0)
            break;
        else if (n > 0)
            out->len += (size_t)n;
    }
    close(fd);
    return err;
}

static bool has_line(struct slice text, struct slice line)
{
    const void *at = text.ptr ? memmem(text.ptr, text.len, line.ptr, line.len) : NULL;

    return at != NULL;
}

/* Lines move when others are added above them: the number at the front does not tell two apart. */
static struct slice without_number(struct slice line)
{
    const uint8_t *colon = memchr(line.ptr, ':', line.len);

    if (!slice_starts_with(line, SLICE_LIT("line ")) || !colon)
        return line;
    return slice_of(colon, line.len - (size_t)(colon - line.ptr));
}

static void tell_warnings(struct dynfile *f, struct buf *warnings)
{
    struct slice rest = buf_slice(warnings);

    while (rest.len > 0) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        const struct slice line = slice_of(rest.ptr, end ? (size_t)(end - rest.ptr) : rest.len);

        if (!has_line(buf_slice(&f->warned), without_number(line)))
            log_warn(f->o.log, "dynamic config warning", F_SLICE("what", line),
                     F_STR("path", f->o.path));
        rest = slice_of(line.ptr + line.len + (end ? 1 : 0), rest.len - line.len - (end ? 1 : 0));
    }
    buf_release(&f->warned);
    f->warned = *warnings;
}

static enum err load(struct dynfile *f, struct err_detail *detail)
{
    struct buf text, warnings;
    struct err_detail cause = {0};

    buf_init(&text, DYNVAL_BYTES_MAX + 8192);
    buf_init(&warnings, 4 * DYNVAL_BYTES_MAX);
    enum err err = read_all(f, &text, &f->seen, detail);
    if (err == ERR_OK) {
        err = dynconf_load(f->o.dynconf, buf_slice(&text), &warnings, &cause);
        if (err != ERR_OK)
            (void)err_fail(detail, err, "dynamic configuration: %s: %s", f->o.path, cause.text);
    }
    buf_release(&text);
    if (err == ERR_OK)
        tell_warnings(f, &warnings);
    else
        buf_release(&warnings);
    gauge_set(f->failing, err != ERR_OK);
    return err;
}

static void look(void *arg)
{
    struct dynfile *f = arg;
    struct err_detail detail = {0};
    struct stat info;
    const int number = stat(f->o.path, &info) == 0 ? 0 : errno;

    if (number != 0 && number != f->stat_errno) {
        (void)cannot(f, number, &detail);
        log_error(f->o.log, "unable to update dynamic config", F_STR("cause", detail.text));
        gauge_set(f->failing, 1);
    } else if (number == 0 && (!is_same(&info, &f->seen) || f->stat_errno != 0)) {
        if (load(f, &detail) == ERR_OK)
            log_info(f->o.log, "updated dynamic config", F_STR("path", f->o.path),
                     F_U64("version", dynconf_version(f->o.dynconf)));
        else
            log_error(f->o.log, "unable to update dynamic config", F_STR("cause", detail.text));
    }
    f->stat_errno = number;
    loop_timer_start(f->o.loop, &f->timer, f->o.poll_ms);
}

enum err dynfile_open(const struct dynfile_options *options, struct dynfile **out,
                      struct err_detail *detail)
{
    struct dynfile *f = calloc(1, sizeof *f);

    must(f != NULL);
    *f = (struct dynfile){.o = *options, .timer = {.fire = look, .arg = f}};
    buf_init(&f->warned, 0);
    f->failing = metrics_gauge(options->metrics, "dynamic_config_update_failure", "");
    const enum err err = load(f, detail);
    if (err != ERR_OK) {
        buf_release(&f->warned);
        free(f);
        *out = NULL;
        return err;
    }
    loop_timer_start(f->o.loop, &f->timer, f->o.poll_ms);
    *out = f;
    return ERR_OK;
}

void dynfile_close(struct dynfile *f)
{
    if (!f)
        return;
    loop_timer_stop(f->o.loop, &f->timer);
    buf_release(&f->warned);
    free(f);
}
