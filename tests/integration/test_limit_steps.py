"""test_limit_steps.py - of a step that would take a run past a limit nothing is written, whatever it does: the run is
terminated in its place."""

import json
import threading

import pytest
from google.protobuf.any_pb2 import Any
from temporalio.api.common.v1 import Memo, Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.protocol.v1 import Message
from temporalio.api.update.v1 import Acceptance, Meta, Outcome, Response

import harness
from limits import Limited, command, payloads, refused
from test_limits import begun, signal, terminated_by
from test_update_limits import update

BYTES = "Transaction size exceeds limit."
STATE = "Workflow mutable state size exceeds limit."
ACCEPTED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
COMPLETED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED
SIGNALED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
MARKER = EventType.EVENT_TYPE_MARKER_RECORDED


@pytest.fixture(scope="module")
def limited():
    limited = Limited()
    yield limited
    limited.stop()


@pytest.fixture
def small(limited):
    space = limited.namespace(limit__memoSize__error=100_000)
    limited.apply({**limited.entries, "system.transactionSizeLimit": 50_000, "limit.mutableStateSize.error": 20_000})
    yield space
    limited.apply(limited.entries)


def marker(size):
    return command("record_marker", marker_name="m", details={"d": payloads(size)})


def types(space, workflow_id):
    return [event.event_type for event in space.events(workflow_id)]


@pytest.mark.parametrize(
    "kind, field",
    [
        ("complete_workflow_execution", "result"),
        ("cancel_workflow_execution", "details"),
        ("continue_as_new_workflow_execution", "input"),
    ],
)
def test_an_answer_with_too_many_bytes_does_not_end_the_run_its_way(small, kind, field):
    workflow_id, task = begun(small)
    end = command(kind, **{field: payloads(20_000)})
    why = refused(small.complete, task, marker(20_000), marker(20_000), end)
    assert why.code == "INVALID_ARGUMENT"
    assert why.text.startswith("transaction size of 6") and why.text.endswith(" bytes exceeds limit of 50000 bytes")
    assert terminated_by(small, workflow_id) == BYTES
    events = small.events(workflow_id)
    assert MARKER not in [event.event_type for event in events]
    last = events[-1].workflow_execution_terminated_event_attributes
    assert json.loads(last.details.payloads[0].data) == why.text
    assert not last.identity or last.identity == "history-service"


def messages_of(task, result):
    """An update accepted and completed: the commands and messages of the answer."""
    (asked,) = task.messages
    of = {"protocol_instance_id": asked.protocol_instance_id}

    def message(id, body):
        packed = Any()
        packed.Pack(body)
        return Message(id=id, body=packed, **of)

    accept = Acceptance(accepted_request_message_id=asked.id, accepted_request_sequencing_event_id=asked.event_id)
    outcome = Response(meta=Meta(update_id="u"), outcome=Outcome(success=result))
    return (
        [command("protocol_message", message_id="a"), command("protocol_message", message_id="r")],
        [message("a", accept), message("r", outcome)],
    )


@pytest.mark.parametrize("limit", [BYTES, STATE])
def test_an_answer_with_updates_that_is_past_a_limit_accepts_none(small, limit):
    workflow_id, task = begun(small)
    small.complete(task)
    told = []
    asking = threading.Thread(target=lambda: told.append(refused(update, small, workflow_id, "u")))
    asking.start()
    task = small.poll()
    commands, messages = messages_of(task, payloads(10_000))
    more = [marker(30_000), marker(20_000)]
    if limit == STATE:
        more = [command("modify_workflow_properties", upserted_memo=Memo(fields={"m": Payload(data=b"x" * 22_000)}))]
    why = refused(small.complete, task, *commands, *more, messages=messages)
    assert why.code == "INVALID_ARGUMENT"
    assert why.text == limit or why.text.startswith("transaction size of ")
    asking.join(30)
    assert told and told[0].code == "NOT_FOUND", told
    assert terminated_by(small, workflow_id) == limit
    assert not {ACCEPTED, MARKER} & set(types(small, workflow_id))


def test_a_signal_that_makes_a_state_too_large_is_not_kept(small):
    workflow_id, task = begun(small)
    signal(small, workflow_id, 10_000)
    why = refused(signal, small, workflow_id, 15_000)
    assert (why.code, why.text) == ("INVALID_ARGUMENT", STATE)
    assert terminated_by(small, workflow_id) == STATE
    assert types(small, workflow_id).count(SIGNALED) == 1
    assert refused(small.complete, task).code == "NOT_FOUND"


def test_an_end_with_a_large_state_stands_and_is_told(small):
    workflow_id, task = begun(small)
    memo = Memo(fields={"m": Payload(data=b"x" * 25_000)})
    end = command("complete_workflow_execution")
    why = refused(small.complete, task, command("modify_workflow_properties", upserted_memo=memo), end)
    assert (why.code, why.text) == ("INVALID_ARGUMENT", STATE)
    assert types(small, workflow_id)[-1] == COMPLETED
