/* inbox_test.c - an inbox hears new peers also after one that was killed in the middle of its
 * greeting.
 *
 * nng 1.5.2 leaks what it has of such a peer, and the listener that has met one. */
#include "common/base/clock.h"
#include "common/mesh/inbox.h"
#include "common/mesh/outbox.h"
#include "tests/lib/test.h"

#include <nng/nng.h>
#include <nng/protocol/pipeline0/push.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { PEERS_GONE = 20, TRIES = 200, TRY_MS = 100 };

const char *__lsan_default_suppressions(void); /* LeakSanitizer asks for it */
const char *__lsan_default_suppressions(void)
{
    return "leak:libnng";
}

static void on_message(void *arg, struct mesh_inmsg *msg)
{
    check_slice(mesh_inmsg_bytes(msg), SLICE_LIT("hello"));
    sem_post(arg);
}

static void connect_and_go(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    must(fd >= 0 && strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path));
    must(connect(fd, (const struct sockaddr *)&address, sizeof address) == 0);
    close(fd);
}

/* In the next tenth of a second. */
static bool comes(sem_t *heard)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += TRY_MS * NS_PER_MS;
    until.tv_sec += until.tv_nsec / NS_PER_S;
    until.tv_nsec %= NS_PER_S;
    return sem_timedwait(heard, &until) == 0;
}

/* What a peer says again and again arrives at last. */
static bool is_heard(struct mesh_inbox *inbox, nng_socket peer, sem_t *heard, size_t *healed)
{
    for (int i = 0; i < TRIES; i++) {
        char hello[] = "hello";

        *healed += mesh_inbox_heal(inbox);
        (void)nng_send(peer, hello, strlen(hello), NNG_FLAG_NONBLOCK);
        if (comes(heard))
            return true;
    }
    return false;
}

TEST(inbox_hears_new_peers_after_one_that_went_in_mid_greeting)
{
    char dir[] = "/tmp/gnomon-inbox-XXXXXX", path[64], url[80];
    struct err_detail detail = {{0}, NULL, {0}};
    struct mesh_inbox *inbox;
    size_t healed = 0;
    nng_socket peer;
    sem_t heard;

    must(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/s", dir);
    snprintf(url, sizeof url, "ipc://%s", path);
    must(sem_init(&heard, 0, 0) == 0);
    check_ok(mesh_inbox_open(url, 1000, on_message, &heard, &inbox, &detail));
    mesh_inbox_start(inbox);
    check(!mesh_inbox_heal(inbox));
    for (int i = 0; i < PEERS_GONE; i++)
        connect_and_go(path);
    must(nng_push0_open(&peer) == 0);
    must(nng_dial(peer, url, NULL, NNG_FLAG_NONBLOCK) == 0);
    check(is_heard(inbox, peer, &heard, &healed));
    check(healed <= 2);
    nng_close(peer);
    check(mesh_inbox_close(inbox));
    sem_destroy(&heard);
    rmdir(dir);
}

static int64_t no_version(void *arg)
{
    UNUSED(arg);
    return 0;
}

/* Takes connections and ends them at once, as a process does that is being killed. */
static void refuse_greetings(const char *path, int count)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    must(fd >= 0 && strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path));
    must(bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 8) == 0);
    for (int i = 0; i < count; i++) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};

        if (poll(&ready, 1, TRY_MS) != 1)
            break; /* it dials no more */
        close(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
    }
    unlink(path);
    close(fd);
}

static void on_any(void *arg, struct mesh_inmsg *msg)
{
    UNUSED(msg);
    sem_post(arg);
}

TEST(outbox_reaches_a_peer_that_was_gone_in_mid_greeting)
{
    const struct outbox_options options = {.process = 7, .metadata_version = no_version};
    const struct envelope ping = {.kind = ENVELOPE_PING, .shard = UINT32_MAX};
    char dir[] = "/tmp/gnomon-inbox-XXXXXX", path[64], url[80];
    struct err_detail detail = {{0}, NULL, {0}};
    struct mesh_outbox *outbox;
    struct mesh_inbox *inbox;
    bool reached = false;
    sem_t heard;

    must(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/s", dir);
    snprintf(url, sizeof url, "ipc://%s", path);
    must(sem_init(&heard, 0, 0) == 0);
    check_ok(mesh_outbox_open(&options, url, &outbox, &detail));
    refuse_greetings(path, 40);
    check_ok(mesh_inbox_open(url, 1000, on_any, &heard, &inbox, &detail));
    mesh_inbox_start(inbox);
    for (int i = 0; i < TRIES && !reached; i++) {
        mesh_outbox_heal(outbox);
        check(mesh_outbox_post(outbox, &ping, NULL, 0));
        reached = comes(&heard);
    }
    check(reached);
    check(mesh_outbox_close(outbox));
    check(mesh_inbox_close(inbox));
    sem_destroy(&heard);
    rmdir(dir);
}

TEST(inbox_is_left_alone_while_it_accepts)
{
    char dir[] = "/tmp/gnomon-inbox-XXXXXX", path[64], url[80];
    struct err_detail detail = {{0}, NULL, {0}};
    struct mesh_inbox *inbox;
    size_t healed = 0;
    sem_t heard;

    must(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/s", dir);
    snprintf(url, sizeof url, "ipc://%s", path);
    must(sem_init(&heard, 0, 0) == 0);
    check_ok(mesh_inbox_open(url, 1000, on_message, &heard, &inbox, &detail));
    mesh_inbox_start(inbox);
    for (int i = 0; i < 5; i++) {
        nng_socket peer;

        must(nng_push0_open(&peer) == 0);
        must(nng_dial(peer, url, NULL, 0) == 0);
        check(is_heard(inbox, peer, &heard, &healed));
        nng_close(peer);
    }
    check_i64(healed, 0);
    check(mesh_inbox_close(inbox));
    sem_destroy(&heard);
    rmdir(dir);
}
