/* health.h - grpc.health.v1.Health: Check, List and Watch over a fixed set of service names.
 *
 * Every name begins as SERVING, the empty one (the server as a whole) included. */
#ifndef GNOMON_GRPC_HEALTH_H
#define GNOMON_GRPC_HEALTH_H

#include "common/grpc/router.h"

struct grpc_health;

struct grpc_health *grpc_health_new(void);
/* After the server that routes to it was freed. */
void grpc_health_free(struct grpc_health *health);

/* Before serving: a name that may be asked for. Copies. */
void grpc_health_add(struct grpc_health *health, const char *service);
/* Before serving: add the methods to the router, which keeps `health`. */
void grpc_health_register(struct grpc_health *health, struct grpc_router *router);

/* Set the status of all names; watchers are told. From any thread. */
void grpc_health_set_serving(struct grpc_health *health, bool serving);

#endif
