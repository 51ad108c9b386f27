/* reflection.h - gRPC server reflection, v1 and v1alpha, over the API's descriptor set. */
#ifndef GNOMON_GRPC_REFLECTION_H
#define GNOMON_GRPC_REFLECTION_H

#include "common/grpc/router.h"

/* Before serving: add the methods to the router. What the router serves is what is listed. */
void grpc_reflection_register(struct grpc_router *router);

#endif
