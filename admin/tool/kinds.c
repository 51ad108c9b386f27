/* kinds.c - see kinds.h. */
#include "admin/tool/kinds.h"

const struct tool_row_kind tool_row_kinds[] = {
    {'C', "current run"},
    {'X', "execution"},
    {'P', "pending item"},
    {'N', "history node"},
    {'B', "branch"},
    {'T', "task"},
    {'D', "deadline"},
    {'R', "retention"},
    {'O', "request to another execution"},
    {'E', "effect outcome"},
    {'H', "callback"},
    {'J', "batch job"},
    {'L', "lease of another shard"},
    {'K', "clock"},
};
const size_t tool_row_kind_count = sizeof tool_row_kinds / sizeof tool_row_kinds[0];
