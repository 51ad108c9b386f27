"""limits.py - what the tests of limits share: a namespace of its own with limits of its own, raw calls to it.

All of them use one cluster: the limits of one test stand in the file with its namespace as their constraint.
"""

import grpc
from google.protobuf.duration_pb2 import Duration
from temporalio.api.command.v1 import Command
from temporalio.api.common.v1 import GrpcStatus, Payload, Payloads, WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import CommandType
from temporalio.api.errordetails.v1 import ResourceExhaustedFailure
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    GetWorkflowExecutionHistoryRequest,
    PollWorkflowTaskQueueRequest,
    RegisterNamespaceRequest,
    RespondWorkflowTaskCompletedRequest,
    StartWorkflowExecutionRequest,
)
from temporalio.api.workflowservice.v1.service_pb2_grpc import WorkflowServiceStub

import harness
from harness import unique


class Limited:
    """A cluster whose limits change while it runs."""

    def __init__(self):
        self.cluster = harness.Cluster()
        self.channel = grpc.insecure_channel(
            self.cluster.address, options=[("grpc.max_send_message_length", 64 << 20)]
        )
        self.stub = WorkflowServiceStub(self.channel)
        self.entries = {}

    def stop(self):
        self.channel.close()
        self.cluster.stop()

    def apply(self, settings):
        """Replace the whole file, and wait until every process has read it."""
        self.cluster.set_dynamic(settings)

    def namespace(self, **limits):
        """A fresh namespace with these limits; dots in keys are written as __."""
        name = unique("limits")
        self.stub.RegisterNamespace(
            RegisterNamespaceRequest(
                namespace=name, workflow_execution_retention_period=Duration(seconds=86400)
            ),
            timeout=10,
        )
        for key, value in limits.items():
            key = key.replace("__", ".")
            base = harness.UNLIMITED_RATES.get(key)
            first = [{"value": base}] if base is not None else []
            self.entries.setdefault(key, first).append({"value": value, "constraints": {"namespace": name}})
        if limits:
            self.apply(self.entries)
        return Space(self, name)


class Space:
    """Raw calls in one namespace."""

    def __init__(self, limited, name):
        self.limited = limited
        self.stub = limited.stub
        self.name = name
        self.queue = "q"

    def start(self, workflow_id=None, **fields):
        fields.setdefault("input", None)
        fields.setdefault("workflow_type", WorkflowType(name="Limited"))
        return self.call(
            "StartWorkflowExecution",
            StartWorkflowExecutionRequest(
                namespace=self.name,
                workflow_id=workflow_id or unique("w"),
                task_queue=TaskQueue(name=self.queue),
                request_id=unique("r"),
                **fields,
            ),
        )

    def call(self, method, request, timeout=20):
        return getattr(self.stub, method)(request, timeout=timeout)

    def poll(self):
        task = self.call(
            "PollWorkflowTaskQueue",
            PollWorkflowTaskQueueRequest(namespace=self.name, task_queue=TaskQueue(name=self.queue), identity="i"),
            timeout=30,
        )
        assert task.task_token, "no workflow task"
        return task

    def complete(self, task, *commands, **fields):
        return self.call(
            "RespondWorkflowTaskCompleted",
            RespondWorkflowTaskCompletedRequest(
                namespace=self.name, task_token=task.task_token, commands=commands, identity="i", **fields
            ),
        )

    def events(self, workflow_id):
        request = GetWorkflowExecutionHistoryRequest(
            namespace=self.name, execution=WorkflowExecution(workflow_id=workflow_id)
        )
        events = []
        while True:
            answer = self.call("GetWorkflowExecutionHistory", request)
            events += answer.history.events
            if not answer.next_page_token:
                return events
            request.next_page_token = answer.next_page_token

    def describe(self, workflow_id):
        return self.call(
            "DescribeWorkflowExecution",
            DescribeWorkflowExecutionRequest(
                namespace=self.name, execution=WorkflowExecution(workflow_id=workflow_id)
            ),
        )


def command(kind, **attributes):
    name = f"{kind}_command_attributes"
    return Command(command_type=CommandType.Value(f"COMMAND_TYPE_{kind.upper()}"), **{name: attributes})


def payloads(size):
    return Payloads(payloads=[Payload(data=b"x" * size)])


class Refused:
    """What a refused call says: code, text, and the detail of RESOURCE_EXHAUSTED."""

    def __init__(self, error):
        self.code = error.code().name
        self.text = error.details()
        self.headers = dict(error.initial_metadata() or ())
        self.exhausted = None
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                for detail in GrpcStatus.FromString(value).details:
                    found = ResourceExhaustedFailure()
                    if detail.Unpack(found):
                        self.exhausted = found


def refused(call, *arguments, **fields):
    try:
        answer = call(*arguments, **fields)
    except grpc.RpcError as error:
        return Refused(error)
    raise AssertionError(f"was not refused: {answer}")
