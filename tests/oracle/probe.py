"""Ask a server many wrong (and a few right) questions; print code, text and detail type of each answer.

Run against Gnomon and against a reference server and compare the two outputs:

    python tests/oracle/probe.py HOST:PORT > one; python tests/oracle/probe.py HOST:PORT > other; diff one other

Ids that a server draws are replaced by letters, so that equal behaviour gives equal text.
"""
import re
import sys
import uuid

import grpc
from google.protobuf import duration_pb2
from temporalio.api.common.v1 import Payload, Payloads, RetryPolicy, WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import TaskQueueKind, WorkflowIdConflictPolicy, WorkflowIdReusePolicy
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from rpc_status import Status

SERVICE = "/temporal.api.workflowservice.v1.WorkflowService/"
IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def seconds(n):
    return duration_pb2.Duration(seconds=n)


class Probe:
    def __init__(self, address):
        self.channel = grpc.insecure_channel(address)
        self.ids = {}

    def mask(self, text):
        return IDS.sub(lambda m: self.ids.setdefault(m.group(), f"<id {len(self.ids)}>"), text)

    def call(self, label, method, request, timeout=5.0):
        response_type = getattr(api, method + "Response")
        stub = self.channel.unary_unary(
            SERVICE + method,
            request_serializer=lambda m: m if isinstance(m, bytes) else m.SerializeToString(),
            response_deserializer=response_type.FromString)
        try:
            response = stub(request, timeout=timeout)
            print(f"{label}: OK {self.mask(' '.join(f.name for f, _ in response.ListFields()))}")
            return response
        except grpc.RpcError as error:
            details = []
            for key, value in error.trailing_metadata() or ():
                if key == "grpc-status-details-bin":
                    status = Status.FromString(value)
                    details = [d.type_url.rsplit(".", 1)[-1] for d in status.details]
            print(f"{label}: {error.code().name} | {self.mask(error.details())} | {','.join(details)}")
            return None


def start_request(**changes):
    fields = dict(namespace="default", workflow_id="probe-" + str(uuid.uuid4()), request_id=str(uuid.uuid4()),
                  workflow_type=WorkflowType(name="probe"), task_queue=TaskQueue(name="probe-queue"))
    fields.update(changes)
    return api.StartWorkflowExecutionRequest(**{k: v for k, v in fields.items() if v is not None})


def probe_starts(p):
    big = Payloads(payloads=[Payload(data=b"x" * (2 * 1024 * 1024 + 1))])
    for label, changes in {
        "no namespace": dict(namespace=""),
        "unknown namespace": dict(namespace="nowhere"),
        "long namespace": dict(namespace="n" * 1001),
        "no workflow id": dict(workflow_id=""),
        "long workflow id": dict(workflow_id="w" * 1001),
        "no type": dict(workflow_type=None),
        "empty type": dict(workflow_type=WorkflowType()),
        "long type": dict(workflow_type=WorkflowType(name="t" * 1001)),
        "no queue": dict(task_queue=None),
        "empty queue": dict(task_queue=TaskQueue()),
        "long queue": dict(task_queue=TaskQueue(name="q" * 1001)),
        "reserved queue": dict(task_queue=TaskQueue(name="/_sys/x/1")),
        "internal queue": dict(task_queue=TaskQueue(name="temporal-sys-per-ns-tq")),
        "long request id": dict(request_id="r" * 1001),
        "negative run timeout": dict(workflow_run_timeout=seconds(-1)),
        "negative execution timeout": dict(workflow_execution_timeout=seconds(-1)),
        "negative task timeout": dict(workflow_task_timeout=seconds(-1)),
        "mixed signs": dict(workflow_run_timeout=duration_pb2.Duration(seconds=1, nanos=-1)),
        "cron and delay": dict(cron_schedule="* * * * *", workflow_start_delay=seconds(1)),
        "retry interval": dict(retry_policy=RetryPolicy(initial_interval=seconds(-1))),
        "retry coefficient": dict(retry_policy=RetryPolicy(backoff_coefficient=0.5)),
        "retry max below initial": dict(retry_policy=RetryPolicy(initial_interval=seconds(5),
                                                                 maximum_interval=seconds(1))),
        "retry attempts": dict(retry_policy=RetryPolicy(maximum_attempts=-1)),
        "retry timeout type": dict(retry_policy=RetryPolicy(
            non_retryable_error_types=["TemporalTimeout:Nonsense"])),
        "terminate and conflict": dict(
            workflow_id_reuse_policy=WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING,
            workflow_id_conflict_policy=WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_FAIL),
        "big input": dict(input=big),
    }.items():
        p.call("start " + label, "StartWorkflowExecution", start_request(**changes))

    first = start_request(workflow_id="probe-twice-" + str(uuid.uuid4()))
    p.call("start good", "StartWorkflowExecution", first)
    p.call("start again, same request id", "StartWorkflowExecution", first)
    again = start_request(workflow_id=first.workflow_id)
    p.call("start again", "StartWorkflowExecution", again)
    again.workflow_id_conflict_policy = WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
    p.call("start, use existing", "StartWorkflowExecution", again)
    end = api.TerminateWorkflowExecutionRequest(
        namespace="default", workflow_execution=WorkflowExecution(workflow_id=first.workflow_id))
    p.call("terminate", "TerminateWorkflowExecution", end)
    p.call("terminate again", "TerminateWorkflowExecution", end)
    closed = start_request(
        workflow_id=first.workflow_id,
        workflow_id_reuse_policy=WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE)
    p.call("start closed, reject duplicate", "StartWorkflowExecution", closed)
    return first.workflow_id


def probe_signal_with_start(p):
    method = "SignalWithStartWorkflowExecution"
    good = dict(namespace="default", workflow_id="probe-" + str(uuid.uuid4()), signal_name="s", request_id="r",
                workflow_type=WorkflowType(name="probe"), task_queue=TaskQueue(name="probe-queue"))
    policy = WorkflowIdConflictPolicy
    for label, changes in {
        "good": {}, "again": {}, "another": dict(request_id="q"), "no namespace": dict(namespace=""),
        "no id": dict(workflow_id=""), "long id": dict(workflow_id="w" * 1001), "no signal": dict(signal_name=""),
        "long signal": dict(signal_name="s" * 1001), "no type": dict(workflow_type=None),
        "long type": dict(workflow_type=WorkflowType(name="t" * 1001)), "no queue": dict(task_queue=None),
        "long request id": dict(request_id="r" * 1001), "negative timeout": dict(workflow_run_timeout=seconds(-1)),
        "retry attempts": dict(retry_policy=RetryPolicy(maximum_attempts=-1)),
        "conflict fail": dict(workflow_id_conflict_policy=policy.WORKFLOW_ID_CONFLICT_POLICY_FAIL),
    }.items():
        p.call(f"{method} {label}", method,
               api.SignalWithStartWorkflowExecutionRequest(**{**good, **changes}))


def probe_executions(p, closed_id):
    def execution(workflow_id="nobody", run_id=""):
        return WorkflowExecution(workflow_id=workflow_id, run_id=run_id)

    unknown_run = str(uuid.uuid4())
    cases = {"none": None, "empty": WorkflowExecution(), "bad run": execution(run_id="x"),
             "unknown": execution(), "unknown run": execution(run_id=unknown_run),
             "closed": execution(closed_id)}
    for label, target in cases.items():
        both = dict(namespace="default")
        p.call(f"describe {label}", "DescribeWorkflowExecution",
               api.DescribeWorkflowExecutionRequest(execution=target, **both))
        p.call(f"history {label}", "GetWorkflowExecutionHistory",
               api.GetWorkflowExecutionHistoryRequest(execution=target, **both))
        p.call(f"history in reverse {label}", "GetWorkflowExecutionHistoryReverse",
               api.GetWorkflowExecutionHistoryReverseRequest(execution=target, **both))
        p.call(f"signal {label}", "SignalWorkflowExecution",
               api.SignalWorkflowExecutionRequest(workflow_execution=target, signal_name="s", **both))
        p.call(f"cancel {label}", "RequestCancelWorkflowExecution",
               api.RequestCancelWorkflowExecutionRequest(workflow_execution=target, **both))
        p.call(f"terminate {label}", "TerminateWorkflowExecution",
               api.TerminateWorkflowExecutionRequest(workflow_execution=target, **both))
        p.call(f"query {label}", "QueryWorkflow",
               api.QueryWorkflowRequest(execution=target, query=WorkflowQuery(query_type="q"), **both), 2.0)
        p.call(f"reset sticky {label}", "ResetStickyTaskQueue",
               api.ResetStickyTaskQueueRequest(execution=target, **both))
    p.call("signal no name", "SignalWorkflowExecution",
           api.SignalWorkflowExecutionRequest(namespace="default", workflow_execution=execution()))
    p.call("signal long name", "SignalWorkflowExecution", api.SignalWorkflowExecutionRequest(
        namespace="default", workflow_execution=execution(), signal_name="s" * 1001))
    p.call("query none", "QueryWorkflow",
           api.QueryWorkflowRequest(namespace="default", execution=execution()))
    p.call("query no type", "QueryWorkflow", api.QueryWorkflowRequest(
        namespace="default", execution=execution(), query=WorkflowQuery()))
    p.call("history bad token", "GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
        namespace="default", execution=execution(closed_id), next_page_token=b"rubbish"))
    p.call("history in reverse bad token", "GetWorkflowExecutionHistoryReverse",
           api.GetWorkflowExecutionHistoryReverseRequest(
               namespace="default", execution=execution(closed_id), next_page_token=b"rubbish"))


def probe_tasks(p):
    for method in ("RespondWorkflowTaskCompleted", "RespondWorkflowTaskFailed", "RespondActivityTaskCompleted",
                   "RespondActivityTaskFailed", "RespondActivityTaskCanceled", "RecordActivityTaskHeartbeat",
                   "RespondQueryTaskCompleted"):
        request = getattr(api, method + "Request")
        p.call(f"{method} no token", method, request(namespace="default"))
        p.call(f"{method} rubbish token", method, request(namespace="default", task_token=b"\xff\xfe rubbish"))
        p.call(f"{method} no namespace", method, request(task_token=b"\xff\xfe rubbish"))
    for method in ("RespondActivityTaskCompletedById", "RespondActivityTaskFailedById",
                   "RespondActivityTaskCanceledById", "RecordActivityTaskHeartbeatById"):
        request = getattr(api, method + "Request")
        named = dict(namespace="default", workflow_id="nobody", activity_id="a")
        for label, changes in {"good": {}, "no namespace": dict(namespace=""), "no activity": dict(activity_id=""),
                               "unknown run": dict(run_id=str(uuid.uuid4()))}.items():
            p.call(f"{method} {label}", method, request(**{**named, **changes}))


def probe_polls(p):
    queue = TaskQueue(name="probe-idle")
    for method in ("PollWorkflowTaskQueue", "PollActivityTaskQueue"):
        request = getattr(api, method + "Request")
        p.call(f"{method} no namespace", method, request(task_queue=queue))
        p.call(f"{method} no queue", method, request(namespace="default"))
        p.call(f"{method} empty queue", method, request(namespace="default", task_queue=TaskQueue()))
        p.call(f"{method} short deadline", method, request(namespace="default", task_queue=queue), 1.0)
        p.call(f"{method} nothing there", method, request(namespace="default", task_queue=queue), 3.0)
        p.call(f"{method} long identity", method, request(namespace="default", task_queue=queue,
                                                          identity="i" * 1001), 3.0)


def probe_namespaces(p):
    name = "probe-" + str(uuid.uuid4())
    p.call("register none", "RegisterNamespace", api.RegisterNamespaceRequest())
    p.call("register no retention", "RegisterNamespace", api.RegisterNamespaceRequest(namespace=name))
    p.call("register short retention", "RegisterNamespace", api.RegisterNamespaceRequest(
        namespace=name, workflow_execution_retention_period=seconds(60)))
    p.call("register global", "RegisterNamespace", api.RegisterNamespaceRequest(
        namespace=name, is_global_namespace=True, workflow_execution_retention_period=seconds(86400)))
    p.call("register", "RegisterNamespace", api.RegisterNamespaceRequest(
        namespace=name, workflow_execution_retention_period=seconds(86400)))
    p.call("register again", "RegisterNamespace", api.RegisterNamespaceRequest(
        namespace=name, workflow_execution_retention_period=seconds(86400)))
    p.call("describe namespace", "DescribeNamespace", api.DescribeNamespaceRequest(namespace=name))
    p.call("describe none", "DescribeNamespace", api.DescribeNamespaceRequest())
    p.call("describe unknown", "DescribeNamespace", api.DescribeNamespaceRequest(namespace="nowhere"))
    p.call("describe unknown id", "DescribeNamespace", api.DescribeNamespaceRequest(id=str(uuid.uuid4())))
    p.call("update unknown", "UpdateNamespace", api.UpdateNamespaceRequest(namespace="nowhere"))
    p.call("list bad token", "ListWorkflowExecutions", api.ListWorkflowExecutionsRequest(
        namespace="default", next_page_token=b"rubbish"))
    p.call("list", "ListWorkflowExecutions", api.ListWorkflowExecutionsRequest(namespace="default"))
    p.call("count", "CountWorkflowExecutions", api.CountWorkflowExecutionsRequest(namespace="default"))
    p.call("describe queue", "DescribeTaskQueue", api.DescribeTaskQueueRequest(
        namespace="default", task_queue=TaskQueue(name="probe-idle", kind=TaskQueueKind.TASK_QUEUE_KIND_NORMAL)))
    p.call("describe no queue", "DescribeTaskQueue", api.DescribeTaskQueueRequest(namespace="default"))
    p.call("malformed", "StartWorkflowExecution", b"\x0a\xff\xff\xff\xff\x0f")
    p.call("bad text", "StartWorkflowExecution", b"\x0a\x02\xff\xfe")


def main():
    probe = Probe(sys.argv[1])
    closed = probe_starts(probe)
    probe_signal_with_start(probe)
    probe_executions(probe, closed)
    probe_tasks(probe)
    probe_polls(probe)
    probe_namespaces(probe)


if __name__ == "__main__":
    main()
