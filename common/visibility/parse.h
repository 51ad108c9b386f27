/* parse.h - the text of a List or Count's filter into a query. */
#ifndef GNOMON_VISIBILITY_PARSE_H
#define GNOMON_VISIBILITY_PARSE_H

#include "common/visibility/names.h"

/* `text` lives as long as the arena's use of *out.
 *
 * Errors: ERR_INVALID; `detail` then has the text for people ("invalid query: ..."): what does not
 * parse with its position (from 1) and what stands there, what has no meaning with its name.
 * Spec: the reference's filters as its SQL stores take them. Stricter: a value that can never be of
 * the attribute's type ("abc" for an Int) is refused, where SQLite would find nothing. Wider:
 * negative fractions; values with quotes in them; names that are words of SQL without a meaning
 * here. */
MUST_USE enum err vis_parse(struct arena *arena, struct slice text, const struct vis_custom *custom,
                            struct vis_query *out, struct err_detail *detail);

/* RFC 3339 with up to nine digits of a second; beyond what ns since 1970 can say, the nearest that
 * they can. */
bool vis_datetime_parse(struct slice text, int64_t *out_ns);
/* "1h30m", "-1.5d", "90" (ns), "01:30:00". NULL, or what is wrong. */
const char *vis_duration_parse(struct slice text, int64_t *out_ns);
/* "Running" or "WORKFLOW_EXECUTION_STATUS_RUNNING" and so on: the number of a status. */
bool vis_status_parse(struct slice text, int64_t *out);
const char *vis_status_name(int64_t status); /* "Running"; NULL: there is none */

#endif
