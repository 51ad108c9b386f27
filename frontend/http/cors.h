/* cors.h - other origins whose pages may use a port of this server. */
#ifndef GNOMON_FRONTEND_HTTP_CORS_H
#define GNOMON_FRONTEND_HTTP_CORS_H

#include "frontend/http/web.h"

/* Is the origin one of those listed? They are separated by commas, "*" is any; no origin is none.
 */
bool http_cors_allows(const char *origins, struct slice origin);

/* What the API's port says to the pages of these origins; to others nothing, so that their browsers
 * keep the answer from them. true: the request only asked whether it may ask (a preflight), and has
 * been answered. */
bool http_cors_answer(const char *origins, struct web_request *request);

#endif
