/* metrics_http.h - GET /metrics and /healthz of one process, by libmicrohttpd on its own thread.
 *
 * /healthz answers 503 until the process serves, then 200, and 503 again while it stops. */
#ifndef GNOMON_METRICS_HTTP_H
#define GNOMON_METRICS_HTTP_H

#include "common/base/err.h"
#include "common/metrics/metrics.h"

#include <stdbool.h>

struct metrics_http;

/* Listen on ip:port. ERR_UNAVAILABLE with a text that names the address when it is taken.
 * Keeps `metrics`; gives *out, ended by metrics_http_close(). */
MUST_USE enum err metrics_http_open(struct metrics *metrics, const char *ip, uint16_t port,
                                    struct metrics_http **out, struct err_detail *detail);
/* What /healthz says from now on. Any thread. */
void metrics_http_healthy(struct metrics_http *http, bool healthy);
void metrics_http_close(struct metrics_http *http);

#endif
