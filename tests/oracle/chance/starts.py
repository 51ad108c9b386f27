"""starts.py - starts of a random script that meet a workflow of the same id, running or closed, and deletions."""
import time

from temporalio.api.enums.v1 import QueryRejectCondition, WorkflowIdReusePolicy
from temporalio.api.enums.v1 import WorkflowIdConflictPolicy as Conflict
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflow.v1 import OnConflictOptions
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from chance import resets
from kit import updates
from kit.links import link
from lab import seconds

FAIL, USE, TERMINATE = (Conflict.Value("WORKFLOW_ID_CONFLICT_POLICY_" + name)
                        for name in ("FAIL", "USE_EXISTING", "TERMINATE_EXISTING"))
BOTH = OnConflictOptions(attach_request_id=True, attach_completion_callbacks=True, attach_links=True)
LEAST_S = 1.2  # a workflow id is not used again sooner


def wait_for_age(e):
    """Until a run lives so long that another may follow it at once."""
    time.sleep(max(0, e.shown.workflow_execution_info.start_time.ToNanoseconds() / 1e9 + LEAST_S - time.time()))


def start_again(e, x):
    """With an id that is taken: refused, or answered by the running one."""
    rng, more = e.world.rng, {}
    if e.request_id and rng.random() < 0.2:
        more["request_id"] = e.request_id
    kept = x.run_id
    x.start(show=True, label="start again", workflow_id=e.workflow_id, workflow_id_conflict_policy=rng.choice([FAIL, USE]),
            **more)
    x.run_id = kept


def attach(e, x):
    """What a start brings goes to the running one."""
    rng = e.world.rng
    more = {"links": [link()]} if rng.random() < 0.5 else {}
    more.update(e.world.callbacks_of(rng))
    kept = x.run_id
    x.start(show=True, label="attach", workflow_id=e.workflow_id, workflow_id_conflict_policy=USE, on_conflict_options=BOTH,
            **more)
    x.run_id = kept


def send_signal_with_start(e, x, **more):
    return x.call("SignalWithStartWorkflowExecution", api.SignalWithStartWorkflowExecutionRequest(
        namespace="default", workflow_id=e.workflow_id, workflow_type={"name": "wf-type"}, identity="client",
        task_queue=TaskQueue(name=e.queue), signal_name=e.world.next_id("sws"), request_id=x.new_request_id(), **more),
        show=True)


def signal_with_start(e, x):
    send_signal_with_start(e, x, **e.world.linked())


def replace(e, x, closed):
    """A start ends the running one; `closed` follows up on that."""
    wait_for_age(e)
    request_id = x.new_request_id()
    if e.world.rng.random() < 0.5:
        answer = x.start(show=True, label="start in its place", request_id=request_id, workflow_id=e.workflow_id,
                         workflow_id_conflict_policy=TERMINATE, workflow_task_timeout=seconds(60))
    else:
        answer = send_signal_with_start(e, x, workflow_id_conflict_policy=TERMINATE, workflow_task_timeout=seconds(60))
        request_id = None
    if answer is None or answer.run_id == e.run_id:
        return
    x.run_id = e.run_id
    e.token = None
    e.look()
    closed(e)
    if e.parent is not None:
        e.parent = None  # the new run is nobody's child
    begin(e, answer.run_id, request_id)


def begin(e, run_id, request_id=None):
    """The script goes on with a run that a client started."""
    e.follow(run_id)
    e.short_run, e.request_id = False, request_id
    e.look()


def revive(e, x):
    """A workflow that has closed: its id may be used again, or not, or a run of it is reset."""
    rng = e.world.rng
    policy = WorkflowIdReusePolicy.Value("WORKFLOW_ID_REUSE_POLICY_" + rng.choice(
        ["ALLOW_DUPLICATE", "ALLOW_DUPLICATE", "ALLOW_DUPLICATE_FAILED_ONLY", "REJECT_DUPLICATE"]))
    kind = rng.choice(["start", "signal with start", "update with start", "reset"])
    x.query(query_reject_condition=QueryRejectCondition.QUERY_REJECT_CONDITION_NOT_OPEN)
    if kind == "reset" and e.world.updates and e.run_id not in e.gone:
        return resets.reset(e, x)
    if kind in ("start", "reset"):
        request_id = x.new_request_id()
        answer = x.start(show=True, label="start anew", workflow_id_reuse_policy=policy, request_id=request_id,
                         **e.world.callbacks_of(rng))
        if answer:
            begin(e, answer.run_id, request_id)
    elif kind == "signal with start":
        answer = send_signal_with_start(e, x, workflow_id_reuse_policy=policy)
        if answer:
            begin(e, answer.run_id)
    else:
        update_id = e.world.next_id("u")
        asked = updates.Asked(x, updates.update_with_start, update_id, updates.ACCEPTED, workflow_id_reuse_policy=policy,
                              workflow_id_conflict_policy=USE)
        task = x.poll(show=True, timeout=4)
        if task is None or not task.task_token:
            asked.tell()
            return
        updates.answer(x, task, updates.accept(task, update_id), updates.done(update_id), show=True)
        asked.tell()
        begin(e, task.workflow_execution.run_id)


def delete(e, x):
    """A run, with its history, is gone; the others of its workflow stay."""
    kept = e.kept_runs()
    run_id = e.world.rng.choice(kept) if kept and e.is_open else e.run_id
    x.run_id = run_id
    x.call("DeleteWorkflowExecution", api.DeleteWorkflowExecutionRequest(
        namespace="default", workflow_execution=x.execution()), show=True)
    end, x.quiet = time.monotonic() + 40, True
    while x.call("DescribeWorkflowExecution", api.DescribeWorkflowExecutionRequest(
            namespace="default", execution=x.execution())) is not None and time.monotonic() < end:
        time.sleep(0.1)
    x.quiet = False
    x.describe("describe what is gone")
    e.gone.add(run_id)
    e.look()
