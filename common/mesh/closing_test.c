/* closing_test.c - an outbox that is closed in the middle of large messages: it may not be possible
 * to end it, but nobody waits for that for ever. Alone in its program, because what nng 1.5.2
 * leaves behind then holds up every later end. */
#include "common/base/clock.h"
#include "common/mesh/closing.h"
#include "common/mesh/inbox.h"
#include "common/mesh/outbox.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BODY_BYTES = 1000 * 1000 };

const char *__lsan_default_suppressions(void); /* LeakSanitizer asks for it */
const char *__lsan_default_suppressions(void)
{
    return "leak:libnng\nleak:mesh_outbox\nleak:mesh_inbox\nleak:mesh_socket_close\n";
}

static int64_t no_version(void *arg)
{
    UNUSED(arg);
    return 0;
}

static void on_message(void *arg, struct mesh_inmsg *msg)
{
    UNUSED(arg);
    UNUSED(msg);
}

TEST(outbox_closes_in_bounded_time_in_the_middle_of_large_messages)
{
    const struct outbox_options options = {.process = 7, .metadata_version = no_version};
    const struct envelope cast = {.kind = ENVELOPE_CAST};
    char dir[] = "/tmp/gnomon-closing-XXXXXX", url[80];
    struct err_detail detail = {{0}, NULL, {0}};
    uint8_t *body = calloc(1, BODY_BYTES);
    bool ended = true;

    must(mkdtemp(dir) != NULL && body != NULL);
    snprintf(url, sizeof url, "ipc://%s/s", dir);
    const struct slice part = slice_of(body, BODY_BYTES);
    for (int i = 0; i < 20 && ended; i++) {
        struct mesh_outbox *outbox;
        struct mesh_inbox *inbox;

        check_ok(mesh_inbox_open(url, 2 * BODY_BYTES, on_message, NULL, &inbox, &detail));
        mesh_inbox_start(inbox);
        check_ok(mesh_outbox_open(&options, url, &outbox, &detail));
        for (int j = 0; j < 50; j++)
            check(mesh_outbox_post(outbox, &cast, &part, 1));
        mesh_outbox_flush(outbox, clock_mono_ns(&clock_real) + 5 * NS_PER_MS);
        const int64_t begin_ns = clock_mono_ns(&clock_real);
        ended = mesh_outbox_close(outbox) && mesh_inbox_close(inbox);
        check(clock_mono_ns(&clock_real) - begin_ns < 5 * MESH_CLOSE_MS * NS_PER_MS);
    }
    free(body);
    unlink(url + 6);
    rmdir(dir);
}
