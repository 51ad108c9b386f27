/* ready.c - see ready.h. */
#include "common/config/ready.h"

#include <stdlib.h>
#include <unistd.h>

void ready_notify(void)
{
    static const char line[] = "ready\n";
    const char *text = getenv("GNOMON_READY_FD");
    char *end;

    if (!text)
        return;
    const long fd = strtol(text, &end, 10);
    if (end == text || *end || fd < 3 || fd > 1000000)
        return;
    unsetenv("GNOMON_READY_FD");
    /* A reader that is gone does not matter: SIGPIPE is ignored by every service. */
    if (write((int)fd, line, sizeof line - 1) < 0)
        return;
    close((int)fd);
}
