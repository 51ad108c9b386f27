/* sql.h - the functions that gnomon-admin's SQL has besides SQLite's own:
 *
 *   gnomon_json(key, value)  a row of the main family as JSON: executions, pending items, history
 *                            nodes, current runs, tasks; NULL for others and for what can't be read
 *   gnomon_visible(value)    a visibility row as JSON
 *   gnomon_kind(key)         of a row of the main family: "execution", "history node" ...
 *   gnomon_run(key)          the run id that such a key names, or NULL */
#ifndef GNOMON_ADMIN_SQL_H
#define GNOMON_ADMIN_SQL_H

#include <sqlite3.h>

int sql_functions_add(sqlite3 *db); /* SQLite's code */

#endif
