/* http.c - see http.h.
 *
 * 1. libcurl says which sockets it wants watched and when it wants to be called (on_socket,
 *    on_timer); the loop calls back (on_ready, on_time). Nothing else drives it.
 * 2. A call is in exactly one list: waiting or active. It ends by finish() or http_cancel().
 * 3. A watcher outlives its socket by one turn of the loop: libuv closes handles later. */
#include "common/http/http.h"

#include "common/base/buf.h"
#include "common/base/list.h"
#include "common/base/map.h"
#include "common/http/curl_library.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

enum {
    ACTIVE_MAX = 64,
    QUEUED_MAX = 1024,
    ANSWER_BYTES_MAX = 64 * 1024,
    HEAD_TEXT_MAX = 256, /* of a header that is kept */
    IDLE_CONNECTIONS_MAX = 64,
};

struct http_client {
    struct loop *loop;
    struct http_options options;
    CURLM *multi;
    struct loop_timer timer;
    struct list waiting, active;
    uint32_t waiting_count, active_count;
    struct map by_id;
    uint64_t last_id;
    bool closing;
};

struct call {
    struct list node;
    struct map_node by_id;
    struct http_client *client;
    uint64_t id;
    CURL *easy; /* NULL: it waits for its turn */
    struct curl_slist *headers;
    char *url;
    struct buf request, answer;
    bool cut; /* the answer is longer than is wanted */
    char reason[HEAD_TEXT_MAX], content_type[HEAD_TEXT_MAX], retryable[HEAD_TEXT_MAX];
    int64_t timeout_ms;
    http_done_fn done;
    void *arg;
};

struct watcher {
    uv_poll_t poll; /* first: uv gives it back */
    struct http_client *client;
    curl_socket_t fd;
};

/* Its functions, called with the names that they have there, but for the prefix. */
static const struct curl_library *curl(void)
{
    return curl_library_get();
}

static void call_free(struct call *call)
{
    struct http_client *client = call->client;

    list_remove(&call->node);
    map_remove(&client->by_id, &call->by_id);
    if (call->easy) {
        curl()->multi_remove_handle(client->multi, call->easy);
        curl()->easy_cleanup(call->easy);
        client->active_count--;
    } else {
        client->waiting_count--;
    }
    curl()->slist_free_all(call->headers);
    buf_release(&call->request);
    buf_release(&call->answer);
    free(call->url);
    free(call);
}

/* -- the answer ------------------------------------------------------------------------------ */

static void keep_text(char out[HEAD_TEXT_MAX], const char *text, size_t len)
{
    while (len > 0 && isspace((unsigned char)*text)) {
        text++;
        len--;
    }
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    if (len >= HEAD_TEXT_MAX)
        len = HEAD_TEXT_MAX - 1;
    memcpy(out, text, len);
    out[len] = '\0';
}

static bool header_is(const char *line, size_t len, const char *name)
{
    const size_t name_len = strlen(name);

    return len > name_len && strncasecmp(line, name, name_len) == 0 && line[name_len] == ':';
}

/* One line of the head; a status line begins a new one (100 Continue comes before the answer). */
static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
    struct call *call = arg;
    const size_t len = size * count;

    if (len > 5 && memcmp(line, "HTTP/", 5) == 0) {
        const char *space = memchr(line, ' ', len);
        const size_t at = space ? (size_t)(space - line) : len;

        keep_text(call->reason, line + at, len - at);
        call->content_type[0] = call->retryable[0] = '\0';
    } else if (header_is(line, len, "content-type")) {
        keep_text(call->content_type, line + 13, len - 13);
    } else if (header_is(line, len, "nexus-request-retryable")) {
        keep_text(call->retryable, line + 24, len - 24);
    }
    return len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct call *call = arg;
    const size_t len = size * count, room = call->answer.max_bytes - call->answer.len;

    buf_append(&call->answer, bytes, len < room ? len : room);
    call->cut = len > room;
    return call->cut ? 0 : len; /* fewer than given: libcurl breaks off */
}

static const char *os_text(struct call *call, char out[128], const char *otherwise)
{
    long code = 0;

    curl()->easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &code);
    snprintf(out, 128, "%s", code ? strerror((int)code) : otherwise);
    out[0] = (char)tolower((unsigned char)out[0]);
    return out;
}

/* Host and port as a dial names them. */
static void authority(const char *url, char out[HEAD_TEXT_MAX])
{
    const char *host = strstr(url, "://");
    const bool tls = strncasecmp(url, "https", 5) == 0;

    host = host ? host + 3 : url;
    size_t len = strcspn(host, "/?#");
    const char *at = memchr(host, '@', len);
    if (at) {
        len -= (size_t)(at + 1 - host);
        host = at + 1;
    }
    const char *bracket = memchr(host, ']', len);
    const bool port =
        memchr(bracket ? bracket : host, ':', len - (bracket ? (size_t)(bracket - host) : 0));
    snprintf(out, HEAD_TEXT_MAX, "%.*s%s", (int)(len < 200 ? len : 200), host,
             port  ? ""
             : tls ? ":443"
                   : ":80");
}

static enum err why(struct call *call, CURLcode code, char text[512])
{
    char os[128], host[HEAD_TEXT_MAX];

    authority(call->url, host);
    text[0] = '\0';
    switch ((int)code) {
    case CURLE_OK:
        return ERR_OK;
    case CURLE_WRITE_ERROR:
        if (call->cut)
            return ERR_OK;
        break;
    case CURLE_OPERATION_TIMEDOUT:
        snprintf(text, 512, "context deadline exceeded");
        return ERR_TIMEOUT;
    case CURLE_COULDNT_CONNECT:
        snprintf(text, 512, "dial tcp %s: connect: %s", host,
                 os_text(call, os, "connection refused"));
        return ERR_UNAVAILABLE;
    case CURLE_COULDNT_RESOLVE_HOST:
        snprintf(text, 512, "dial tcp: lookup %.*s: no such host", (int)strcspn(host, ":"), host);
        return ERR_UNAVAILABLE;
    case CURLE_GOT_NOTHING:
        snprintf(text, 512, "EOF");
        return ERR_IO;
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        snprintf(text, 512, "read tcp %s: %s", host, os_text(call, os, "connection reset by peer"));
        return ERR_IO;
    case CURLE_PARTIAL_FILE:
        snprintf(text, 512, "unexpected EOF");
        return ERR_IO;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        snprintf(text, 512, "%s", curl()->easy_strerror(code));
        return ERR_INVALID;
    default:
        break;
    }
    snprintf(text, 512, "%s", curl()->easy_strerror(code));
    return ERR_IO;
}

static void start_waiting(struct http_client *client);

static void finish(struct call *call, CURLcode code)
{
    struct http_client *client = call->client;
    char text[512];
    long status = 0;

    if (call->easy)
        curl()->easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    const enum err err = why(call, code, text);
    const struct http_answer answer = {
        .err = err,
        .text = text,
        .status = (int)status,
        .reason = call->reason,
        .content_type = call->content_type,
        .retryable = call->retryable,
        .body = buf_slice(&call->answer),
    };
    call->done(call->arg, &answer);
    call_free(call);
    start_waiting(client);
}

static void settle(void *arg)
{
    struct http_client *client = arg;
    CURLMsg *message;
    int left;

    while ((message = curl()->multi_info_read(client->multi, &left))) {
        struct call *call;
        const CURLcode code = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl()->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
        finish(call, code);
    }
}

/* -- libcurl and the loop -------------------------------------------------------------------- */

static void act(struct http_client *client, curl_socket_t fd, int events)
{
    int running;

    (void)curl()->multi_socket_action(client->multi, fd, events, &running);
    settle(client);
}

static void on_time(void *arg)
{
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer(CURLM *multi, long delay_ms, void *arg)
{
    struct http_client *client = arg;

    UNUSED(multi);
    if (client->closing)
        return 0;
    if (delay_ms < 0)
        loop_timer_stop(client->loop, &client->timer);
    else
        loop_timer_start(client->loop, &client->timer, delay_ms);
    return 0;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    const struct watcher *watcher = poll->data;
    int what = 0;

    if (status < 0)
        what = CURL_CSELECT_ERR;
    if (events & UV_READABLE)
        what |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        what |= CURL_CSELECT_OUT;
    act(watcher->client, watcher->fd, what);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *of_socket)
{
    struct http_client *client = arg;
    struct watcher *watcher = of_socket;
    int events = 0;

    UNUSED(easy);
    if (what == CURL_POLL_REMOVE) {
        if (watcher) {
            uv_poll_stop(&watcher->poll);
            curl()->multi_assign(client->multi, fd, NULL);
            uv_close((uv_handle_t *)&watcher->poll, on_closed);
        }
        return 0;
    }
    if (!watcher) {
        watcher = calloc(1, sizeof *watcher);
        must(watcher != NULL);
        watcher->client = client;
        watcher->fd = fd;
        must(uv_poll_init(loop_uv(client->loop), &watcher->poll, fd) == 0);
        watcher->poll.data = watcher;
        curl()->multi_assign(client->multi, fd, watcher);
    }
    if (what & CURL_POLL_IN)
        events |= UV_READABLE;
    if (what & CURL_POLL_OUT)
        events |= UV_WRITABLE;
    must(uv_poll_start(&watcher->poll, events, on_ready) == 0);
    return 0;
}

/* -- requests -------------------------------------------------------------------------------- */

static CURLcode set_up(struct call *call)
{
    CURL *easy = call->easy;
    CURLcode code = CURLE_OK;
#define SET(option, value)                                                                         \
    if (code == CURLE_OK)                                                                          \
    code = curl()->easy_setopt(easy, option, value)
    SET(CURLOPT_URL, call->url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDS, call->request.len ? (const char *)call->request.ptr : "");
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->request.len);
    SET(CURLOPT_HTTPHEADER, call->headers);
    SET(CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, call);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, call);
    SET(CURLOPT_PRIVATE, call);
#undef SET
    return code;
}

/* libcurl asks for a timer of no delay when a request is added: it begins in the next turn. */
static void start_waiting(struct http_client *client)
{
    while (client->active_count < client->options.active_max && client->waiting_count > 0) {
        struct call *call = CONTAINER_OF(client->waiting.next, struct call, node);

        list_remove(&call->node);
        client->waiting_count--;
        client->active_count++;
        list_push_back(&client->active, &call->node);
        call->easy = curl()->easy_init();
        must(call->easy != NULL);
        must(set_up(call) == CURLE_OK); /* every option is one that this libcurl has */
        must(curl()->multi_add_handle(client->multi, call->easy) == CURLM_OK);
    }
}

/* Headers that frame the message are libcurl's own affair. */
static bool is_framing(const char *name)
{
    static const char *const framing[] = {"host",    "content-length", "transfer-encoding",
                                          "trailer", "connection",     "expect"};

    for (size_t i = 0; i < COUNT_OF(framing); i++)
        if (strcasecmp(name, framing[i]) == 0)
            return true;
    return false;
}

/* Line breaks would make two headers of one. */
static bool add_header(struct call *call, const char *name, const char *value)
{
    const size_t len = strlen(name) + strlen(value) + 3;
    char *line;

    if (!name[0] || is_framing(name) || strpbrk(name, ":\r\n \t") || strpbrk(value, "\r\n"))
        return false;
    line = malloc(len);
    must(line != NULL);
    snprintf(line, len, value[0] ? "%s: %s" : "%s;", name, value);
    call->headers = curl()->slist_append(call->headers, line);
    must(call->headers != NULL);
    free(line);
    return true;
}

static void add_headers(struct call *call, const struct http_request *request)
{
    static const char *const unasked[] = {"Accept:", "Expect:", "Content-Type:"};
    bool has_type = false;

    for (size_t i = 0; i < request->header_count; i++)
        if (add_header(call, request->headers[i].name, request->headers[i].value) &&
            strcasecmp(request->headers[i].name, "content-type") == 0)
            has_type = true;
    for (size_t i = 0; i < COUNT_OF(unasked) - (has_type ? 1 : 0); i++)
        call->headers = curl()->slist_append(call->headers, unasked[i]);
}

enum err http_post(struct http_client *client, const struct http_request *request, uint64_t *id)
{
    *id = 0;
    if (client->waiting_count >= client->options.queued_max)
        return ERR_BUSY;
    struct call *call = calloc(1, sizeof *call);
    must(call != NULL);
    call->client = client;
    call->id = *id = ++client->last_id;
    call->url = strdup(request->url);
    must(call->url != NULL);
    buf_init(&call->request, 0);
    buf_append_slice(&call->request, request->body);
    must(buf_ok(&call->request));
    buf_init(&call->answer, client->options.answer_bytes_max);
    call->timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : 1;
    call->done = request->done;
    call->arg = request->arg;
    add_headers(call, request);
    map_put_u64(&client->by_id, call->id, &call->by_id);
    list_push_back(&client->waiting, &call->node);
    client->waiting_count++;
    start_waiting(client);
    return ERR_OK;
}

void http_cancel(struct http_client *client, uint64_t id)
{
    struct map_node *node = map_get_u64(&client->by_id, id);

    if (!node)
        return;
    call_free(CONTAINER_OF(node, struct call, by_id));
    start_waiting(client);
}

/* -- the client ------------------------------------------------------------------------------ */

struct http_client *http_client_new(struct loop *loop, const struct http_options *options)
{
    struct http_client *client = calloc(1, sizeof *client);

    must(client != NULL);
    client->loop = loop;
    client->options = *options;
    if (client->options.active_max == 0)
        client->options.active_max = ACTIVE_MAX;
    if (client->options.queued_max == 0)
        client->options.queued_max = QUEUED_MAX;
    if (client->options.answer_bytes_max == 0)
        client->options.answer_bytes_max = ANSWER_BYTES_MAX;
    list_init(&client->waiting);
    list_init(&client->active);
    map_init(&client->by_id, 1);
    client->timer = (struct loop_timer){.fire = on_time, .arg = client};
    client->multi = curl()->multi_init();
    must(client->multi != NULL);
    curl()->multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl()->multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl()->multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl()->multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl()->multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS_MAX);
    return client;
}

static void free_all(struct list *calls)
{
    LIST_EACH_SAFE(it, tmp, calls)
    {
        call_free(CONTAINER_OF(it, struct call, node));
    }
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    client->closing = true;
    free_all(&client->active);
    free_all(&client->waiting);
    curl()->multi_cleanup(client->multi);
    loop_timer_stop(client->loop, &client->timer);
    map_release(&client->by_id);
    must(client->active_count == 0 && client->waiting_count == 0);
    free(client);
}
