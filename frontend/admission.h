/* admission.h - whether a call is let in: what quotas.h is asked for it, and what a refusal says.
 */
#ifndef GNOMON_FRONTEND_ADMISSION_H
#define GNOMON_FRONTEND_ADMISSION_H

#include "frontend/frontend.h"
#include "frontend/quotas.h"

/* Behind the look-up of its namespace, before its handler, which is `then`: called at once, its
 * answer given, or when the call has waited for what the namespace's rate gives, as polls may
 * (ERR_OK). ERR_BUSY with ResourceExhaustedFailure: refused. */
MUST_USE enum err fe_admit(struct fe_call *fc, const char *operation, struct quota_method method,
                           fe_handler_fn then);
/* Answer the loop's polls that still wait, as if their time were over. The loop's thread. */
void fe_admission_end_waits(struct fe_loop *loop);
/* The call is answered. */
void fe_admission_end(struct fe_call *fc);

/* Of a call that is refused for want of a resource: the response headers that the reference sends
 * along, and the counter service_errors_resource_exhausted. `detail` is complete. */
void fe_tell_exhausted(struct fe_call *fc, const char *operation, const struct err_detail *detail);

#endif
