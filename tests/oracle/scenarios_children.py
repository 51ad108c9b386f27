"""scenarios_children.py - executions that act on each other: children, signals and cancellations, changed memos."""
import contextlib
import time
import uuid

from temporalio.api.common.v1 import Header, Memo, Payload, Priority, RetryPolicy, WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import EventType, ParentClosePolicy, WorkflowIdReusePolicy
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.sdk.v1 import UserMetadata
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from lab import command, payloads, seconds
from scenarios import TEXT, each, end

CHILD = "start_child_workflow_execution"
SIGNAL = "signal_external_workflow_execution"
CANCEL = "request_cancel_external_workflow_execution"
NIL = Payload(metadata={"encoding": b"binary/null"})
TERMINATE, ABANDON, REQUEST_CANCEL = (ParentClosePolicy.Value("PARENT_CLOSE_POLICY_" + name)
                                      for name in ("TERMINATE", "ABANDON", "REQUEST_CANCEL"))


def child_of(x):
    return "child-of-" + x.workflow_id


def start_child(x, **more):
    """On a task queue of its own."""
    fields = dict(workflow_id=child_of(x), workflow_type=WorkflowType(name="child-type"),
                  task_queue=TaskQueue(name=x.queue + "-c"))
    fields.update(more)
    return command(CHILD, **fields)


@contextlib.contextmanager
def looking_at(x, workflow_id, run_id=""):
    """The lab's calls are about that execution."""
    kept = x.workflow_id, x.run_id
    x.workflow_id, x.run_id = workflow_id, run_id
    yield
    x.workflow_id, x.run_id = kept


def await_type(x, name, count=1):
    x.await_events(count, event_type=EventType.Value("EVENT_TYPE_" + name))


def await_no_child(x):
    """Until the parent knows that its child has closed, be it in its buffer."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if not x.call("DescribeWorkflowExecution", api.DescribeWorkflowExecutionRequest(
                namespace="default", execution=x.execution()), raises=True).pending_children:
            return
        time.sleep(0.03)
    x.say("== TIMED OUT waiting for a child to be gone")


def parent_and_child(x, **more):
    """Both run; the parent has seen that its child started."""
    x.start()
    x.complete(x.poll(), start_child(x, **more))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
    x.complete(x.poll())


def child_run(x):
    for event in x.events():
        if event.HasField("child_workflow_execution_started_event_attributes"):
            return event.child_workflow_execution_started_event_attributes.workflow_execution.run_id
    return ""


def both(x):
    x.history("history of the parent")
    x.describe("describe the parent")
    with looking_at(x, child_of(x), child_run(x)):
        x.history("history of the child")
        x.describe("describe the child")


# -- a child's life -------------------------------------------------------------------------------
def s_child_completed(x):
    x.start(priority=Priority(priority_key=2))
    x.complete(x.poll(), start_child(x, input=payloads("in")), show=True)
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
    both(x)
    x.complete(x.poll(show=True))
    x.complete(x.poll(queue=x.queue + "-c", show=True),
               command("complete_workflow_execution", result=payloads("done")))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_COMPLETED")
    end(x, x.poll(show=True))
    both(x)
    with looking_at(x, child_of(x), child_run(x)):
        x.listed("list the child", status=2)


def s_child_everything(x):
    x.start(priority=Priority(priority_key=2, fairness_key="f"), memo=Memo(fields={"m": TEXT}))
    x.complete(x.poll(), start_child(
        x, namespace="default", input=payloads("a", "b"), workflow_execution_timeout=seconds(60),
        workflow_run_timeout=seconds(90), workflow_task_timeout=seconds(7), control="c",
        parent_close_policy=REQUEST_CANCEL, header=Header(fields={"h": TEXT}), memo=Memo(fields={"n": TEXT}),
        workflow_id_reuse_policy=WorkflowIdReusePolicy.Value("WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE"),
        retry_policy=RetryPolicy(maximum_attempts=1), priority=Priority(priority_key=4),
        user_metadata=UserMetadata(summary=TEXT)))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
    both(x)
    x.terminate()
    with looking_at(x, child_of(x)):
        await_type(x, "WORKFLOW_EXECUTION_CANCEL_REQUESTED")
    both(x)


def s_child_failed(x):
    parent_and_child(x)
    x.complete(x.poll(queue=x.queue + "-c"), command("fail_workflow_execution", failure=Failure(
        message="no", application_failure_info=ApplicationFailureInfo(type="T", details=payloads("d")))))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_FAILED")
    both(x)


def s_child_canceled(x):
    parent_and_child(x)
    x.complete(x.poll(queue=x.queue + "-c"), command("cancel_workflow_execution", details=payloads("d")))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_CANCELED")
    both(x)


def s_child_terminated(x):
    parent_and_child(x)
    with looking_at(x, child_of(x)):
        x.terminate(reason="why")
    await_type(x, "CHILD_WORKFLOW_EXECUTION_TERMINATED")
    both(x)


def s_child_timed_out(x):
    parent_and_child(x, workflow_run_timeout=seconds(1))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_TIMED_OUT")
    both(x)


def s_child_inherits_its_queue(x):
    x.start()
    x.complete(x.poll(), command(CHILD, workflow_id=child_of(x), workflow_type=WorkflowType(name="t")))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
    x.history()


def s_child_continues_as_new(x):
    parent_and_child(x)
    x.complete(x.poll(queue=x.queue + "-c"),
               command("start_timer", timer_id="t", start_to_fire_timeout=seconds(1.1)))  # then the next does not wait
    x.complete(x.poll(queue=x.queue + "-c"), command("continue_as_new_workflow_execution", input=payloads("next")))
    first = child_run(x)
    x.complete(x.poll(queue=x.queue + "-c"), command("complete_workflow_execution", result=payloads("end")))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_COMPLETED")
    x.history("history of the parent")
    with looking_at(x, child_of(x)):
        x.history("history of the child's last run")
        x.describe("describe the child's last run")
    with looking_at(x, child_of(x), first):
        x.history("history of the child's first run")


def s_child_retried(x):
    """The parent hears of the last try alone."""
    parent_and_child(x, retry_policy=RetryPolicy(initial_interval=seconds(1.2), maximum_attempts=2))
    first = child_run(x)
    x.complete(x.poll(queue=x.queue + "-c"), command("fail_workflow_execution", failure=Failure(message="first")))
    x.complete(x.poll(queue=x.queue + "-c", show=True),
               command("fail_workflow_execution", failure=Failure(message="second")))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_FAILED")
    x.history("history of the parent")
    with looking_at(x, child_of(x)):
        x.history("history of the second try")
    with looking_at(x, child_of(x), first):
        x.history("history of the first try")
        x.describe("describe the first try")


def s_child_of_child(x):
    x.start()
    x.complete(x.poll(), start_child(x))
    grandchild = "grand" + child_of(x)
    x.complete(x.poll(queue=x.queue + "-c"), command(
        CHILD, workflow_id=grandchild, workflow_type=WorkflowType(name="t"), task_queue=TaskQueue(name=x.queue + "-g")))
    x.poll(queue=x.queue + "-g")
    with looking_at(x, grandchild):
        x.history("history of the grandchild")
        x.describe("describe the grandchild")


def s_child_duplicate_id(x):
    parent_and_child(x)
    x.signal()
    x.complete(x.poll(), start_child(x, control="c"))
    await_type(x, "START_CHILD_WORKFLOW_EXECUTION_FAILED")
    x.history()
    x.describe()


def s_child_reject_duplicate(x):
    parent_and_child(x)
    x.complete(x.poll(queue=x.queue + "-c"), command("complete_workflow_execution"))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_COMPLETED")
    x.complete(x.poll(), start_child(
        x, workflow_id_reuse_policy=WorkflowIdReusePolicy.Value("WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE")))
    await_type(x, "START_CHILD_WORKFLOW_EXECUTION_FAILED")
    x.history()


def s_child_closes_while_the_parent_works(x):
    x.start()
    x.complete(x.poll(), start_child(x))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
    task = x.poll()
    child = x.poll(queue=x.queue + "-c")
    x.complete(child, command("complete_workflow_execution"))
    await_no_child(x)
    x.signal()
    x.complete(task)
    await_type(x, "CHILD_WORKFLOW_EXECUTION_COMPLETED")
    x.history()


# -- the parent closes ----------------------------------------------------------------------------
def parent_closes(x, policy, close, state):
    """`state`: what the child's history shows then."""
    parent_and_child(x, parent_close_policy=policy)
    x.signal()
    close(x)
    with looking_at(x, child_of(x)):
        if state:
            await_type(x, state)
    both(x)


def completes(x):
    x.complete(x.poll(), command("complete_workflow_execution"))


def fails(x):
    x.complete(x.poll(), command("fail_workflow_execution", failure=Failure(message="no")))


def continues(x):
    x.complete(x.poll(), command("continue_as_new_workflow_execution"))


def terminated(x):
    x.terminate(reason="why")


def s_parent_completes_terminates_child(x):
    parent_closes(x, TERMINATE, completes, "WORKFLOW_EXECUTION_TERMINATED")


def s_parent_completes_cancels_child(x):
    parent_closes(x, REQUEST_CANCEL, completes, "WORKFLOW_EXECUTION_CANCEL_REQUESTED")


def s_parent_completes_abandons_child(x):
    parent_closes(x, ABANDON, completes, None)


def s_parent_fails_terminates_child(x):
    parent_closes(x, TERMINATE, fails, "WORKFLOW_EXECUTION_TERMINATED")


def s_parent_terminated_cancels_child(x):
    parent_closes(x, REQUEST_CANCEL, terminated, "WORKFLOW_EXECUTION_CANCEL_REQUESTED")


def s_parent_continues_terminates_child(x):
    parent_closes(x, TERMINATE, continues, "WORKFLOW_EXECUTION_TERMINATED")


def s_parent_continues_abandons_child(x):
    parent_closes(x, ABANDON, continues, None)


def s_parent_ends_with_the_start(x):
    """Asked for in the task that ends the parent: it never starts."""
    x.start()
    x.complete(x.poll(), start_child(x, parent_close_policy=ABANDON), command("complete_workflow_execution"))
    x.history()
    x.describe()
    with looking_at(x, child_of(x)):
        x.describe("describe the child")


# -- signals and cancellations ----------------------------------------------------------------------
def other(x):
    """Another open workflow."""
    name = "other-than-" + x.workflow_id
    with looking_at(x, name):
        x.start(workflow_id=name, task_queue=TaskQueue(name=x.queue + "-o"))
        run_id = x.run_id
    return name, run_id


def execution(name, run_id=""):
    return WorkflowExecution(workflow_id=name, run_id=run_id)


def s_external_signal(x):
    name, run_id = other(x)
    x.start()
    x.complete(x.poll(), command(SIGNAL, execution=execution(name), signal_name="s", input=payloads("i"), control="c",
                                 header=Header(fields={"h": TEXT})))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_SIGNALED")
    x.complete(x.poll(), command(SIGNAL, execution=execution(name, run_id), signal_name="t", namespace="default"))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_SIGNALED", 2)
    x.history()
    with looking_at(x, name, run_id):
        x.history("history of the other")


def s_external_signal_fails(x):
    name, run_id = other(x)
    for label, at, more in (("nobody", execution("nobody-" + x.workflow_id), {}),
                            ("no such run", execution(name, str(uuid.uuid4())), {}),
                            ("not a child", execution(name), {"child_workflow_only": True}),
                            ("itself", execution(x.workflow_id), {"control": "c"})):
        x.start(workflow_id=x.workflow_id)
        x.complete(x.poll(), command(SIGNAL, execution=at, signal_name="s", **more))
        await_type(x, "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED")
        x.history(label)
        x.terminate()
    with looking_at(x, name, run_id):
        x.terminate()
    x.start(workflow_id=x.workflow_id)
    x.complete(x.poll(), command(SIGNAL, execution=execution(name), signal_name="s"))
    await_type(x, "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED")
    x.history("closed")


def s_external_signal_own_child(x):
    parent_and_child(x)
    x.signal()
    x.complete(x.poll(), command(SIGNAL, execution=execution(child_of(x)), signal_name="s", child_workflow_only=True))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_SIGNALED")
    both(x)


def s_external_cancel(x):
    name, run_id = other(x)
    x.start()
    x.complete(x.poll(), command(CANCEL, workflow_id=name, reason="why", control="c"))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED")
    x.complete(x.poll(), command(CANCEL, workflow_id=name, run_id=run_id, namespace="default"))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED", 2)
    x.history()
    with looking_at(x, name, run_id):
        x.history("history of the other")
        x.terminate()
    x.complete(x.poll(), command(CANCEL, workflow_id=name))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED", 3)
    x.history("also of a closed one")


def s_external_cancel_fails(x):
    name, _ = other(x)
    for label, at, more in (("nobody", "nobody-" + x.workflow_id, {}), ("not a child", name, {"child_workflow_only": True}),
                            ("itself", x.workflow_id, {"control": "c"})):
        x.start(workflow_id=x.workflow_id)
        x.complete(x.poll(), command(CANCEL, workflow_id=at, **more))
        await_type(x, "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED")
        x.history(label)
        x.terminate()


def s_external_cancel_own_child(x):
    parent_and_child(x)
    x.signal()
    x.complete(x.poll(), command(CANCEL, workflow_id=child_of(x), child_workflow_only=True))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED")
    x.complete(x.poll(queue=x.queue + "-c", show=True), command("cancel_workflow_execution"))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_CANCELED")
    both(x)


def s_external_in_the_last_task(x):
    name, run_id = other(x)
    x.start()
    x.complete(x.poll(), command(SIGNAL, execution=execution(name), signal_name="s"),
               command(CANCEL, workflow_id=name), command("complete_workflow_execution"))
    x.history()
    with looking_at(x, name, run_id):
        x.history("history of the other")


# -- bad commands -----------------------------------------------------------------------------------
def s_child_bad(x):
    each(x, {
        "no id": start_child(x, workflow_id=""),
        "no type": start_child(x, workflow_type=WorkflowType()),
        "long id": start_child(x, workflow_id="c" * 1001),
        "long type": start_child(x, workflow_type=WorkflowType(name="t" * 1001)),
        "negative run timeout": start_child(x, workflow_run_timeout=seconds(-1)),
        "negative task timeout": start_child(x, workflow_task_timeout=seconds(-1)),
        "negative execution timeout": start_child(x, workflow_execution_timeout=seconds(-1)),
        "bad retry policy": start_child(x, retry_policy=RetryPolicy(maximum_attempts=-1)),
        "bad cron": start_child(x, cron_schedule="every now and then"),
        "bad priority": start_child(x, priority=Priority(priority_key=-1)),
    })


def s_external_bad(x):
    each(x, {
        "signal nobody": command(SIGNAL, signal_name="s"),
        "signal no id": command(SIGNAL, execution=execution("", "r"), signal_name="s"),
        "signal bad run": command(SIGNAL, execution=execution("w", "r"), signal_name="s"),
        "signal no name": command(SIGNAL, execution=execution("w")),
        "signal long id": command(SIGNAL, execution=execution("w" * 1001), signal_name="s"),
        "cancel no id": command(CANCEL),
        "cancel bad run": command(CANCEL, workflow_id="w", run_id="r"),
        "cancel long id": command(CANCEL, workflow_id="w" * 1001),
    })


def s_external_other_namespace(x):
    x.call("RegisterNamespace", api.RegisterNamespaceRequest(
        namespace=x.workflow_id, workflow_execution_retention_period=seconds(86400)))
    each(x, {
        "signal": command(SIGNAL, execution=execution("w"), signal_name="s", namespace=x.workflow_id),
        "cancel": command(CANCEL, workflow_id="w", namespace=x.workflow_id),
        "child": start_child(x, namespace=x.workflow_id),
    })


def s_external_no_such_namespace(x):
    x.start()
    x.complete(x.poll(), command(SIGNAL, execution=execution("w"), signal_name="s", namespace="no-such-namespace"))
    x.outline()
    x.describe()


def s_child_start_and_cancel(x):
    x.start()
    x.complete(x.poll(), start_child(x), command(CANCEL, workflow_id=child_of(x)))
    x.history()


# -- the memo ---------------------------------------------------------------------------------------
def s_memo_modified(x):
    x.start(memo=Memo(fields={"a": TEXT, "b": TEXT}))
    x.complete(x.poll(), command("modify_workflow_properties", upserted_memo=Memo(fields={"b": NIL, "c": TEXT})))
    x.describe()
    x.signal()
    end(x, x.poll())
    x.listed(status=2)
    x.history()
    x.describe("describe after the end")


def s_memo_bad(x):
    each(x, {
        "none": command("modify_workflow_properties"),
        "empty": command("modify_workflow_properties", upserted_memo=Memo()),
    })
