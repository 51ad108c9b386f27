/* validate.h - checks that several requests share, with the reference's codes and texts.
 *
 * Each fills fc->detail and gives ERR_INVALID, or ERR_OK. */
#ifndef GNOMON_FRONTEND_VALIDATE_H
#define GNOMON_FRONTEND_VALIDATE_H

#include "frontend/frontend.h"

/* A setting that is a whole number, for the call's namespace; 0 where it is negative. */
size_t fe_limit(const struct fe_call *fc, enum dynconf_key key);
size_t fe_id_bytes_max(const struct fe_call *fc); /* limit.maxIDLength */

/* What follows a reset, asked for alone or by a batch operation (reset.c). */
MUST_USE enum err fe_check_post_reset(struct fe_call *fc,
                                      api_post_reset_operation *const *operations, size_t count);
enum err fe_check_execution(struct fe_call *fc, const api_common_workflow_execution *execution);
enum err fe_check_workflow_id(struct fe_call *fc, const char *workflow_id);
enum err fe_check_identity(struct fe_call *fc, const char *identity);
/* `what` as in "RequestId": "... length exceeds limit." */
enum err fe_check_length(struct fe_call *fc, const char *what, const char *text);
/* limit.blobSize.error, for the encoded size of a message (NULL is fine). */
enum err fe_check_blob(struct fe_call *fc, const void *message);
bool fe_blob_exceeds(struct fe_call *fc, const void *message);
enum err fe_check_memo(struct fe_call *fc, const void *memo); /* limit.memoSize.error */

/* A task queue that is named by a client; `user_defined`: not one of the server's own. */
enum err fe_check_task_queue(struct fe_call *fc, const api_task_queue *queue, bool user_defined);
/* The same for what may also be the name of a partition (partition_name.h). */
enum err fe_check_partition(struct fe_call *fc, const api_task_queue *queue);
enum err fe_check_retry_policy(struct fe_call *fc, const api_retry_policy *policy);
/* `what` is the reference's sentence, to which " cause: ..." is added. */
enum err fe_check_duration(struct fe_call *fc, const char *what, const pb_duration *duration);
/* "invalid WHAT: ..." */
enum err fe_check_span(struct fe_call *fc, const char *what, const pb_duration *duration);
enum err fe_check_priority(struct fe_call *fc, const api_priority *priority);
/* How many links a request may attach, how large, and what each must name. */
enum err fe_check_links(struct fe_call *fc, size_t count, api_common_link *const *links);
/* Those of a request and of its callbacks together; takes those out of the request's that a
 * callback has as well. */
enum err fe_check_links_of(struct fe_call *fc, size_t *count, api_common_link **links,
                           size_t callback_count, api_callback *const *callbacks);
/* All that a start is checked for (workflows.c): of StartWorkflowExecution, or inside another. */
enum err fe_check_start(struct fe_call *fc, const api_start_workflow_execution_request *req);
/* What UpdateWorkflowExecutionOptions may change, and into what. */
enum err fe_check_options_update(struct fe_call *fc, const pb_field_mask *mask,
                                 const api_workflow_execution_options *options);
/* A long poll wants a deadline at least two seconds away. */
enum err fe_check_long_poll(struct fe_call *fc);

/* The completion callbacks that a start brings; what it may attach to a running workflow. */
/* Names of headers become lower case; of two that are the same then, the last one counts. */
void fe_lower_callback_headers(size_t count, api_callback *const *callbacks);
enum err fe_check_callbacks(struct fe_call *fc, size_t count, api_callback *const *callbacks);
enum err fe_check_on_conflict(struct fe_call *fc, const api_workflow_on_conflict_options *options);

/* A request id is made up where the client gave none, so that a repeat inside is recognised:
 * appended to the client's bytes, where protobuf's last value counts. */
struct slice fe_with_request_id(struct fe_call *fc, const char *request_id);

#endif
