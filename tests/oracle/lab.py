"""lab.py - one server under comparison: raw gRPC calls, each written down in a form free of ids and times.

A scenario gets a `Lab`, plays client and worker by hand and thereby fills `lab.lines`. The same scenario on two
servers of equal behaviour gives equal lines. What differs by nature is masked (ids, tokens, clock times, sizes);
expiration times are written relative to the event that carries them.
"""
import math
import pathlib
import re
import sys
import threading
import time
import uuid

import grpc
from google.protobuf import descriptor_pool, duration_pb2, message_factory
from temporalio.api.command.v1 import Command
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import CommandType, EventType, HistoryEventFilterType, TaskQueueKind
from temporalio.api.errordetails.v1 import message_pb2 as _errordetails  # noqa: F401 registers the types
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from rpc_status import Status

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import history_checker  # noqa: E402 it lives with the other tests

SERVICE = "/temporal.api.workflowservice.v1.WorkflowService/"
UUID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TRACE_LINE = re.compile(r'File "[^"]*?([^/"]+)", line \d+')
NANOS = 1_000_000_000
# Numbers and texts that are a server's own affair: ids and tokens, bytes (they count the ids), and how long it took.
MASKED = {"task_id", "history_size_bytes", "total_history_size", "task_token", "next_page_token", "version",
          "execution_duration", "requests_per_second"}  # of a queue: the reference multiplies a setting by its partitions
# Hints to pollers that depend on how long each poll had waited, and on what waits.
DROPPED = {"poller_scaling_decision", "backlog_count_hint"}
TEXT_MAX = 1500


def seconds(n):
    whole = int(n)
    return duration_pb2.Duration(seconds=whole, nanos=int(round((n - whole) * NANOS)))


def payloads(*texts):
    return Payloads(payloads=[Payload(metadata={"encoding": b"json/plain"}, data=b'"%s"' % t.encode()) for t in texts])


# To the CLI the reference shows what is written; to SDKs also the task of a transient attempt.
AS_CLI = (("client-name", "temporal-cli"), ("client-version", "1.5.1"))


class Answer(Exception):
    """An RPC failed; the lab has written it down."""

    def __init__(self, error):
        super().__init__(f"{error.code().name}: {error.details()}")
        self.code = error.code()


class Lab:
    def __init__(self, address, name, namespace="default"):
        """Requests that name the namespace "default" go to `namespace`."""
        self.address, self.name, self.namespace = address, name, namespace
        self.channel = grpc.insecure_channel(
            address, options=[("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", 64 << 20)])
        self.lines, self.ids, self.lock = [], {}, threading.Lock()
        self.workflow_id = f"{name}-{uuid.uuid4()}"
        self.queue = f"{name}-queue-{uuid.uuid4()}"
        self.run_id = ""
        self.quiet = False

    def close(self):
        self.channel.close()

    # -- writing down -------------------------------------------------------------------------
    def mask(self, text):
        return UUID.sub(lambda m: self.ids.setdefault(m.group(), f"<id{len(self.ids)}>"), text)

    def say(self, text):
        if not self.quiet:
            with self.lock:
                self.lines.append(self.mask(text))

    def show(self, label, message, base_ns=None):
        self.say(f"== {label}")
        self._message(message, "  ", base_ns)

    def _message(self, message, pad, base_ns):
        times = [v.ToNanoseconds() for f, v in message.ListFields() if f.name in ("event_time", "start_time")]
        base_ns = times[0] if times else base_ns
        fields = message.ListFields()
        if not fields:
            self.say(pad + "(empty)")
        for field, value in fields:
            if field.name in DROPPED:
                continue
            if field.is_repeated:
                if field.message_type is not None and field.message_type.GetOptions().map_entry:
                    for key in sorted(value):
                        self._value(field.message_type.fields_by_name["value"], f"{field.name}[{key}]", value[key], pad,
                                    base_ns)
                else:
                    if field.name == "pending_activities":  # in no order
                        value = sorted(value, key=lambda a: a.activity_id)
                    elif field.name == "callbacks":
                        value = sorted(value, key=lambda c: c.callback.nexus.url)
                    elif field.name == "pending_children":
                        value = sorted(value, key=lambda c: c.initiated_id)
                    elif field.name.endswith("_used_flags"):
                        value = sorted(value)
                    for item in value:
                        self._value(field, field.name, item, pad, base_ns)
            else:
                self._value(field, field.name, value, pad, base_ns)

    def _value(self, field, label, value, pad, base_ns):
        if field.name in MASKED:
            self.say(f"{pad}{label}: <masked>")
        elif field.message_type is None:
            if field.enum_type is not None:
                known = field.enum_type.values_by_number.get(value)
                value = known.name if known else value
            elif isinstance(value, bytes):
                value = re.sub(r'"(seconds|nanos)":\d+', r'"\1":0', value.decode("utf-8", "replace"))
            if field.name == "stack_trace":  # of Python: where the SDK is installed is no matter
                value = TRACE_LINE.sub(r'File "\1"', value)
            if isinstance(value, str):
                value = value[:TEXT_MAX]
            self.say(f"{pad}{label}: {value!r}" if isinstance(value, str) and not field.enum_type
                     else f"{pad}{label}: {value}")
        elif field.message_type.full_name == "google.protobuf.Timestamp":
            text = "<time>"
            if "expiration" in field.name and base_ns:
                text = f"start + {math.ceil((value.ToNanoseconds() - base_ns) / NANOS - 0.1)} s"  # a chain goes on late
            if value.ToNanoseconds() <= 0:
                text = f"{value.ToNanoseconds()}"
            self.say(f"{pad}{label}: {text}")
        elif field.message_type.full_name == "google.protobuf.Duration":
            # Of a task that fails again and again; what is left of the least interval between two runs.
            jittered = (value.seconds >= 10 or field.name == "first_workflow_task_backoff") and value.nanos % 1000000
            if field.name == "current_retry_interval":  # between two moments: some microseconds longer
                value = seconds(math.floor(value.ToNanoseconds() / 1e7) / 100)
            self.say(f"{pad}{label}: {'<jittered>' if jittered else value.ToJsonString()}")
        else:
            self.say(f"{pad}{label}:")
            self._message(value, pad + "  ", base_ns)

    def show_error(self, label, error):
        text = error.details()
        code = error.code().name
        if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED or "RST_STREAM" in text:
            code, text = "DEADLINE_EXCEEDED", "<in the words of whoever noticed first>"
        self.say(f"== {label}: {code} | {text[:TEXT_MAX]}")
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                for detail in Status.FromString(value).details:
                    self.say(f"  detail {detail.type_url}")
                    try:
                        found = descriptor_pool.Default().FindMessageTypeByName(detail.type_url.rsplit("/", 1)[-1])
                        message = message_factory.GetMessageClass(found)()
                        message.ParseFromString(detail.value)
                        self._message(message, "    ", None)
                    except KeyError:
                        self.say("    (unknown type)")

    # -- calling ------------------------------------------------------------------------------
    def call(self, method, request, timeout=10.0, label=None, show=False, raises=False, metadata=()):
        """The response, or None after an error, which is written down."""
        response_type = getattr(api, method + "Response")
        stub = self.channel.unary_unary(SERVICE + method, request_serializer=lambda m: m.SerializeToString(),
                                        response_deserializer=response_type.FromString)
        self._settle(request)
        response = error = None
        for _ in range(50):
            try:
                response = stub(request, timeout=timeout, metadata=metadata)
                break
            except grpc.RpcError as failed:
                error = failed
                if not re.search("Persistence Max QPS|rate limit exceeded", error.details()):
                    break
                time.sleep(0.2)  # the reference's own store is rate limited
        else:
            response = None
        if error is not None and response is None:
            self.show_error(label or method, error)
            if raises:
                raise Answer(error) from None
            return None
        if show:
            self.show(label or method, response)
        return response

    def _settle(self, request):
        """The request, and the operations in it, for the namespace of this scenario's settings."""
        for one in [request, *(getattr(o, o.WhichOneof("operation")) for o in getattr(request, "operations", ())
                               if o.WhichOneof("operation"))]:
            if getattr(one, "namespace", "") == "default":
                one.namespace = self.namespace

    def new_request_id(self):
        return str(uuid.uuid4())

    def execution(self, run_id=None):
        return WorkflowExecution(workflow_id=self.workflow_id, run_id=self.run_id if run_id is None else run_id)

    def start(self, show=False, label="start", **changes):
        fields = dict(namespace="default", workflow_id=self.workflow_id, request_id=self.new_request_id(), identity="client",
                      workflow_type=WorkflowType(name="wf-type"), task_queue=TaskQueue(name=self.queue))
        fields.update(changes)
        response = self.call("StartWorkflowExecution", api.StartWorkflowExecutionRequest(**fields), label=label, show=show)
        if response is not None:
            self.run_id = response.run_id
        return response

    def poll(self, show=False, label="workflow task", queue=None, timeout=15.0, sticky_of=None):
        task_queue = TaskQueue(name=queue or self.queue)
        if sticky_of:
            task_queue = TaskQueue(name=sticky_of, kind=TaskQueueKind.TASK_QUEUE_KIND_STICKY, normal_name=self.queue)
        response = self.call("PollWorkflowTaskQueue", api.PollWorkflowTaskQueueRequest(
            namespace="default", task_queue=task_queue, identity="worker"), timeout, label, show)
        return response

    def poll_ahead(self, sticky, timeout=120.0):
        """A poll of a sticky queue that waits; .result() is its task."""
        stub = self.channel.unary_unary(
            SERVICE + "PollWorkflowTaskQueue", request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=api.PollWorkflowTaskQueueResponse.FromString)
        queue = TaskQueue(name=sticky, kind=TaskQueueKind.TASK_QUEUE_KIND_STICKY, normal_name=self.queue)
        return stub.future(api.PollWorkflowTaskQueueRequest(namespace=self.namespace, task_queue=queue, identity="worker"),
                           timeout=timeout)

    def complete(self, task, *commands, show=False, label="complete task", timeout=10.0, **more):
        token = task if isinstance(task, bytes) else task.task_token
        return self.call("RespondWorkflowTaskCompleted", api.RespondWorkflowTaskCompletedRequest(
            namespace="default", task_token=token, identity="worker", commands=commands, **more), timeout, label, show)

    def fail_task(self, task, label="fail task", **more):
        return self.call("RespondWorkflowTaskFailed", api.RespondWorkflowTaskFailedRequest(
            namespace="default", task_token=task.task_token, identity="worker", **more), label=label)

    def poll_activity(self, show=False, label="activity task", timeout=15.0):
        return self.call("PollActivityTaskQueue", api.PollActivityTaskQueueRequest(
            namespace="default", task_queue=TaskQueue(name=self.queue), identity="worker"), timeout, label, show)

    def complete_activity(self, task, label="complete activity", **more):
        return self.call("RespondActivityTaskCompleted", api.RespondActivityTaskCompletedRequest(
            namespace="default", task_token=task.task_token, identity="worker", **more), label=label)

    def fail_activity(self, task, failure=None, label="fail activity", show=False, **more):
        return self.call("RespondActivityTaskFailed", api.RespondActivityTaskFailedRequest(
            namespace="default", task_token=task.task_token, identity="worker", failure=failure, **more), label=label,
            show=show)

    def cancel_activity(self, task, label="activity canceled", **more):
        return self.call("RespondActivityTaskCanceled", api.RespondActivityTaskCanceledRequest(
            namespace="default", task_token=task.task_token, identity="worker", **more), label=label)

    def heartbeat(self, task, label="heartbeat", show=False, **more):
        return self.call("RecordActivityTaskHeartbeat", api.RecordActivityTaskHeartbeatRequest(
            namespace="default", task_token=task.task_token, identity="worker", **more), label=label, show=show)

    def signal(self, name="sig", label="signal", **more):
        more.setdefault("request_id", self.new_request_id())
        return self.call("SignalWorkflowExecution", api.SignalWorkflowExecutionRequest(
            namespace="default", workflow_execution=more.pop("execution", self.execution()), signal_name=name,
            identity="client", **more), label=label)

    def cancel(self, label="cancel", **more):
        more.setdefault("request_id", self.new_request_id())
        return self.call("RequestCancelWorkflowExecution", api.RequestCancelWorkflowExecutionRequest(
            namespace="default", workflow_execution=more.pop("execution", self.execution()), identity="client", **more),
            label=label)

    def terminate(self, label="terminate", **more):
        return self.call("TerminateWorkflowExecution", api.TerminateWorkflowExecutionRequest(
            namespace="default", workflow_execution=more.pop("execution", self.execution()), identity="client", **more),
            label=label)

    def query(self, name="q", label="query", timeout=10.0, **more):
        from temporalio.api.query.v1 import WorkflowQuery
        return self.call("QueryWorkflow", api.QueryWorkflowRequest(
            namespace="default", execution=self.execution(), query=WorkflowQuery(query_type=name, query_args=payloads("a")),
            **more), timeout, label, True)

    def behind(self, function, *args, **kwargs):
        """Run in a thread; .join() it."""
        thread = threading.Thread(target=function, args=args, kwargs=kwargs, daemon=True)
        thread.start()
        return thread

    # -- looking ------------------------------------------------------------------------------
    def events(self, **more):
        more.setdefault("execution", self.execution())
        events, token = [], b""
        while True:
            page = self.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
                namespace="default", next_page_token=token, **more), raises=True, metadata=AS_CLI)
            events += page.history.events
            token = page.next_page_token
            if not token:
                return self._legal(events, more)

    def _legal(self, events, asked):
        """Whole histories keep the laws that the integration tests check, those of the reference too."""
        if "history_event_filter_type" not in asked:
            for problem in history_checker.problems_of(events):
                self.say("== ILLEGAL HISTORY: " + problem)
        return events

    def history(self, label="history", **more):
        self.say(f"== {label}")
        for event in self.events(**more):
            self.say(f" -- event {event.event_id}")
            self._message(event, "    ", None)

    def outline(self, label="outline"):
        names = [EventType.Name(e.event_type).replace("EVENT_TYPE_", "") for e in self.events()]
        self.say(f"== {label}: {' '.join(names)}")

    def describe(self, label="describe", **more):
        return self.call("DescribeWorkflowExecution", api.DescribeWorkflowExecutionRequest(
            namespace="default", execution=self.execution(), **more), label=label, show=True)

    def await_events(self, count, timeout=20.0, event_type=None):
        """Until the history holds that many events (of a type)."""
        end = time.monotonic() + timeout
        while True:
            events = [e for e in self.events() if event_type is None or e.event_type == event_type]
            if len(events) >= count:
                return
            if time.monotonic() > end:
                self.say(f"== TIMED OUT waiting for {count} events of type {event_type}, have {len(events)}")
                return
            time.sleep(0.05)

    def await_close(self, timeout=20.0):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            response = self.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
                namespace="default", execution=self.execution(), wait_new_event=True,
                history_event_filter_type=HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT), timeout=timeout,
                raises=True)
            if response.history.events:
                return
        self.say("== TIMED OUT waiting for the close event")

    def pending_activity(self, test, timeout=20.0):
        """Until the (first) pending activity satisfies test."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            response = self.call("DescribeWorkflowExecution", api.DescribeWorkflowExecutionRequest(
                namespace="default", execution=self.execution()), raises=True)
            if any(test(a) for a in response.pending_activities):
                return
            time.sleep(0.03)
        self.say("== TIMED OUT waiting for a pending activity")

    def listed(self, label="list", status=None, timeout=15.0, test=lambda info: True):
        """The visibility record, once it is there (with that status, and as `test` wants it)."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            found = [e for e in self._all_listed() if e.execution.run_id == self.run_id]
            if found and (status is None or found[0].status == status) and test(found[0]):
                self.show(label, found[0])
                return
            time.sleep(0.3)
        self.say(f"== TIMED OUT waiting to be listed: {len(found)}")

    def _all_listed(self):
        """Asked for by workflow id; a server without filters is read page by page."""
        self.quiet = True
        found = self.call("ListWorkflowExecutions", api.ListWorkflowExecutionsRequest(
            namespace="default", query=f'WorkflowId = "{self.workflow_id}"'))
        self.quiet = False
        if found is not None:
            return list(found.executions)
        executions, token = [], b""
        while True:
            page = self.call("ListWorkflowExecutions", api.ListWorkflowExecutionsRequest(
                namespace="default", page_size=1000, next_page_token=token), raises=True)
            executions += page.executions
            token = page.next_page_token
            if not token:
                return executions


def command(kind, **attributes):
    """Command by the short name of its type, with its attributes."""
    number = CommandType.Value("COMMAND_TYPE_" + kind.upper())
    field = kind + "_command_attributes"
    metadata = attributes.pop("user_metadata", None)
    result = Command(command_type=number, user_metadata=metadata)
    getattr(result, field).SetInParent()
    for key, value in attributes.items():
        target = getattr(result, field)
        if isinstance(value, dict) and key == "search_attributes":
            target.search_attributes.SetInParent()
            for k, v in value.get("indexed_fields", {}).items():
                target.search_attributes.indexed_fields[k].CopyFrom(v)
        elif hasattr(value, "ListFields"):
            getattr(target, key).CopyFrom(value)
        elif isinstance(value, (list, tuple)):
            getattr(target, key).extend(value)
        elif isinstance(value, dict):
            for k, v in value.items():
                getattr(target, key)[k].CopyFrom(v)
        else:
            setattr(target, key, value)
    return result
