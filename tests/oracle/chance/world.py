"""world.py - the executions of one random script, as the server shows them.

What a script does next depends on the seed and on what the server answered, never on time: before each step the world
is looked at, and every step ends in a state that lasts. So two servers of equal behaviour see the same script.
"""
import contextlib
import itertools
import time

from temporalio.api.enums.v1 import (CallbackState, EventType, PendingActivityState, PendingWorkflowTaskState,
                                     WorkflowExecutionStatus)
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.links import link

DUE = (CallbackState.CALLBACK_STATE_SCHEDULED, CallbackState.CALLBACK_STATE_BACKING_OFF)
RUNNING, PAUSED = (WorkflowExecutionStatus.Value("WORKFLOW_EXECUTION_STATUS_" + name) for name in ("RUNNING", "PAUSED"))
TASK_ENDS = ("WORKFLOW_TASK_COMPLETED", "WORKFLOW_TASK_FAILED", "WORKFLOW_TASK_TIMED_OUT")
NO_TASK, SCHEDULED, STARTED = "none", "scheduled", "started"
WAIT_S = 30


def type_name(event):
    return EventType.Name(event.event_type).removeprefix("EVENT_TYPE_")


def attributes(event):
    return getattr(event, event.WhichOneof("attributes"))


class Execution:
    """One workflow id, and its run that the script is at."""

    def __init__(self, world, suffix, parent=None):
        self.world, self.suffix, self.parent = world, suffix, parent
        self.workflow_id = f"{world.lab.workflow_id}-{suffix}"
        self.queue = f"{world.lab.queue}-{suffix}"
        self.run_id = ""
        self.token = None  # the workflow task in the worker's hands
        self.fails = 0  # in a row: the third attempt comes late
        self.held = {}  # activity id -> the task in the worker's hands
        self.stale = set()  # activities that operators have changed since somebody polled them
        self.children = 0
        self.sticky_poll = None  # of a worker that waits for its own tasks
        self.sticky = self.short_run = False  # its tasks go to the sticky queue; the run times out soon
        self.asked = {}  # update id -> the call that waits for it
        self.accepted = []  # updates that are not completed
        self.runs = []
        self.gone = set()  # runs that were deleted
        self.request_id = None  # of the start of its run
        self.refused = False  # the last answer to a workflow task

    @contextlib.contextmanager
    def at(self):
        """The lab's calls are about this execution."""
        lab = self.world.lab
        kept = lab.workflow_id, lab.run_id, lab.queue
        lab.workflow_id, lab.run_id, lab.queue = self.workflow_id, self.run_id, self.queue
        try:
            yield lab
        finally:
            lab.workflow_id, lab.run_id, lab.queue = kept

    def look(self):
        if self.run_id in self.gone:
            self.is_open, self.task, self.events, self.activities, self.held = False, NO_TASK, [], [], {}
            return self
        with self.at() as lab:
            before = None
            for _ in range(100):  # until both are of the same moment
                self.shown = lab.call("DescribeWorkflowExecution", api.DescribeWorkflowExecutionRequest(
                    namespace="default", execution=lab.execution()), raises=True)
                self.events = lab.events()
                length = self.shown.workflow_execution_info.history_length
                if length == len(self.events) or (length, len(self.events)) == before:
                    break  # a task that is not written may count
                before = length, len(self.events)
        status = self.shown.workflow_execution_info.status
        self.is_open = status in (RUNNING, PAUSED)
        self.task = NO_TASK
        if self.shown.HasField("pending_workflow_task"):
            started = PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_STARTED
            self.task = STARTED if self.shown.pending_workflow_task.state == started else SCHEDULED
        if self.task != STARTED:
            self.token = None
        if self.is_open and self.task != NO_TASK and self.token is None and self.sticky_queue():
            self.token, self.sticky_poll = self.sticky_poll.result(timeout=15), None
            self.world.lab.show("workflow task of the sticky queue", self.token)
            return self.look()
        self.activities = sorted(self.shown.pending_activities, key=lambda a: a.activity_id)
        pending = {a.activity_id for a in self.activities}
        self.held = {k: v for k, v in self.held.items() if k in pending}
        return self

    def count(self, *names):
        return sum(type_name(event) in names for event in self.events)

    def open_timers(self):
        timers = []
        for event in self.events:
            name = type_name(event)
            if name == "TIMER_STARTED":
                timers.append(attributes(event).timer_id)
            elif name in ("TIMER_FIRED", "TIMER_CANCELED"):
                timers.remove(attributes(event).timer_id)
        return timers

    def open_updates(self):
        """Accepted and not completed."""
        found = []
        for event in self.events:
            if type_name(event) == "WORKFLOW_EXECUTION_UPDATE_ACCEPTED":
                found.append(attributes(event).protocol_instance_id)
            elif type_name(event) == "WORKFLOW_EXECUTION_UPDATE_COMPLETED":
                found.remove(attributes(event).meta.update_id)
        return found

    def scheduled_id(self, activity_id):
        return next(e.event_id for e in reversed(self.events) if type_name(e) == "ACTIVITY_TASK_SCHEDULED" and
                    attributes(e).activity_id == activity_id)

    def waiting(self, activity):
        return activity.state in (PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED,) and \
            activity.activity_id not in self.held

    def pollable(self):
        """Those whose task waits. A stale one is refused, and the reference forgets what it has in memory: updates
        that somebody waits for, that a worker tried to close the run."""
        careful = self.asked or self.task == STARTED
        return [a for a in self.activities if self.waiting(a) and not (careful and a.activity_id in self.stale)]

    def sticky_queue(self):
        """Where the scheduled workflow task waits, if that is a sticky queue."""
        if self.shown.pending_workflow_task.attempt > 1:
            return None
        for event in reversed(self.events):
            if type_name(event) in TASK_ENDS:  # the task that is shown is of an update, and not written
                return self.sticky
            if type_name(event) == "WORKFLOW_TASK_SCHEDULED":
                queue = attributes(event).task_queue
                return queue.name if queue.kind == 2 else None
        return None

    def sticky_before(self):
        """Was any task of this run given to a sticky queue? A query would go there."""
        return any(type_name(e) == "WORKFLOW_TASK_SCHEDULED" and attributes(e).task_queue.kind == 2 for e in self.events)

    def until(self, test, what):
        """Look until `test(self)` holds."""
        end = time.monotonic() + WAIT_S
        while not test(self.look()):
            if time.monotonic() > end:
                self.world.lab.say(f"== TIMED OUT waiting for {what} of {self.suffix}")
                raise TimeoutError(what)
            time.sleep(0.02)

    def until_event(self, *names):
        """Until there is one more event of these types than at the last look."""
        before = self.count(*names)
        self.until(lambda e: e.count(*names) > before, " or ".join(names))

    def open_children(self):
        return [c for c in self.world.executions if c.parent is self and c.look().is_open]

    def kept_runs(self):
        """Earlier ones."""
        return [run_id for run_id in self.runs if run_id not in self.gone]

    def queue_of(self, activity_id):
        if activity_id.startswith("e"):  # that of the workflow: eager ones need it
            return TaskQueue(name=self.queue)
        return TaskQueue(name=f"{self.queue}-{activity_id}")

    def follow(self, run_id):
        """Go on with another run of the chain."""
        self.runs.append(self.run_id)
        self.run_id, self.token, self.fails, self.held, self.accepted = run_id, None, 0, {}, []
        self.sticky, self.refused, self.request_id = False, False, None


class World:
    def __init__(self, lab, rng, receiver):
        self.lab, self.rng, self.receiver, self.executions, self.serial = lab, rng, receiver, [], 0
        self.callbacks = 0  # that requests brought
        kept, asked = lab.workflow_id, itertools.count()
        lab.new_request_id = lambda: f"{kept}-request-{next(asked):03}"  # so that what is sorted by them has an order

    def next_id(self, prefix):
        self.serial += 1
        return f"{prefix}{self.serial}"

    def linked(self):
        """What a request may bring along."""
        return dict(links=[link()]) if self.wide and self.rng.random() < 0.2 else {}

    def callbacks_of(self, rng):
        """Completion callbacks that a start may bring."""
        if not self.calls or rng.random() < 0.4:
            return {}
        self.callbacks += 1
        return dict(completion_callbacks=[self.receiver.to(f"c{self.callbacks:02}")])

    def opened(self):
        return [e for e in self.executions if e.look().is_open]

    def each_run(self):
        """Every execution at every run of it that is left."""
        for e in self.executions:
            for run_id in e.runs + [e.run_id]:
                if run_id in e.gone:
                    continue
                e.run_id, kept = run_id, e.run_id
                with e.at() as lab:
                    yield e, lab
                e.run_id = kept

    def describe(self, lab):
        """Not by a look, which is at the run that the script is at."""
        return lab.call("DescribeWorkflowExecution", api.DescribeWorkflowExecutionRequest(
            namespace="default", execution=lab.execution()), raises=True)

    def await_callbacks(self, lab):
        """Those that are due have been delivered."""
        end = time.monotonic() + WAIT_S
        while any(c.state in DUE for c in self.describe(lab).callbacks):
            if time.monotonic() > end:
                lab.say("== TIMED OUT waiting for callbacks")
                return
            time.sleep(0.02)

    def show_all(self):
        for _, lab in self.each_run():
            self.await_callbacks(lab)
        for e, lab in self.each_run():
            lab.history(f"history of {e.suffix}")
            lab.describe(f"describe {e.suffix}")
            if self.listed:
                now = self.describe(lab).workflow_execution_info
                lab.listed(f"listed {e.suffix}", status=now.status, test=lambda info: (
                    info.search_attributes == now.search_attributes and info.memo == now.memo))
        self.receiver.tell(0)
