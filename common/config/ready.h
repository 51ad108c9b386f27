/* ready.h - tells whoever started this process that it answers requests. */
#ifndef GNOMON_READY_H
#define GNOMON_READY_H

/* Writes the line `ready` to the descriptor named by the variable GNOMON_READY_FD and closes it;
 * nothing without that variable. Call it once, when everything listens. */
void ready_notify(void);

#endif
