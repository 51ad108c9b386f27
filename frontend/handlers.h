/* handlers.h - the handlers that methods.def names; each is in the file of its area. */
#ifndef GNOMON_FRONTEND_HANDLERS_H
#define GNOMON_FRONTEND_HANDLERS_H

#include "frontend/frontend.h"

#define FE_METHOD(service, name, request, where, handler) enum err handler(struct fe_call *fc);
#define FE_UNBUILT(service, name)
#include "frontend/methods.def"
#undef FE_METHOD
#undef FE_UNBUILT

/* Make the namespace of the configuration at first start; it being there already is fine. */
MUST_USE enum err fe_make_default_namespace(struct cluster *cluster, const struct config *config);

#endif
