/* hosts.c - see hosts.h. */
#include "frontend/http/hosts.h"

bool http_host_matches(struct slice pattern, struct slice host)
{
    size_t p = 0, h = 0, star = SIZE_MAX, from = 0;

    while (h < host.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            from = h;
        } else if (p < pattern.len && pattern.ptr[p] == host.ptr[h]) {
            p++;
            h++;
        } else if (star != SIZE_MAX) { /* the last star takes one more */
            p = star + 1;
            h = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

bool http_host_allowed(const struct dynconf *dynconf, struct web_request *request)
{
    const struct dynconf_where where = {0};
    const struct dynval hosts =
        dynconf_tree_at(dynconf, DYNCONF_FRONTEND_HTTP_ALLOWED_HOSTS, &where, &request->arena);
    const struct slice host = web_header(request, "Host");

    if (hosts.kind != DYNVAL_LIST)
        return true;
    for (size_t i = 0; i < hosts.count; i++)
        if (http_host_matches(hosts.items[i].value.text, host))
            return true;
    return false;
}
