/* metrics_http.h - GET /metrics (and /healthz) of one process, by libmicrohttpd on its own thread.
 */
#ifndef GNOMON_METRICS_HTTP_H
#define GNOMON_METRICS_HTTP_H

#include "common/base/err.h"
#include "common/metrics/metrics.h"

struct metrics_http;

/* Listen on ip:port. ERR_UNAVAILABLE with a text that names the address when it is taken.
 * Keeps `metrics`; gives *out, ended by metrics_http_close(). */
MUST_USE enum err metrics_http_open(struct metrics *metrics, const char *ip, uint16_t port,
                                    struct metrics_http **out, struct err_detail *detail);
void metrics_http_close(struct metrics_http *http);

#endif
