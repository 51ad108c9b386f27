"""history_checker.py - the laws that every event history keeps, whatever the workflow did.

1. Ids are contiguous from 1; every event has a time and the attributes of its type.
2. WorkflowExecutionStarted comes first and once; at most one close event, and it is the last.
3. One workflow task at a time: Scheduled, Started, then Completed, Failed or TimedOut, each naming
   the events before it; nothing comes between Started and its end (it is buffered).
4. Activities and timers: scheduled (started), then closed once, each naming its own events.
5. Children and requests to other executions: initiated, then answered once; a child that started
   closes at most once. Each names its own events.
6. What a command made names the WorkflowTaskCompleted event that carried it.
7. Updates: admitted at most once, accepted at most once, completed at most once and after they were
   accepted; a completion names the acceptance and the update's id.
8. The task that a reset ends names the run that it began with and the run that it belongs to.
9. A run is paused while it is not, unpaused while it is; a cancellation is asked for once, and an
   activity is canceled only after that.
10. What waited for the end of a workflow task (it happened before that) keeps its order, but that
    ends of activities and children come last.
11. New options of a run say what is new; a request is attached once, a signal of one request id
    comes once.
12. Of two resets in a history the later began with the run that the earlier one made.
"""

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause

CLOSE = {
    "WORKFLOW_EXECUTION_COMPLETED",
    "WORKFLOW_EXECUTION_FAILED",
    "WORKFLOW_EXECUTION_TIMED_OUT",
    "WORKFLOW_EXECUTION_CANCELED",
    "WORKFLOW_EXECUTION_TERMINATED",
    "WORKFLOW_EXECUTION_CONTINUED_AS_NEW",
}
TASK_ENDS = {"WORKFLOW_TASK_COMPLETED", "WORKFLOW_TASK_FAILED", "WORKFLOW_TASK_TIMED_OUT"}
ACTIVITY_ENDS = {
    "ACTIVITY_TASK_COMPLETED",
    "ACTIVITY_TASK_FAILED",
    "ACTIVITY_TASK_TIMED_OUT",
    "ACTIVITY_TASK_CANCELED",
}
CHILD_ENDS = {
    "CHILD_WORKFLOW_EXECUTION_COMPLETED",
    "CHILD_WORKFLOW_EXECUTION_FAILED",
    "CHILD_WORKFLOW_EXECUTION_CANCELED",
    "CHILD_WORKFLOW_EXECUTION_TIMED_OUT",
    "CHILD_WORKFLOW_EXECUTION_TERMINATED",
}
INITIATED_BY = {  # what answers a request to another execution, and what that must name
    "START_CHILD_WORKFLOW_EXECUTION_FAILED": "START_CHILD_WORKFLOW_EXECUTION_INITIATED",
    "CHILD_WORKFLOW_EXECUTION_STARTED": "START_CHILD_WORKFLOW_EXECUTION_INITIATED",
    "EXTERNAL_WORKFLOW_EXECUTION_SIGNALED": "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED",
    "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED": "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED",
    "EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED": "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED",
    "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED": "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED",
    **{name: "START_CHILD_WORKFLOW_EXECUTION_INITIATED" for name in CHILD_ENDS},
}
OF_COMMANDS = {
    "ACTIVITY_TASK_SCHEDULED",
    "ACTIVITY_TASK_CANCEL_REQUESTED",
    "TIMER_STARTED",
    "TIMER_CANCELED",
    "MARKER_RECORDED",
    "WORKFLOW_EXECUTION_COMPLETED",
    "WORKFLOW_EXECUTION_FAILED",
    "WORKFLOW_EXECUTION_CANCELED",
    "WORKFLOW_EXECUTION_CONTINUED_AS_NEW",
    "START_CHILD_WORKFLOW_EXECUTION_INITIATED",
    "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED",
    "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED",
    "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES",
    "WORKFLOW_PROPERTIES_MODIFIED",
}


def type_name(event):
    return EventType.Name(event.event_type).removeprefix("EVENT_TYPE_")


class _Checker:
    def __init__(self):
        self.problems = []
        self.types = {}  # event id -> type name
        self.task = None  # (scheduled id, started id or 0) of the open workflow task
        self.activities = {}  # scheduled id -> [activity id, started id, open]
        self.timers = {}  # started id -> [timer id, open]
        self.answered = set()  # initiated ids
        self.children = {}  # initiated id -> [started id, open]
        self.updates = {}  # update id -> [admitted, accepted event id or 0, completed]
        self.cancels = {}  # scheduled id of an activity -> event that asked for its cancellation
        self.cancel_requested = self.paused = False
        self.closed = False
        self.task_end_ns = 0  # when the last workflow task ended
        self.late = 0  # the first of the ends of activities and children that waited for that
        self.requests = set()  # (sort, id)
        self.reset_run = ""  # that the last reset made

    def wrong(self, event, text):
        self.problems.append(f"event {event.event_id} {self.types.get(event.event_id)}: {text}")

    def expect(self, event, ok, text):
        if not ok:
            self.wrong(event, text)

    def refers_to(self, event, event_id, type_):
        self.expect(
            event,
            0 < event_id < event.event_id and self.types.get(event_id) == type_,
            f"names event {event_id} as {type_}, which is {self.types.get(event_id)}",
        )

    # -- one event ------------------------------------------------------------------------------

    def event(self, event, position):
        name = type_name(event)
        self.types[event.event_id] = name
        self.expect(event, event.event_id == position, f"should have id {position}")
        self.expect(event, event.event_time.seconds > 0, "has no time")
        attributes = event.WhichOneof("attributes")
        self.expect(
            event,
            attributes == name.lower() + "_event_attributes",
            f"has the attributes {attributes}",
        )
        if attributes is None:
            return
        a = getattr(event, attributes)
        self.expect(event, not self.closed, "follows a close event")
        self.expect(
            event,
            (position == 1) == (name == "WORKFLOW_EXECUTION_STARTED"),
            "WorkflowExecutionStarted is the first event and no other",
        )
        if self.task and self.task[1] and name not in TASK_ENDS:
            self.wrong(event, "comes while a workflow task is started")
        self.waited(event, name)
        if name in OF_COMMANDS:
            self.refers_to(event, a.workflow_task_completed_event_id, "WORKFLOW_TASK_COMPLETED")
        if name.startswith("WORKFLOW_TASK_"):
            self.workflow_task(event, name, a)
        elif name.startswith("ACTIVITY_TASK_"):
            self.activity(event, name, a)
        elif name.startswith("TIMER_"):
            self.timer(event, name, a)
        elif name in INITIATED_BY:
            self.other_execution(event, name, a)
        elif name.startswith("WORKFLOW_EXECUTION_UPDATE_"):
            self.update(event, name, a)
        elif name in ("WORKFLOW_EXECUTION_PAUSED", "WORKFLOW_EXECUTION_UNPAUSED"):
            now = name == "WORKFLOW_EXECUTION_PAUSED"
            self.expect(event, self.paused != now, "the run is so already")
            self.paused = now
        elif name == "WORKFLOW_EXECUTION_CANCEL_REQUESTED":
            self.expect(event, not self.cancel_requested, "that was asked for already")
            self.cancel_requested = True
        elif name == "WORKFLOW_EXECUTION_OPTIONS_UPDATED":
            self.requested(event, "attached", a.attached_request_id)
        elif name == "WORKFLOW_EXECUTION_SIGNALED":
            self.requested(event, "signal", getattr(a, "request_id", ""))
        if name in CLOSE:
            self.closed = True

    def requested(self, event, sort, request_id):
        self.expect(event, (sort, request_id) not in self.requests, f"request {request_id} again")
        if request_id:
            self.requests.add((sort, request_id))

    def waited(self, event, name):
        """Events that are written at once have the time at which they are written."""
        if name in TASK_ENDS:
            self.task_end_ns, self.late = event.event_time.ToNanoseconds(), 0
        elif event.event_time.ToNanoseconds() < self.task_end_ns:
            if name in ACTIVITY_ENDS or name in CHILD_ENDS:
                self.late = self.late or event.event_id
            elif name not in OF_COMMANDS and name != "ACTIVITY_TASK_STARTED":  # it has its own time
                self.expect(event, not self.late, f"waited for a task, but follows {self.late}")

    def workflow_task(self, event, name, a):
        if name == "WORKFLOW_TASK_SCHEDULED":
            self.expect(event, self.task is None, "a workflow task is open already")
            self.expect(event, bool(a.task_queue.name), "names no task queue")
            self.expect(event, a.attempt >= 1, "its attempt is below 1")
            self.task = (event.event_id, 0)
            return
        self.refers_to(event, a.scheduled_event_id, "WORKFLOW_TASK_SCHEDULED")
        if self.task is None:
            self.wrong(event, "no workflow task is open")
            return
        scheduled, started = self.task
        self.expect(
            event, a.scheduled_event_id == scheduled, f"the open task was scheduled by {scheduled}"
        )
        if name == "WORKFLOW_TASK_STARTED":
            self.expect(event, started == 0, "the task is started already")
            self.task = (scheduled, event.event_id)
            return
        self.expect(
            event,
            a.started_event_id == started,
            f"names {a.started_event_id} as started, which is {started}",
        )
        cause = WorkflowTaskFailedCause.Name(a.cause) if name == "WORKFLOW_TASK_FAILED" else ""
        if name != "WORKFLOW_TASK_TIMED_OUT" and not cause.endswith("BEFORE_TASK_STARTED"):
            self.expect(event, started != 0, "the task was never started")
        if name == "WORKFLOW_TASK_FAILED" and (a.new_run_id or a.base_run_id):
            self.expect(event, cause.endswith("RESET_WORKFLOW"), "names runs, but is of no reset")
            self.expect(
                event,
                a.base_run_id and a.new_run_id and a.base_run_id != a.new_run_id,
                "a reset names the run that it began with and its own",
            )
            self.expect(
                event,
                self.reset_run in ("", a.base_run_id),
                f"the reset before it made the run {self.reset_run}",
            )
            self.reset_run = a.new_run_id
        self.task = None

    def update(self, event, name, a):
        if name == "WORKFLOW_EXECUTION_UPDATE_ADMITTED":
            state = self.updates.setdefault(a.request.meta.update_id, [False, 0, False])
            self.expect(event, not state[0] and not state[1], "is admitted or accepted already")
            self.expect(event, bool(a.request.meta.update_id), "names no update")
            self.expect(event, a.request.HasField("input"), "asks for nothing")
            state[0] = True
        elif name == "WORKFLOW_EXECUTION_UPDATE_ACCEPTED":
            state = self.updates.setdefault(a.protocol_instance_id, [False, 0, False])
            self.expect(event, bool(a.protocol_instance_id), "names no update")
            self.expect(event, not state[1], "is accepted already")
            self.expect(
                event,
                a.accepted_request_sequencing_event_id < event.event_id,
                "was asked for after it was accepted",
            )
            self.expect(event, state[0] or a.HasField("accepted_request"), "has no request")
            self.expect(
                event,
                a.accepted_request.meta.update_id in ("", a.protocol_instance_id),
                "is of another update's request",
            )
            state[1] = event.event_id
        elif name == "WORKFLOW_EXECUTION_UPDATE_COMPLETED":
            self.refers_to(event, a.accepted_event_id, "WORKFLOW_EXECUTION_UPDATE_ACCEPTED")
            state = self.updates.get(a.meta.update_id, [False, 0, False])
            self.expect(event, state[1] == a.accepted_event_id, "names another acceptance")
            self.expect(event, not state[2], "is completed already")
            self.expect(event, a.outcome.WhichOneof("value") is not None, "has no outcome")
            state[2] = True

    def activity(self, event, name, a):
        if name == "ACTIVITY_TASK_SCHEDULED":
            self.expect(
                event,
                a.activity_id
                and all(x[0] != a.activity_id for x in self.activities.values() if x[2]),
                f"activity id {a.activity_id!r} is empty or in use",
            )
            self.expect(event, bool(a.activity_type.name), "has no activity type")
            self.activities[event.event_id] = [a.activity_id, 0, True]
            return
        self.refers_to(event, a.scheduled_event_id, "ACTIVITY_TASK_SCHEDULED")
        state = self.activities.get(a.scheduled_event_id)
        if state is None:
            return
        if name == "ACTIVITY_TASK_CANCEL_REQUESTED":
            self.expect(event, state[2], "its activity is closed")
            self.expect(
                event, a.scheduled_event_id not in self.cancels, "that was asked for already"
            )
            self.cancels[a.scheduled_event_id] = event.event_id
        elif name == "ACTIVITY_TASK_STARTED":
            self.expect(event, state[2] and state[1] == 0, "its activity is started or closed")
            self.expect(event, a.attempt >= 1, "its attempt is below 1")
            state[1] = event.event_id
        else:
            self.expect(event, name in ACTIVITY_ENDS, "is no known activity event")
            self.expect(event, state[2], "its activity is closed already")
            self.expect(
                event,
                a.started_event_id == state[1],
                f"names {a.started_event_id} as started, which is {state[1]}",
            )
            if name == "ACTIVITY_TASK_CANCELED":
                self.expect(event, a.scheduled_event_id in self.cancels, "nobody asked for that")
            if name in ("ACTIVITY_TASK_COMPLETED", "ACTIVITY_TASK_FAILED"):
                self.expect(event, state[1] != 0, "its activity was never started")
            state[2] = False

    def timer(self, event, name, a):
        if name == "TIMER_STARTED":
            self.expect(
                event,
                a.timer_id and all(t[0] != a.timer_id for t in self.timers.values() if t[1]),
                f"timer id {a.timer_id!r} is empty or in use",
            )
            self.timers[event.event_id] = [a.timer_id, True]
            return
        self.refers_to(event, a.started_event_id, "TIMER_STARTED")
        state = self.timers.get(a.started_event_id)
        if state is None:
            return
        self.expect(event, state[1], "its timer is closed already")
        self.expect(event, state[0] == a.timer_id, f"its timer is {state[0]!r}")
        state[1] = False

    def other_execution(self, event, name, a):
        self.refers_to(event, a.initiated_event_id, INITIATED_BY[name])
        if name in CHILD_ENDS:
            state = self.children.get(a.initiated_event_id, [0, False])
            self.expect(event, state[1], "its child is not running")
            self.expect(
                event,
                a.started_event_id == state[0],
                f"names {a.started_event_id} as started, which is {state[0]}",
            )
            state[1] = False
            return
        self.expect(event, a.initiated_event_id not in self.answered, "it is answered already")
        self.answered.add(a.initiated_event_id)
        if name == "CHILD_WORKFLOW_EXECUTION_STARTED":
            self.expect(event, bool(a.workflow_execution.run_id), "names no run")
            self.children[a.initiated_event_id] = [event.event_id, True]


def problems_of(events, closed=None):
    """Every law that `events` breaks, as text; `closed` says whether the run must be closed."""
    checker = _Checker()
    if not events:
        return ["no events"]
    for position, event in enumerate(events, 1):
        checker.event(event, position)
    if closed is not None and checker.closed != closed:
        checker.problems.append(f"closed is {checker.closed}, should be {closed}")
    return checker.problems


def render(events):
    return "\n".join(f"{event.event_id:4} {type_name(event)}" for event in events)


def check(events, closed=None, what=""):
    problems = problems_of(events, closed)
    assert not problems, f"{what}: " + "; ".join(problems) + "\n" + render(events)


def types_of(events):
    """The types in CamelCase, as the API's documents write them."""
    return ["".join(w.capitalize() for w in type_name(e).split("_")) for e in events]
