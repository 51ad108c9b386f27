/* health.h - the question of a container's health check: does the process here serve? */
#ifndef GNOMON_HEALTH_H
#define GNOMON_HEALTH_H

#include <stdint.h>

/* GET /healthz of the metrics port, within two seconds. Gives an exit code: 0 it serves, 1 it does
 * not (one line on stderr says why), 2 there is no metrics port to ask. */
int health_ask(const char *name, const char *bind_ip, uint16_t port);

#endif
