/* ui.c - see ui.h. Spec: the official UI's server, whose place this takes. */
#include "frontend/ui/ui.h"

#include "common/base/rng.h"
#include "common/proto/json.h"
#include "frontend/http/cors.h"
#include "frontend/http/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zlib.h>

#define UI_VERSION "2.42.1"

enum { TOKEN_BYTES = 32, TOKEN_LIFE_S = 86400 };

struct ui_server {
    struct ui_options options;
};

struct ui_server *ui_server_new(const struct ui_options *options)
{
    struct ui_server *ui = calloc(1, sizeof *ui);

    must(ui != NULL);
    ui->options = *options;
    return ui;
}

void ui_server_free(struct ui_server *ui)
{
    free(ui);
}

/* ---- answers of its own ---- */

static void answer_json(struct web_request *request, unsigned status, struct buf *body)
{
    web_answer(request, status, "application/json", body);
}

static void answer_message(struct web_request *request, unsigned status, const char *text)
{
    struct buf body;

    buf_init(&body, 0);
    buf_printf(&body, "{\"message\":");
    json_put_string(&body, slice_str(text));
    buf_printf(&body, "}\n");
    answer_json(request, status, &body);
}

static void answer_settings(const struct ui_server *ui, struct web_request *request)
{
    static const char *const off[] = {
        "DisableWriteActions",      "WorkflowTerminateDisabled",    "WorkflowCancelDisabled",
        "WorkflowSignalDisabled",   "WorkflowUpdateDisabled",       "WorkflowResetDisabled",
        "BatchActionsDisabled",     "StartWorkflowDisabled",        "HideWorkflowQueryErrors",
        "ActivityCommandsDisabled", "RefreshWorkflowCountsDisabled"};
    struct buf body;
    struct json_writer w = {.out = &body, .html = true};

    buf_init(&body, 0);
    json_open(&w, '{');
    json_name(&w, SLICE_LIT("Auth"));
    json_open(&w, '{');
    json_name(&w, SLICE_LIT("Enabled"));
    json_raw(&w, "false");
    json_name(&w, SLICE_LIT("Options"));
    json_raw(&w, "null");
    json_close(&w, '}');
    json_name(&w, SLICE_LIT("BannerText"));
    json_string(&w, SLICE_EMPTY);
    json_name(&w, SLICE_LIT("DefaultNamespace"));
    json_string(&w, slice_str(ui->options.default_namespace));
    json_name(&w, SLICE_LIT("ShowTemporalSystemNamespace"));
    json_raw(&w, "false");
    json_name(&w, SLICE_LIT("FeedbackURL"));
    json_string(&w, SLICE_EMPTY);
    json_name(&w, SLICE_LIT("NotifyOnNewVersion"));
    json_raw(&w, "false");
    json_name(&w, SLICE_LIT("Codec"));
    json_open(&w, '{');
    json_name(&w, SLICE_LIT("Endpoint"));
    json_string(&w, slice_str(ui->options.codec_endpoint));
    json_name(&w, SLICE_LIT("PassAccessToken"));
    json_raw(&w, "false");
    json_name(&w, SLICE_LIT("IncludeCredentials"));
    json_raw(&w, "false");
    json_name(&w, SLICE_LIT("DefaultErrorMessage"));
    json_string(&w, SLICE_EMPTY);
    json_name(&w, SLICE_LIT("DefaultErrorLink"));
    json_string(&w, SLICE_EMPTY);
    json_close(&w, '}');
    json_name(&w, SLICE_LIT("Version"));
    json_string(&w, SLICE_LIT(UI_VERSION));
    for (size_t i = 0; i < COUNT_OF(off); i++) {
        json_name(&w, slice_str(off[i]));
        json_raw(&w, "false");
    }
    json_close(&w, '}');
    answer_json(request, 200, &body);
}

/* ---- files ---- */

static const char *type_of(struct slice path)
{
    static const struct {
        const char *ending, *type;
    } types[] = {{".js", "text/javascript; charset=utf-8"},
                 {".css", "text/css; charset=utf-8"},
                 {".html", "text/html; charset=utf-8"},
                 {".json", "application/json"},
                 {".webmanifest", "application/manifest+json"},
                 {".svg", "image/svg+xml"},
                 {".png", "image/png"},
                 {".ico", "image/x-icon"},
                 {".woff", "font/woff"},
                 {".woff2", "font/woff2"},
                 {".ttf", "font/ttf"},
                 {".mp4", "video/mp4"},
                 {".webm", "video/webm"}};

    for (size_t i = 0; i < COUNT_OF(types); i++) {
        const size_t len = strlen(types[i].ending);

        if (path.len >= len && memcmp(path.ptr + path.len - len, types[i].ending, len) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

/* Does a header's list have the word? */
static bool lists(struct slice header, const char *word)
{
    return header.len && memmem(header.ptr, header.len, word, strlen(word)) != NULL;
}

/* For a client that does not read gzip. false: the file is damaged. */
static bool unpack(const struct ui_file *file, struct buf *out)
{
    z_stream z = {0};
    union {
        const uint8_t *in;
        uint8_t *out;
    } cast = {.in = file->data.ptr};

    if (!buf_reserve(out, file->raw_bytes + 1) || inflateInit2(&z, 15 + 16) != Z_OK)
        return false;
    z.next_in = cast.out;
    z.avail_in = (unsigned)file->data.len;
    z.next_out = out->ptr;
    z.avail_out = (unsigned)file->raw_bytes + 1;
    const int result = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    out->len = file->raw_bytes;
    return result == Z_STREAM_END && z.total_out == file->raw_bytes;
}

static void answer_file(struct web_request *request, struct slice path, const struct ui_file *file)
{
    const char *tag =
        arena_printf(&request->arena, "\"%.*s\"", (int)file->tag.len, (const char *)file->tag.ptr);
    struct buf raw;

    /* Names below it have their content's hash within. */
    web_answer_header(request, "Cache-Control",
                      slice_starts_with(path, SLICE_LIT("/_app/immutable/"))
                          ? "public, max-age=31536000, immutable"
                          : "no-cache");
    web_answer_header(request, "ETag", tag);
    web_answer_header(request, "Vary", "Accept-Encoding");
    if (lists(web_header(request, "If-None-Match"), tag)) {
        web_answer_static(request, 304, NULL, SLICE_EMPTY);
        return;
    }
    if (!file->gzipped || lists(web_header(request, "Accept-Encoding"), "gzip")) {
        if (file->gzipped)
            web_answer_header(request, "Content-Encoding", "gzip");
        web_answer_static(request, 200, type_of(path), file->data);
        return;
    }
    buf_init(&raw, 0);
    if (unpack(file, &raw)) {
        web_answer(request, 200, type_of(path), &raw);
        return;
    }
    buf_release(&raw);
    answer_message(request, 500, "the file is damaged");
}

static const char no_files[] =
    "<!doctype html><title>Web UI</title><p>The Web UI's files are not here: this server was built "
    "without them. <code>scripts/fetch_ui.py build/ui.pack</code> fetches them, "
    "<code>ui.assets</code> names another place.</p>\n";

static void answer_ui(const struct ui_server *ui, struct web_request *request)
{
    const struct slice index = SLICE_LIT("/index.html");
    struct ui_file file;

    if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0)
        answer_message(request, 405, "Method Not Allowed");
    else if (!ui->options.pack)
        web_answer_static(request, 200, "text/html; charset=utf-8", slice_str(no_files));
    else if (ui_pack_find(ui->options.pack, request->path, &file))
        answer_file(request, request->path, &file);
    else if (slice_starts_with(request->path, SLICE_LIT("/_app/")))
        answer_message(request, 404, "Not Found");
    else if (ui_pack_find(ui->options.pack, index, &file)) /* the page finds its own way */
        answer_file(request, index, &file);
    else
        answer_message(request, 404, "Not Found");
}

/* ---- who may ask ---- */

static void put_cors(const struct ui_server *ui, struct web_request *request)
{
    const struct slice origin = web_header(request, "Origin");

    if (!http_cors_allows(ui->options.cors_origins, origin))
        return;
    web_answer_header(request, "Access-Control-Allow-Origin", arena_str(&request->arena, origin));
    web_answer_header(request, "Access-Control-Allow-Credentials", "true");
    web_answer_header(request, "Access-Control-Allow-Headers",
                      "Origin, Content-Type, Accept, X-CSRF-Token, Authorization, "
                      "Authorization-Extras, Caller-Type");
    web_answer_header(request, "Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS");
}

/* The value of the cookie; empty: none. */
static struct slice cookie_of(struct web_request *request, const char *name)
{
    struct slice rest = web_header(request, "Cookie");
    const size_t len = strlen(name);

    while (rest.len > 0) {
        while (rest.len > 0 && (*rest.ptr == ' ' || *rest.ptr == ';'))
            rest = slice_of(rest.ptr + 1, rest.len - 1);
        const uint8_t *end = rest.len ? memchr(rest.ptr, ';', rest.len) : NULL;
        const size_t n = end ? (size_t)(end - rest.ptr) : rest.len;

        if (n > len && memcmp(rest.ptr, name, len) == 0 && rest.ptr[len] == '=')
            return slice_of(rest.ptr + len + 1, n - len - 1);
        rest = slice_of(rest.ptr + n, rest.len - n);
    }
    return SLICE_EMPTY;
}

static bool is_token(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!((text.ptr[i] >= '0' && text.ptr[i] <= '9') ||
              ((text.ptr[i] | 0x20) >= 'a' && (text.ptr[i] | 0x20) <= 'z')))
            return false;
    return text.len > 0 && text.len <= 64;
}

static bool same(struct slice a, struct slice b)
{
    unsigned char differs = a.len != b.len;

    for (size_t i = 0; i < a.len && i < b.len; i++)
        differs |= a.ptr[i] ^ b.ptr[i];
    return !differs;
}

/* What writes must show the cookie's token in a header, which no other site's page can read. false:
 * the request has been refused. */
static bool check_token(const struct ui_server *ui, struct web_request *request)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    static const char *const harmless[] = {"GET", "HEAD", "OPTIONS", "TRACE"};
    struct slice token = cookie_of(request, "_csrf");
    const struct slice shown = web_header(request, "X-CSRF-Token");
    const time_t expires = (time_t)(clock_wall_ns(ui->options.clock) / NS_PER_S) + TOKEN_LIFE_S;
    char drawn[TOKEN_BYTES + 1] = "", when[64];
    bool writes = true;
    struct rng rng;
    struct tm tm;

    if (web_header(request, "Authorization").len > 0)
        return true;
    for (size_t i = 0; i < COUNT_OF(harmless); i++)
        writes = writes && strcmp(request->method, harmless[i]) != 0;
    if (writes && shown.len == 0) {
        answer_message(request, 400, "missing csrf token in request header");
        return false;
    }
    if (writes && !(is_token(token) && same(token, shown))) {
        answer_message(request, 403, "invalid csrf token");
        return false;
    }
    if (!is_token(token)) {
        rng_seed_from_kernel(&rng);
        for (size_t i = 0; i < TOKEN_BYTES; i++)
            drawn[i] = letters[rng_below(&rng, sizeof letters - 1)];
        token = slice_str(drawn);
    }
    must(gmtime_r(&expires, &tm) != NULL);
    strftime(when, sizeof when, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    web_answer_header(request, "Set-Cookie",
                      arena_printf(&request->arena,
                                   "_csrf=%.*s; Path=/; Expires=%s; SameSite=Strict",
                                   (int)token.len, (const char *)token.ptr, when));
    return true;
}

/* ---- the way in ---- */

/* "/api/v1/namespaces/N/workflows/W/run/R/history.json" */
static bool answer_history(const struct ui_server *ui, struct web_request *request)
{
    static const char *const words[] = {"api", "v1",  "namespaces", NULL,          "workflows",
                                        NULL,  "run", NULL,         "history.json"};
    struct slice rest = request->path, parts[COUNT_OF(words)];

    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (rest.len == 0 || *rest.ptr != '/')
            return false;
        const uint8_t *slash = rest.len > 1 ? memchr(rest.ptr + 1, '/', rest.len - 1) : NULL;
        const size_t len = slash ? (size_t)(slash - rest.ptr - 1) : rest.len - 1;

        if (!http_unescape(&request->arena, slice_of(rest.ptr + 1, len), false, &parts[i]) ||
            (words[i] && !slice_eq(parts[i], slice_str(words[i]))))
            return false;
        rest = slice_of(rest.ptr + 1 + len, rest.len - 1 - len);
    }
    if (rest.len > 0 || strcmp(request->method, "GET") != 0)
        return false;
    ui_history_answer(&ui->options, request, parts[3], parts[5], parts[7]);
    return true;
}

void ui_server_handle(void *ctx, struct web_request *request)
{
    const struct ui_server *ui = ctx;

    put_cors(ui, request);
    if (strcmp(request->method, "OPTIONS") == 0) {
        web_answer_static(request, 204, NULL, SLICE_EMPTY);
        return;
    }
    web_answer_header(request, "X-Content-Type-Options", "nosniff");
    web_answer_header(request, "X-Frame-Options", "SAMEORIGIN");
    if (!check_token(ui, request))
        return;
    if (slice_eq(request->path, SLICE_LIT("/healthz")))
        web_answer_static(request, 200, "application/json", SLICE_LIT("{\"status\":\"OK\"}\n"));
    else if (slice_eq(request->path, SLICE_LIT("/api/v1/settings")) ||
             slice_eq(request->path, SLICE_LIT("/settings")))
        answer_settings(ui, request);
    else if (slice_eq(request->path, SLICE_LIT("/render")))
        ui_render_answer(request);
    else if (!slice_starts_with(request->path, SLICE_LIT("/api/v1/")))
        answer_ui(ui, request);
    else if (!answer_history(ui, request))
        http_api_handle(ui->options.api, request, HTTP_FLAVOR_UI);
}
