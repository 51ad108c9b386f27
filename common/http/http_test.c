/* http_test.c - the client against a server on loopback that misbehaves as its URLs say. */
#include "common/http/http.h"

#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_MAX = 65536, CONNECTIONS_MAX = 64, HUGE_BYTES = 4 * 1024 * 1024 };

/* -- the server: one connection after the other, each until its client leaves ------------------ */

struct server {
    int fd, port;
    pthread_t thread, held[CONNECTIONS_MAX];
    int held_count;
};

static bool say(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        const ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        len -= (size_t)sent;
    }
    return true;
}

static bool say_text(int fd, const char *text)
{
    return say(fd, text, strlen(text));
}

/* A whole request: its head and as much body as it announces. */
static size_t hear(int fd, char *request)
{
    size_t len = 0;

    for (;;) {
        request[len] = '\0';
        const char *end = strstr(request, "\r\n\r\n");
        const char *length = strcasestr(request, "content-length: ");
        if (end && (!length || len >= (size_t)(end + 4 - request) + strtoul(length + 16, NULL, 10)))
            return len;
        const ssize_t got = recv(fd, request + len, REQUEST_MAX - 1 - len, 0);
        if (got <= 0)
            return 0;
        len += (size_t)got;
    }
}

static void echo(int fd, const char *request, size_t len)
{
    char head[128];

    snprintf(head, sizeof head,
             "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", len);
    (void)(say_text(fd, head) && say(fd, request, len));
}

static void huge(int fd)
{
    static char block[65536];

    if (!say_text(fd, "HTTP/1.1 200 OK\r\n\r\n"))
        return;
    for (size_t i = 0; i < HUGE_BYTES; i += sizeof block)
        if (!say(fd, block, sizeof block))
            return;
}

static void hold(int fd)
{
    char byte;

    while (recv(fd, &byte, 1, 0) > 0) /* until the client gives up */
        continue;
}

static void reset(int fd)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

static void *serve(void *arg)
{
    const int fd = (int)(intptr_t)arg;
    char *request = malloc(REQUEST_MAX);
    bool more = true;

    must(request != NULL);
    for (size_t len; more && (len = hear(fd, request)) > 0;) {
        more = false;
        if (strncmp(request, "POST /echo ", 11) == 0) {
            echo(fd, request, len);
            more = true;
        } else if (strncmp(request, "POST /silent ", 13) == 0) {
            hold(fd);
        } else if (strncmp(request, "POST /slow ", 11) == 0) {
            if (say_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab"))
                hold(fd);
        } else if (strncmp(request, "POST /broken ", 13) == 0) {
            (void)say_text(fd, "HTTP/1.1 500 Oh No\r\nContent-Length: 10\r\n\r\nab");
        } else if (strncmp(request, "POST /reset ", 12) == 0) {
            reset(fd);
        } else if (strncmp(request, "POST /leave ", 12) == 0) {
            /* nothing */
        } else if (strncmp(request, "POST /huge ", 11) == 0) {
            huge(fd);
        } else if (strncmp(request, "POST /moved ", 12) == 0) {
            more = say_text(fd, "HTTP/1.1 307 Temporary Redirect\r\nLocation: /echo\r\n"
                                "Content-Length: 0\r\n\r\n");
        } else {
            more = say_text(fd, "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n"
                                "Nexus-Request-Retryable: true\r\nContent-Length: 2\r\n\r\n{}");
        }
    }
    close(fd);
    free(request);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct server *server = arg;
    int fd;

    while ((fd = accept(server->fd, NULL, NULL)) >= 0 && server->held_count < CONNECTIONS_MAX)
        must(pthread_create(&server->held[server->held_count++], NULL, serve,
                            (void *)(intptr_t)fd) == 0);
    return NULL;
}

static int listener(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    must(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void server_start(struct server *server)
{
    *server = (struct server){0};
    server->fd = listener(&server->port);
    must(listen(server->fd, 16) == 0);
    must(pthread_create(&server->thread, NULL, accept_all, server) == 0);
}

/* When the clients are gone. */
static void server_stop(struct server *server)
{
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    for (int i = 0; i < server->held_count; i++)
        pthread_join(server->held[i], NULL);
    close(server->fd);
}

/* -- the client ------------------------------------------------------------------------------ */

struct told {
    struct loop *loop;
    int calls, want;
    enum err err;
    int status;
    char text[512], reason[64], content_type[64], retryable[64];
    char body[REQUEST_MAX];
    size_t body_len;
};

static void on_done(void *arg, const struct http_answer *answer)
{
    struct told *told = arg;

    check(loop_is_current(told->loop));
    told->err = answer->err;
    told->status = answer->status;
    snprintf(told->text, sizeof told->text, "%s", answer->text);
    snprintf(told->reason, sizeof told->reason, "%s", answer->reason);
    snprintf(told->content_type, sizeof told->content_type, "%s", answer->content_type);
    snprintf(told->retryable, sizeof told->retryable, "%s", answer->retryable);
    told->body_len = answer->body.len < REQUEST_MAX - 1 ? answer->body.len : REQUEST_MAX - 1;
    if (told->body_len)
        memcpy(told->body, answer->body.ptr, told->body_len);
    told->body[told->body_len] = '\0';
    if (++told->calls == told->want)
        loop_stop(told->loop);
}

struct fixture {
    struct server server;
    struct loop *loop;
    struct http_client *client;
    struct told told;
};

static void begin(struct fixture *f, const struct http_options *options)
{
    memset(f, 0, sizeof *f);
    server_start(&f->server);
    f->loop = loop_new("http-test");
    f->client = http_client_new(f->loop, options);
    f->told.loop = f->loop;
}

static void end(struct fixture *f)
{
    http_client_free(f->client);
    loop_free(f->loop);
    server_stop(&f->server);
}

static enum err post(struct fixture *f, const char *path, int64_t timeout_ms, uint64_t *id)
{
    static const struct http_header headers[] = {{"Content-Type", "application/json"},
                                                 {"X-Two", "2"},
                                                 {"Content-Length", "7"},
                                                 {"X-Evil", "a\r\nX-Smuggled: 1"},
                                                 {"X-Empty", ""}};
    char url[128];

    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", f->server.port, path);
    const struct http_request request = {.url = url,
                                         .headers = headers,
                                         .header_count = COUNT_OF(headers),
                                         .body = SLICE_LIT("{\"a\":1}"),
                                         .timeout_ms = timeout_ms,
                                         .done = on_done,
                                         .arg = &f->told};
    return http_post(f->client, &request, id);
}

static void run(struct fixture *f, int answers)
{
    f->told.calls = 0;
    f->told.want = answers;
    loop_run(f->loop);
    check_i64(f->told.calls, answers);
}

static void post_and_wait(struct fixture *f, const char *path, int64_t timeout_ms)
{
    uint64_t id;

    check_ok(post(f, path, timeout_ms, &id));
    run(f, 1);
}

TEST(test_http_posts_what_it_is_given)
{
    struct fixture f;

    begin(&f, &(struct http_options){0});
    for (int i = 0; i < 3; i++) {
        post_and_wait(&f, "/echo", 10000);
        check_ok(f.told.err);
        check_i64(f.told.status, 200);
        check_str(f.told.reason, "200 OK");
        check_str(f.told.content_type, "text/plain");
        check(strncmp(f.told.body, "POST /echo HTTP/1.1\r\n", 21) == 0);
        check(strstr(f.told.body, "\r\nX-Two: 2\r\n") != NULL);
        check(strstr(f.told.body, "\r\nContent-Type: application/json\r\n") != NULL);
        check(strstr(f.told.body, "X-Smuggled") == NULL);
        check(strstr(f.told.body, "\r\nX-Empty:") != NULL);
        check(strstr(f.told.body, "Accept") == NULL && strstr(f.told.body, "Expect") == NULL);
        check(strstr(f.told.body, "\r\n\r\n{\"a\":1}") != NULL);
    }
    check_i64(f.server.held_count, 1); /* one connection served them all */
    end(&f);
}

TEST(test_http_tells_what_an_answer_says)
{
    struct fixture f;

    begin(&f, &(struct http_options){0});
    post_and_wait(&f, "/nothing", 10000);
    check_ok(f.told.err);
    check_i64(f.told.status, 404);
    check_str(f.told.reason, "404 Not Found");
    check_str(f.told.content_type, "application/json");
    check_str(f.told.retryable, "true");
    check_str(f.told.body, "{}");
    post_and_wait(&f, "/moved", 10000); /* not followed */
    check_i64(f.told.status, 307);
    end(&f);
}

TEST(test_http_survives_servers_that_misbehave)
{
    static const struct {
        const char *path;
        int64_t timeout_ms;
        enum err err;
        int status;
        const char *text;
    } cases[] = {
        {"/silent", 50, ERR_TIMEOUT, 0, "context deadline exceeded"},
        {"/slow", 50, ERR_TIMEOUT, 200, "context deadline exceeded"},
        {"/broken", 10000, ERR_IO, 500, "unexpected EOF"},
        {"/leave", 10000, ERR_IO, 0, "EOF"},
        {"/reset", 10000, ERR_IO, 0, "connection reset by peer"},
        {"/huge", 10000, ERR_OK, 200, ""},
    };
    struct fixture f;

    begin(&f, &(struct http_options){.answer_bytes_max = 1000});
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        post_and_wait(&f, cases[i].path, cases[i].timeout_ms);
        check_err(f.told.err, cases[i].err);
        check_i64(f.told.status, cases[i].status);
        check(strstr(f.told.text, cases[i].text) != NULL);
        check(f.told.body_len <= 1000);
    }
    check_i64(f.told.body_len, 1000);
    end(&f);
}

TEST(test_http_names_a_destination_that_is_down)
{
    struct fixture f;
    char want[64];
    int port;
    const int fd = listener(&port); /* bound, not listening: nobody else gets the port */

    begin(&f, &(struct http_options){0});
    const int server_port = f.server.port;
    f.server.port = port;
    post_and_wait(&f, "/echo", 10000);
    check_err(f.told.err, ERR_UNAVAILABLE);
    snprintf(want, sizeof want, "dial tcp 127.0.0.1:%d: connect: connection refused", port);
    check_str(f.told.text, want);
    f.server.port = server_port;
    post_and_wait(&f, "/echo", 10000);
    check_ok(f.told.err);
    close(fd);
    end(&f);
}

TEST(test_http_refuses_other_urls)
{
    static const char *const urls[] = {"file:///etc/passwd", "ftp://127.0.0.1/", "http://", "x"};
    struct fixture f;

    begin(&f, &(struct http_options){0});
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        const struct http_request request = {
            .url = urls[i], .timeout_ms = 5000, .done = on_done, .arg = &f.told};
        uint64_t id;

        check_ok(http_post(f.client, &request, &id));
        run(&f, 1);
        check(f.told.err != ERR_OK);
        check_i64(f.told.status, 0);
    }
    end(&f);
}

TEST(test_http_is_bounded)
{
    struct fixture f;
    uint64_t id;

    begin(&f, &(struct http_options){.active_max = 2, .queued_max = 3});
    for (int i = 0; i < 5; i++)
        check_ok(post(&f, "/echo", 10000, &id));
    check_err(post(&f, "/echo", 10000, &id), ERR_BUSY);
    run(&f, 5);
    check(f.server.held_count <= 2);
    check_ok(post(&f, "/echo", 10000, &id));
    run(&f, 1);
    end(&f);
}

TEST(test_http_forgets_what_is_canceled)
{
    struct fixture f;
    uint64_t silent, waiting, id;

    begin(&f, &(struct http_options){.active_max = 1});
    check_ok(post(&f, "/silent", 60000, &silent));
    check_ok(post(&f, "/silent", 60000, &waiting));
    check_ok(post(&f, "/echo", 10000, &id));
    http_cancel(f.client, waiting);
    http_cancel(f.client, silent);
    http_cancel(f.client, silent);
    run(&f, 1);
    check_i64(f.told.status, 200);
    check_ok(post(&f, "/silent", 60000, &silent)); /* under way at the end */
    end(&f);
}
