/* fuzz.c - tries a target with seeds and with what becomes of them, and keeps what reaches new
 * code.
 *
 * Where the code under it was built to tell (VARIANT=fuzz: trace-pc), inputs that reach new edges
 * are kept and changed further; otherwise every input comes from the seeds. An input that crashes,
 * hangs or fails a check is written to a file, which can be tried alone: `fuzz_x --input FILE`.
 *
 * usage: fuzz_x SEEDS [--runs N] [--seed N] [--keep FILE] | fuzz_x --input FILE
 * A line of SEEDS is one input; \n and \\ in it are escapes. */
#include "tests/fuzz/fuzz.h"

#include "common/base/buf.h"
#include "common/base/rng.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUT_MAX = 4096, KEPT_MAX = 20000, EDGES = 1 << 16, HANG_S = 20, SHOW_EVERY = 100000 };

struct input {
    uint8_t *bytes;
    size_t len;
};

static struct input kept[KEPT_MAX];
static size_t kept_count, seed_count;
static uint8_t current[INPUT_MAX];
static size_t current_len;
static const char *keep_path = "fuzz-failed";
static uint8_t edges[EDGES]; /* reached by the present input */
static uint8_t reached[EDGES];
static uintptr_t last_edge;

/* ---- what the compiler calls ---- */

void __sanitizer_cov_trace_pc(void);
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

__attribute__((no_sanitize_coverage, no_sanitize("address", "undefined"))) void
__sanitizer_cov_trace_pc(void)
{
    const uintptr_t here = (uintptr_t)__builtin_return_address(0);

    edges[(here ^ last_edge) % EDGES] = 1;
    last_edge = here >> 1;
}

/* Did the present input reach what none before it has? */
static bool is_new(void)
{
    bool found = false;

    for (size_t i = 0; i < EDGES; i++)
        if (edges[i] && !reached[i])
            reached[i] = found = true;
    return found;
}

/* ---- failures ---- */

static void save_input(void)
{
    FILE *file = fopen(keep_path, "wb");

    if (file) {
        fwrite(current, 1, current_len, file);
        fclose(file);
        fprintf(stderr, "the input is in %s\n", keep_path);
    }
}

static void on_signal(int number)
{
    fprintf(stderr, "%s\n", number == SIGALRM ? "an input takes too long" : "aborted");
    save_input();
    _exit(1);
}

void fuzz_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    save_input();
    _exit(1);
}

/* ---- inputs ---- */

static void keep(const uint8_t *bytes, size_t len)
{
    if (kept_count == KEPT_MAX)
        return;
    struct input *input = &kept[kept_count++];

    input->bytes = malloc(len + 1);
    must(input->bytes != NULL);
    memcpy(input->bytes, bytes, len);
    input->len = len;
}

static void read_seeds(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *line = NULL;
    size_t room = 0;
    ssize_t len;

    if (!file)
        fuzz_fail("no seeds in %s", path);
    while ((len = getline(&line, &room, file)) > 0) {
        uint8_t bytes[INPUT_MAX];
        size_t n = 0;

        for (ssize_t i = 0; i < len && line[i] != '\n' && n < INPUT_MAX; i++) {
            const bool escaped = line[i] == '\\' && (line[i + 1] == 'n' || line[i + 1] == '\\');

            bytes[n++] = (uint8_t)(!escaped ? line[i] : line[i + 1] == 'n' ? '\n' : '\\');
            i += escaped;
        }
        keep(bytes, n);
    }
    free(line);
    fclose(file);
    seed_count = kept_count;
}

static const struct input *any_input(struct rng *rng)
{
    /* What was found lately leads on. */
    if (kept_count > seed_count && rng_below(rng, 2) == 0)
        return &kept[kept_count - 1 - rng_below(rng, kept_count - seed_count) / 2];
    return &kept[rng_below(rng, kept_count)];
}

/* Put `len` bytes in the place of `gone` ones. */
static void replace(size_t at, size_t gone, const uint8_t *bytes, size_t len)
{
    if (current_len - gone + len > INPUT_MAX)
        return;
    memmove(current + at + len, current + at + gone, current_len - at - gone);
    memcpy(current + at, bytes, len);
    current_len += len - gone;
}

static void change_once(struct rng *rng)
{
    static const uint64_t numbers[] = {0, 1, 0x7f, 0x80, 0xff, UINT32_MAX, INT64_MAX, UINT64_MAX};
    const size_t at = rng_below(rng, current_len + 1);
    const size_t rest = current_len - at;
    const struct input *other = any_input(rng);
    uint8_t bytes[INPUT_MAX];
    size_t from, len;

    switch (rng_below(rng, 7)) {
    case 0: /* one byte, any */
        bytes[0] = (uint8_t)rng_u64(rng);
        replace(at, rest > 0, bytes, 1);
        return;
    case 1: /* one bit */
        if (rest > 0)
            current[at] ^= (uint8_t)(1U << rng_below(rng, 8));
        return;
    case 2: /* take some away */
        replace(at, rng_below(rng, (rest < 16 ? rest : 16) + 1), bytes, 0);
        return;
    case 3: /* some of it again */
        len = rng_below(rng, (rest < 64 ? rest : 64) + 1);
        memcpy(bytes, current + at, len);
        replace(at, 0, bytes, len);
        return;
    case 4: /* a number at the edge */
        len = (size_t)snprintf((char *)bytes, sizeof bytes, "%llu",
                               (unsigned long long)numbers[rng_below(rng, COUNT_OF(numbers))]);
        replace(at, 0, bytes, len);
        return;
    default: /* a piece of another */
        from = rng_below(rng, other->len + 1);
        len = rng_below(rng, (other->len - from < 48 ? other->len - from : 48) + 1);
        replace(at, rng_below(rng, (rest < 8 ? rest : 8) + 1), other->bytes + from, len);
        return;
    }
}

/* ---- */

static void try_current(void)
{
    memset(edges, 0, sizeof edges);
    last_edge = 0;
    alarm(HANG_S);
    fuzz_one(slice_of(current, current_len));
    alarm(0);
}

static int try_file(const char *path)
{
    FILE *file = fopen(path, "rb");

    if (!file)
        fuzz_fail("no %s", path);
    current_len = fread(current, 1, sizeof current, file);
    fclose(file);
    keep_path = "/dev/null";
    try_current();
    puts("nothing is wrong with it");
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t runs = 100000, seed = 1;
    struct rng rng;

    if (argc < 2)
        fuzz_fail("usage: %s SEEDS [--runs N] [--seed N] [--keep FILE]", argv[0]);
    signal(SIGABRT, on_signal);
    signal(SIGALRM, on_signal);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(save_input);
    if (strcmp(argv[1], "--input") == 0 && argc == 3)
        return try_file(argv[2]);
    for (int i = 2; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--runs") == 0)
            runs = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--keep") == 0)
            keep_path = argv[i + 1];
        else
            fuzz_fail("what is %s?", argv[i]);
    }
    read_seeds(argv[1]);
    rng_seed(&rng, seed);
    for (uint64_t run = 0; run < runs; run++) {
        const struct input *base = run < seed_count ? &kept[run] : any_input(&rng);

        memcpy(current, base->bytes, base->len);
        current_len = base->len;
        if (run >= seed_count)
            for (uint64_t n = 1 + rng_below(&rng, 6); n > 0; n--)
                change_once(&rng);
        try_current();
        if (is_new() && run >= seed_count)
            keep(current, current_len);
        if (run % SHOW_EVERY == SHOW_EVERY - 1)
            fprintf(stderr, "%llu inputs, %zu kept\n", (unsigned long long)run + 1, kept_count);
    }
    printf("%s: 1 passed, 0 failed (%llu inputs, %zu of them kept)\n", strrchr(argv[0], '/') + 1,
           (unsigned long long)runs, kept_count);
    for (size_t i = 0; i < kept_count; i++)
        free(kept[i].bytes);
    return 0;
}
