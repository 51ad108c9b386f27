/* hosts.h - which Host headers are served: frontend.httpAllowedHosts. */
#ifndef GNOMON_FRONTEND_HTTP_HOSTS_H
#define GNOMON_FRONTEND_HTTP_HOSTS_H

#include "common/dynconf/dynconf.h"
#include "frontend/http/web.h"

/* `*` in a pattern is any text. */
bool http_host_matches(struct slice pattern, struct slice host);
/* True where the setting has no list. */
bool http_host_allowed(const struct dynconf *dynconf, struct web_request *request);

#endif
