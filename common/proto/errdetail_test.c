/* errdetail_test.c - each builder's code, type, text and decoded payload. */
#include "common/proto/errdetail.h"

#include "api.h"
#include "common/proto/wire.h"
#include "tests/lib/test.h"

static void *decode(struct arena *arena, const ProtobufCMessageDescriptor *desc,
                    const struct err_detail *detail)
{
    void *message = NULL;

    check_str(detail->type, desc->name);
    check_ok(proto_decode(arena, desc, detail->payload, &message, NULL));
    must(message != NULL);
    return message;
}

TEST(test_errdetail_payloads_decode)
{
    struct err_detail d = {0};
    struct arena arena;

    arena_init(&arena);
    check_err(errdetail_namespace_not_found(&arena, &d, "ns"), ERR_NOT_FOUND);
    check_str(d.text, "Namespace ns is not found.");
    check_str(((api_namespace_not_found_failure *)decode(
                   &arena, &api_namespace_not_found_failure__desc, &d))
                  ->namespace_,
              "ns");

    check_err(errdetail_workflow_already_started(&arena, &d, "req", "run", NULL, "text %d", 1),
              ERR_EXISTS);
    check_str(d.text, "text 1");
    const api_workflow_execution_already_started_failure *started =
        decode(&arena, &api_workflow_execution_already_started_failure__desc, &d);
    check_str(started->start_request_id, "req");
    check_str(started->run_id, "run");
    check_str(started->first_execution_run_id, "");

    check_err(errdetail_resource_exhausted(&arena, &d, RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT,
                                           RESOURCE_EXHAUSTED_SCOPE_SYSTEM, "slow down"),
              ERR_BUSY);
    const api_resource_exhausted_failure *busy =
        decode(&arena, &api_resource_exhausted_failure__desc, &d);
    check_i64(busy->cause, RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT);
    check_i64(busy->scope, RESOURCE_EXHAUSTED_SCOPE_SYSTEM);

    const uint32_t allowed[] = {NAMESPACE_STATE_REGISTERED, NAMESPACE_STATE_DEPRECATED};
    check_err(
        errdetail_namespace_invalid_state(&arena, &d, "ns", NAMESPACE_STATE_DELETED, allowed, 2),
        ERR_PRECONDITION);
    check_str(d.text, "Namespace has invalid state: Deleted. Must be Registered or Deprecated.");
    const api_namespace_invalid_state_failure *state =
        decode(&arena, &api_namespace_invalid_state_failure__desc, &d);
    check_i64(state->n_allowed_states, 2);
    check_i64(state->allowed_states[1], NAMESPACE_STATE_DEPRECATED);

    check_err(errdetail_query_failed(&arena, &d, SLICE_LIT("\x0a\x02no"), "query failed"),
              ERR_INVALID);
    const api_query_failed_failure *query = decode(&arena, &api_query_failed_failure__desc, &d);
    must(query->failure != NULL);
    check_str(query->failure->message, "no");

    check_err(errdetail_permission_denied(&arena, &d, "why", "Request unauthorized."), ERR_DENIED);
    check_str(
        ((api_permission_denied_failure *)decode(&arena, &api_permission_denied_failure__desc, &d))
            ->reason,
        "why");
    check_err(errdetail_workflow_not_ready(&arena, NULL, "x"), ERR_PRECONDITION);
    check_err(errdetail_cancellation_already_requested(&arena, &d, "again"), ERR_EXISTS);
    check_str(d.type, api_cancellation_already_requested_failure__desc.name);
    check_i64(d.payload.len, 0);
    arena_release(&arena);
}

TEST(test_errdetail_multi_operation_takes_the_guilty_code)
{
    struct err_detail guilty = {0}, aborted = {0}, whole = {0};
    struct arena arena;

    arena_init(&arena);
    const enum err bystander = errdetail_multi_operation_aborted(&arena, &aborted);
    const enum err cause = errdetail_not_found(&arena, &guilty, "no such run");
    const struct errdetail_operation operations[] = {{bystander, &aborted}, {cause, &guilty}};
    check_err(errdetail_multi_operation(&arena, &whole, operations, 2, "could not"), ERR_NOT_FOUND);
    const api_multi_operation_execution_failure *failure =
        decode(&arena, &api_multi_operation_execution_failure__desc, &whole);
    check_i64(failure->n_statuses, 2);
    check_i64(failure->statuses[0]->code, GRPC_STATUS_ABORTED);
    check_str(failure->statuses[0]->details[0]->type_url,
              "type.googleapis.com/temporal.api.failure.v1.MultiOperationExecutionAborted");
    check_i64(failure->statuses[1]->code, GRPC_STATUS_NOT_FOUND);
    check_str(failure->statuses[1]->message, "no such run");
    arena_release(&arena);
}

TEST(test_errdetail_complete_adds_only_what_is_missing)
{
    struct err_detail d = {0};
    struct arena arena;

    arena_init(&arena);
    errdetail_complete(&arena, ERR_INVALID, &d);
    check(d.type == NULL);
    check_str(d.text, err_text(ERR_INVALID));
    errdetail_complete(&arena, ERR_NOT_FOUND, &d);
    check_str(d.type, api_not_found_failure__desc.name);
    errdetail_complete(&arena, ERR_BUSY, &d);
    check_str(d.type, api_not_found_failure__desc.name);
    arena_release(&arena);
}
