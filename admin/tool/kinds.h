/* kinds.h - the kinds of rows of the main family (history/engine/rows.h), as people call them. */
#ifndef GNOMON_ADMIN_KINDS_H
#define GNOMON_ADMIN_KINDS_H

#include <stddef.h>

struct tool_row_kind {
    char kind; /* the second byte of the key */
    const char *name;
};
extern const struct tool_row_kind tool_row_kinds[];
extern const size_t tool_row_kind_count;

#endif
