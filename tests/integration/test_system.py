"""test_system.py - what the server says that it is and can do."""

from temporalio.api.workflowservice.v1 import GetSystemInfoRequest

# What SDKs switch on by them is tested in the files of these features; the others are not built.
BUILT = {
    "signal_and_query_header",
    "internal_error_differentiation",
    "activity_failure_include_heartbeat",
    "encoded_failure_attributes",
    "build_id_based_versioning",
    "upsert_memo",
    "count_group_by_execution_status",
    "eager_workflow_start",
    "sdk_metadata",
    "count_group_by_execution_status",
}


async def test_capabilities_are_those_that_are_built(session):
    info = await session.client.workflow_service.get_system_info(GetSystemInfoRequest())
    assert {field.name for field, value in info.capabilities.ListFields() if value} == BUILT
    assert info.server_version
