"""test_external_payloads.py - what payloads say is stored elsewhere is counted, unless the namespace says not to."""

import pytest
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution, WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api
from temporalio.client import Client

import harness
from harness import NAMESPACE, unique

SETTING = "history.externalPayloadsEnabled"


@pytest.fixture(scope="module")
def server():
    cluster = harness.Cluster()
    yield cluster
    assert cluster.interrupt() == 0
    cluster.check_data()
    cluster.stop()


async def counted(server):
    """Of a workflow that is started with two of 1,000 bytes, and terminated: described, and listed."""
    service = (await Client.connect(server.address, namespace=NAMESPACE)).workflow_service
    one = Payload(data=b"x", external_payloads=[Payload.ExternalPayloadDetails(size_bytes=1000)])
    execution = WorkflowExecution(workflow_id=unique("w"))
    await service.start_workflow_execution(api.StartWorkflowExecutionRequest(
        namespace=NAMESPACE, workflow_id=execution.workflow_id, request_id=unique("r"), input=Payloads(payloads=[one, one]),
        workflow_type=WorkflowType(name="Any"), task_queue=TaskQueue(name=unique("nobody"))))
    await service.terminate_workflow_execution(api.TerminateWorkflowExecutionRequest(
        namespace=NAMESPACE, workflow_execution=execution))
    described = await service.describe_workflow_execution(api.DescribeWorkflowExecutionRequest(
        namespace=NAMESPACE, execution=execution))
    query = f'WorkflowId = "{execution.workflow_id}" AND TemporalExternalPayloadSizeBytes = 2000'
    listed = await service.count_workflow_executions(api.CountWorkflowExecutionsRequest(namespace=NAMESPACE, query=query))
    info = described.workflow_execution_info
    return info.external_payload_count, info.external_payload_size_bytes, listed.count


async def test_external_payloads_are_counted_while_they_are_wanted(server):
    assert await counted(server) == (2, 2000, 1)
    server.set_dynamic({SETTING: [{"value": False}]})
    assert await counted(server) == (0, 0, 0)
    server.set_dynamic({})
    assert await counted(server) == (2, 2000, 1)
