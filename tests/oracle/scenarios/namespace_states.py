"""namespace_states.py - what a deprecated namespace serves, and one whose state an update has made deleted."""
import time

from kit.namespaces import name_of, register, update
from temporalio.api.common.v1 import Payloads, WorkflowExecution, WorkflowType
from temporalio.api.namespace.v1 import UpdateNamespaceInfo
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

SECONDS = 2.5  # the reference's copy of the namespaces is so old at most


def everything(x, name, what):
    start = dict(namespace=name, workflow_type=WorkflowType(name="t"), task_queue=TaskQueue(name=x.queue), input=Payloads(),
                 identity="client")
    execution = WorkflowExecution(workflow_id=x.workflow_id)
    x.call("StartWorkflowExecution", api.StartWorkflowExecutionRequest(
        workflow_id=x.workflow_id, request_id="r" + what, workflow_id_conflict_policy=2, **start), label=f"{what}: start")
    x.call("SignalWithStartWorkflowExecution", api.SignalWithStartWorkflowExecutionRequest(
        workflow_id=x.workflow_id, signal_name="s", request_id="q" + what, **start), label=f"{what}: signal with start")
    x.call("SignalWorkflowExecution", api.SignalWorkflowExecutionRequest(
        namespace=name, workflow_execution=execution, signal_name="s", request_id="p" + what), label=f"{what}: signal")
    x.call("CountWorkflowExecutions", api.CountWorkflowExecutionsRequest(namespace=name, query="WorkflowType='no'"),
           label=f"{what}: count", show=True)
    x.call("DescribeTaskQueue", api.DescribeTaskQueueRequest(
        namespace=name, task_queue=TaskQueue(name=x.queue), task_queue_type=1), label=f"{what}: task queue")


def play(x):
    name = name_of(x)
    register(x, name)
    time.sleep(SECONDS)
    everything(x, name, "registered")
    x.call("DeprecateNamespace", api.DeprecateNamespaceRequest(namespace=name), label="deprecate", show=True)
    time.sleep(SECONDS)
    everything(x, name, "deprecated")
    x.call("DeprecateNamespace", api.DeprecateNamespaceRequest(namespace=name), label="deprecate again", show=True)
    x.call("DeprecateNamespace", api.DeprecateNamespaceRequest(namespace=name + "-no"), label="deprecate nobody")
    update(x, name, "deleted", update_info=UpdateNamespaceInfo(state=3))
    time.sleep(SECONDS)
    everything(x, name, "deleted")
    update(x, name, "deleted: update", update_info=UpdateNamespaceInfo(description="x"))
    x.call("DeprecateNamespace", api.DeprecateNamespaceRequest(namespace=name), label="deleted: deprecate")
