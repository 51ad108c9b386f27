/* mesh_tcp_test.c - the mesh over TCP: as over socket files, and what only TCP has: a port that is
 * told, an address that another process takes over, rubbish from whoever can connect. */
#include "common/base/rng.h"
#include "common/mesh/mesh_fixture.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <nng/nng.h>
#include <nng/protocol/pipeline0/push.h>
#include <sys/socket.h>

const char *__lsan_default_suppressions(void); /* LeakSanitizer asks for it */
const char *__lsan_default_suppressions(void)
{
    return "leak:libnng"; /* 1.5.2 leaks peers that go in mid-greeting, and their listener */
}

static void tcp_pair(struct world *world)
{
    world_open(world);
    world->listen = "tcp://127.0.0.1:0";
    node_open(world, 0, ROLE_FRONTEND);
    node_open(world, 1, ROLE_HISTORY);
    run_until(world, both_up);
}

static const char *address_of(const struct node *asker, const struct node *node, char out[320])
{
    struct mesh_peer *peer = mesh_peer_get(asker->mesh, mesh_self(node->mesh), false);

    must(peer != NULL);
    snprintf(out, 320, "%s", peer->member.address);
    mesh_peer_unref(peer);
    return out;
}

static int connect_raw(const char *url)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_port = htons((uint16_t)strtoul(strrchr(url, ':') + 1, NULL, 10));
    must(fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) == 0);
    return fd;
}

static size_t sockets_in(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    size_t count = 0;

    must(dir != NULL);
    while ((entry = readdir(dir)) != NULL)
        count += strstr(entry->d_name, ".sock") != NULL;
    closedir(dir);
    return count;
}

TEST(mesh_tcp_calls_are_answered)
{
    struct world world;
    char url[320];

    tcp_pair(&world);
    check(strncmp(address_of(&world.nodes[0], &world.nodes[1], url), "tcp://127.0.0.1:", 16) == 0);
    check(strcmp(strrchr(url, ':'), ":0") != 0);
    check_i64(sockets_in(world.dir), 0);
    ask(&world, &world.nodes[0], ROLE_HISTORY, 2, 10000);
    run_until(&world, one_reply);
    check_i64(world.errs[ERR_OK], 1);
    check_slice(buf_slice(&world.body), SLICE_LIT("hello there"));
    world_close(&world);
}

TEST(mesh_tcp_and_socket_files_side_by_side)
{
    struct world world;

    world_open(&world);
    node_open(&world, 0, ROLE_FRONTEND);
    world.listen = "tcp://127.0.0.1:0";
    node_open(&world, 1, ROLE_HISTORY);
    run_until(&world, both_up);
    ask(&world, &world.nodes[0], ROLE_HISTORY, 0, 10000);
    run_until(&world, one_reply);
    check_i64(world.errs[ERR_OK], 1);
    world_close(&world);
}

static bool one_down_one_up(const struct world *world)
{
    return world->nodes[0].downs >= 1 && world->nodes[0].ups >= 2;
}

TEST(mesh_tcp_restarted_process_has_a_new_address)
{
    struct world world;
    char before[320], after[320];

    tcp_pair(&world);
    address_of(&world.nodes[0], &world.nodes[1], before);
    const uint64_t process = mesh_self(world.nodes[1].mesh);
    node_close(&world.nodes[1]);
    node_open(&world, 1, ROLE_HISTORY);
    run_until(&world, one_down_one_up);
    address_of(&world.nodes[0], &world.nodes[1], after);
    check(process != mesh_self(world.nodes[1].mesh));
    ask(&world, &world.nodes[0], ROLE_HISTORY, 0, 10000);
    run_until(&world, one_reply);
    check_i64(world.errs[ERR_OK], 1);
    world_close(&world);
}

TEST(mesh_tcp_beyond_loopback_must_be_asked_for)
{
    struct world world;
    struct err_detail detail = {{0}, NULL, {0}};
    struct mesh *mesh;

    world_open(&world);
    struct metrics *metrics = metrics_new();
    const struct mesh_options options = {.role = ROLE_TIMERS,
                                         .run_dir = world.dir,
                                         .transport = {.listen = "tcp://0.0.0.0:0"},
                                         .clock = &clock_real,
                                         .log = &world.log,
                                         .metrics = metrics};
    check_err(mesh_open(&options, &mesh, &detail), ERR_INVALID);
    check(mesh == NULL && strstr(detail.text, "mesh.insecure") != NULL);
    metrics_free(metrics);
    world_close(&world);
}

TEST(mesh_tcp_taken_port_is_a_clear_error)
{
    struct world world;
    struct err_detail detail = {{0}, NULL, {0}};
    struct mesh *mesh;
    char url[320];

    tcp_pair(&world);
    struct metrics *metrics = metrics_new();
    const struct mesh_options options = {
        .role = ROLE_TIMERS,
        .run_dir = world.dir,
        .transport = {.listen = address_of(&world.nodes[0], &world.nodes[1], url)},
        .clock = &clock_real,
        .log = &world.log,
        .metrics = metrics};
    check_err(mesh_open(&options, &mesh, &detail), ERR_IO);
    check(strstr(detail.text, url) != NULL);
    metrics_free(metrics);
    world_close(&world);
}

/* An address may be that of another process than before: what was meant for the old one is not
 * taken for ours, nor does it disturb the numbers of the sender's real messages. */
TEST(mesh_tcp_message_for_another_process_is_not_looked_at)
{
    struct world world;
    uint8_t bytes[MESH_HEADER_BYTES];
    nng_socket socket;
    char url[320];

    tcp_pair(&world);
    const struct mesh_header header = {.version = MESH_WIRE_VERSION,
                                       .process = mesh_self(world.nodes[0].mesh),
                                       .role = ROLE_FRONTEND,
                                       .to = mesh_self(world.nodes[1].mesh) ^ 1,
                                       .number = 1000};
    mesh_header_write(bytes, &header);
    must(nng_push0_open(&socket) == 0);
    must(nng_dial(socket, address_of(&world.nodes[0], &world.nodes[1], url), NULL, 0) == 0);
    for (int i = 0; i < 100; i++)
        must(nng_send(socket, bytes, sizeof bytes, 0) == 0);
    ask(&world, &world.nodes[0], ROLE_HISTORY, 0, 20000);
    run_until(&world, one_reply);
    check_i64(world.errs[ERR_OK], 1);
    check_i64(node_metric(&world.nodes[1], "gnomon_mesh_peer_resets"), 0);
    nng_close(socket);
    world_close(&world);
}

/* Raw bytes of every kind, connections that say nothing or half of something: the mesh serves on.
 */
TEST(mesh_tcp_hostile_connections_take_nothing_away)
{
    static const uint8_t greeting[8] = {0, 'S', 'P', 0, 0, 0x50, 0, 0};
    static const uint8_t giant[8] = {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t part[8] = {0, 0, 0, 0, 0, 0x10, 0, 0}; /* 1 MB to come */
    enum { KINDS = 6, EACH = 8 };
    int fds[KINDS * EACH];
    struct world world;
    struct rng rng;
    char url[320];

    tcp_pair(&world);
    rng_seed(&rng, 9);
    address_of(&world.nodes[0], &world.nodes[1], url);
    for (int i = 0; i < KINDS * EACH; i++) {
        uint8_t bytes[300];

        fds[i] = connect_raw(url);
        for (size_t j = 0; j < sizeof bytes; j++)
            bytes[j] = (uint8_t)rng_u64(&rng);
        switch (i % KINDS) {
        case 0: /* nothing at all */
            break;
        case 1: /* half of a greeting */
            check(send(fds[i], greeting, 4, MSG_NOSIGNAL) == 4);
            break;
        case 2: /* noise */
            check(send(fds[i], bytes, sizeof bytes, MSG_NOSIGNAL) == sizeof bytes);
            break;
        case 3: /* a greeting, and a message of an impossible size */
            check(send(fds[i], greeting, 8, MSG_NOSIGNAL) == 8);
            (void)send(fds[i], giant, 8, MSG_NOSIGNAL);
            break;
        case 4: /* a message of which a part comes, and no more */
            check(send(fds[i], greeting, 8, MSG_NOSIGNAL) == 8);
            (void)send(fds[i], part, 8, MSG_NOSIGNAL);
            (void)send(fds[i], bytes, sizeof bytes, MSG_NOSIGNAL);
            break;
        default: /* a greeting, and gone */
            check(send(fds[i], greeting, 8, MSG_NOSIGNAL) == 8);
            close(fds[i]);
            fds[i] = -1;
            break;
        }
    }
    for (int i = 0; i < 50; i++) {
        world.replies = 0;
        ask(&world, &world.nodes[0], ROLE_HISTORY, 0, 20000);
        run_until(&world, one_reply);
    }
    check_i64(world.errs[ERR_OK], 50);
    check_i64(node_metric(&world.nodes[1], "gnomon_mesh_peer_resets"), 0);
    /* One who comes now is heard, too: at once or when the inbox listens anew. */
    world.nodes[1].ups = 0;
    node_open(&world, 2, ROLE_FRONTEND);
    world.replies = 0;
    ask(&world, &world.nodes[2], ROLE_HISTORY, 0, 20000);
    run_until(&world, one_reply);
    check_i64(world.errs[ERR_OK] + world.errs[ERR_PEER_RESET], 51);
    for (int i = 0; i < KINDS * EACH; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    world_close(&world);
}
