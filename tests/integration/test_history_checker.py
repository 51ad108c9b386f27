"""test_history_checker.py - the checker finds what it is there to find."""

import copy

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from history_checker import problems_of


def event(event_id, name, **attributes):
    made = HistoryEvent(
        event_id=event_id, event_type=EventType.Value("EVENT_TYPE_" + name)
    )
    made.event_time.seconds = 1700000000
    target = getattr(made, name.lower() + "_event_attributes")
    target.SetInParent()
    for key, value in attributes.items():
        at = target
        *path, last = key.split("__")
        for part in path:
            at = getattr(at, part)
        setattr(at, last, value)
    return made


def good():
    return [
        event(1, "WORKFLOW_EXECUTION_STARTED"),
        event(2, "WORKFLOW_TASK_SCHEDULED", task_queue__name="q", attempt=1),
        event(3, "WORKFLOW_TASK_STARTED", scheduled_event_id=2),
        event(4, "WORKFLOW_TASK_COMPLETED", scheduled_event_id=2, started_event_id=3),
        event(
            5,
            "ACTIVITY_TASK_SCHEDULED",
            activity_id="a",
            activity_type__name="t",
            workflow_task_completed_event_id=4,
        ),
        event(6, "TIMER_STARTED", timer_id="t", workflow_task_completed_event_id=4),
        event(7, "ACTIVITY_TASK_STARTED", scheduled_event_id=5, attempt=1),
        event(8, "ACTIVITY_TASK_COMPLETED", scheduled_event_id=5, started_event_id=7),
        event(9, "WORKFLOW_TASK_SCHEDULED", task_queue__name="q", attempt=1),
        event(10, "TIMER_FIRED", timer_id="t", started_event_id=6),
        event(11, "WORKFLOW_TASK_STARTED", scheduled_event_id=9),
        event(12, "WORKFLOW_TASK_COMPLETED", scheduled_event_id=9, started_event_id=11),
        event(13, "WORKFLOW_EXECUTION_COMPLETED", workflow_task_completed_event_id=12),
    ]


def test_a_good_history_has_no_problem():
    assert problems_of(good(), closed=True) == []
    assert problems_of(good()[:3], closed=False) == []


def drop(n):
    return lambda events: events.pop(n - 1)


def renumber(events):
    for n, e in enumerate(events, 1):
        e.event_id = n


def swap(a, b):
    def change(events):
        events[a - 1], events[b - 1] = events[b - 1], events[a - 1]
        renumber(events)

    return change


def repeat(n):
    def change(events):
        events.insert(n, copy.deepcopy(events[n - 1]))

    return change


def set_attribute(n, name, value):
    def change(events):
        e = events[n - 1]
        setattr(getattr(e, e.WhichOneof("attributes")), name, value)

    return change


@pytest.mark.parametrize(
    "change",
    [
        drop(2),
        drop(7),
        drop(10),
        repeat(8),
        repeat(13),
        swap(3, 4),
        swap(10, 12),
        swap(12, 13),
        swap(1, 2),
        set_attribute(4, "started_event_id", 2),
        set_attribute(8, "started_event_id", 0),
        set_attribute(8, "scheduled_event_id", 6),
        set_attribute(10, "timer_id", "other"),
        set_attribute(5, "workflow_task_completed_event_id", 3),
        set_attribute(5, "activity_id", ""),
        set_attribute(13, "workflow_task_completed_event_id", 0),
        lambda events: events[6].ClearField("event_time"),
        lambda events: events[6].ClearField("activity_task_started_event_attributes"),
        lambda events: events.clear(),
    ],
)
def test_a_changed_history_has_one(change):
    events = good()
    change(events)
    assert problems_of(events)


def test_open_and_closed_are_told_apart():
    assert problems_of(good()[:12], closed=True)
    assert problems_of(good(), closed=False)


def later(*more):
    """A run with one workflow task done, then these."""
    return good()[:4] + [event(n, name, **attributes) for n, (name, attributes) in enumerate(more, 5)]


ACCEPTED = (
    "WORKFLOW_EXECUTION_UPDATE_ACCEPTED",
    dict(protocol_instance_id="u", accepted_request__meta__update_id="u"),
)
COMPLETED = (
    "WORKFLOW_EXECUTION_UPDATE_COMPLETED",
    dict(meta__update_id="u", accepted_event_id=5, outcome__failure__message="no"),
)
ACTIVITY = (
    "ACTIVITY_TASK_SCHEDULED",
    dict(activity_id="a", activity_type__name="t", workflow_task_completed_event_id=4),
)
ASKED = (
    "ACTIVITY_TASK_CANCEL_REQUESTED",
    dict(scheduled_event_id=5, workflow_task_completed_event_id=4),
)
CANCELED = ("ACTIVITY_TASK_CANCELED", dict(scheduled_event_id=5))
PAUSED, UNPAUSED = ("WORKFLOW_EXECUTION_PAUSED", {}), ("WORKFLOW_EXECUTION_UNPAUSED", {})
CANCEL = ("WORKFLOW_EXECUTION_CANCEL_REQUESTED", {})


@pytest.mark.parametrize(
    "events",
    [[ACCEPTED, COMPLETED], [ACTIVITY, ASKED, CANCELED], [PAUSED, UNPAUSED, PAUSED], [CANCEL]],
)
def test_updates_cancellations_and_pauses_in_order_are_good(events):
    assert problems_of(later(*events)) == []


@pytest.mark.parametrize(
    "events",
    [
        [COMPLETED],
        [ACCEPTED, ACCEPTED],
        [ACCEPTED, COMPLETED, COMPLETED],
        [ACCEPTED, (COMPLETED[0], dict(COMPLETED[1], meta__update_id="other"))],
        [ACCEPTED, (COMPLETED[0], dict(meta__update_id="u", accepted_event_id=5))],
        [ACTIVITY, CANCELED],
        [ACTIVITY, ASKED, ASKED],
        [UNPAUSED],
        [PAUSED, PAUSED],
        [CANCEL, CANCEL],
    ],
)
def test_updates_cancellations_and_pauses_out_of_order_are_not(events):
    assert problems_of(later(*events))


def test_a_reset_names_both_runs():
    ends = dict(scheduled_event_id=2, started_event_id=3, cause=20, base_run_id="a", new_run_id="b")
    failed = event(4, "WORKFLOW_TASK_FAILED", **ends)
    assert problems_of(good()[:3] + [failed]) == []
    assert problems_of(good()[:3] + [event(4, "WORKFLOW_TASK_FAILED", **{**ends, "base_run_id": ""})])
    assert problems_of(good()[:3] + [event(4, "WORKFLOW_TASK_FAILED", **{**ends, "cause": 1})])


@pytest.mark.parametrize("base, is_good", [("b", True), ("c", False)])
def test_a_reset_of_a_reset_begins_with_its_run(base, is_good):
    ends = dict(scheduled_event_id=2, started_event_id=3, cause=20, base_run_id="a", new_run_id="b")
    second = dict(scheduled_event_id=5, started_event_id=6, cause=20, base_run_id=base, new_run_id="d")
    found = problems_of(good()[:3] + [
        event(4, "WORKFLOW_TASK_FAILED", **ends),
        event(5, "WORKFLOW_TASK_SCHEDULED", task_queue__name="q", attempt=1),
        event(6, "WORKFLOW_TASK_STARTED", scheduled_event_id=5),
        event(7, "WORKFLOW_TASK_FAILED", **second),
    ])
    assert (found == []) == is_good


def waiting(*names):
    """Two activities run, the next workflow task ends, and then come events that waited for its end."""
    ended = dict(ACTIVITY_TASK_COMPLETED=[dict(scheduled_event_id=5, started_event_id=7),
                                          dict(scheduled_event_id=6, started_event_id=8)],
                 WORKFLOW_EXECUTION_SIGNALED=[dict(request_id="r1"), dict(request_id="r2")])
    second = (ACTIVITY[0], dict(ACTIVITY[1], activity_id="b"))
    events = later(
        ACTIVITY, second,
        ("ACTIVITY_TASK_STARTED", dict(scheduled_event_id=5, attempt=1)),
        ("ACTIVITY_TASK_STARTED", dict(scheduled_event_id=6, attempt=1)),
        ("WORKFLOW_TASK_SCHEDULED", dict(task_queue__name="q", attempt=1)),
        ("WORKFLOW_TASK_STARTED", dict(scheduled_event_id=9)),
        ("WORKFLOW_TASK_COMPLETED", dict(scheduled_event_id=9, started_event_id=10)),
        *[(name, ended[name].pop(0)) for name in names])
    events[10].event_time.seconds += 5
    return events


def test_what_waited_for_a_task_has_its_order():
    signal, ended = "WORKFLOW_EXECUTION_SIGNALED", "ACTIVITY_TASK_COMPLETED"
    assert problems_of(waiting(signal, signal, ended, ended)) == []
    assert problems_of(waiting(ended, signal))
    assert problems_of(waiting(signal, ended, signal))
    events = waiting(ended, signal)
    events[12].event_time.seconds += 6  # it came later
    assert problems_of(events) == []


OPTIONS = "WORKFLOW_EXECUTION_OPTIONS_UPDATED"


@pytest.mark.parametrize("events, is_good", [
    ([(OPTIONS, dict(attached_request_id="r")), (OPTIONS, dict(attached_request_id="s"))], True),
    ([(OPTIONS, dict(attached_request_id="r")), (OPTIONS, dict(attached_request_id="r"))], False),
    ([(OPTIONS, dict(priority__priority_key=2, identity="i"))], True),
    ([(OPTIONS, dict(identity="i"))], True),  # a start that attached links, or nothing
    ([("WORKFLOW_EXECUTION_SIGNALED", dict(request_id="r"))] * 2, False),
    ([("WORKFLOW_EXECUTION_SIGNALED", dict(request_id=""))] * 2, True),
    ([("WORKFLOW_EXECUTION_UPDATE_ADMITTED", dict(request__meta__update_id="u"))], False),
    ([(ACCEPTED[0], dict(ACCEPTED[1], accepted_request__meta__update_id="other"))], False),
])
def test_options_request_ids_and_updates(events, is_good):
    assert (problems_of(later(*events)) == []) == is_good
