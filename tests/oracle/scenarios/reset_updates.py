"""reset_updates.py - updates that were accepted behind the fork come again, as admitted by an event."""
from temporalio.api.enums.v1 import EventType
from temporalio.api.update.v1 import Acceptance

from kit.basic import end
from kit.reset import at, reset
from kit.updates import ACCEPTED, accept, answer, ask, done, idle, message, poll_update

ADMITTED = EventType.Value("EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED")


def accept_event(x, update_id):
    """The acceptance of an update that an event admitted: no message brought it."""
    admitted = [e for e in x.events() if e.event_type == ADMITTED
                and e.workflow_execution_update_admitted_event_attributes.request.meta.update_id == update_id]
    return message(update_id, "accept", Acceptance(
        accepted_request_message_id=f"{update_id}/request",
        accepted_request_sequencing_event_id=admitted[0].event_id))


def play(x):
    idle(x)
    base = x.run_id
    asked = ask(x, "one")
    task = x.poll()
    answer(x, task, accept(task, "one"), done("one"))
    asked.tell()
    asked = ask(x, "two", stage=ACCEPTED)
    task = x.poll()
    answer(x, task, accept(task, "two"))
    asked.tell()
    reset(x, 4)
    at(x, base, x.history, "history of the base")
    x.history("history of the new run")
    poll_update(x, "one", label="poll an update of the new run")
    at(x, base, poll_update, x, "one")
    task = x.poll(show=True)
    answer(x, task, accept_event(x, "one"), done("one", "again"))
    poll_update(x, "one", label="poll it again")
    x.signal()
    x.complete(x.poll())
    second = x.run_id
    reset(x, 4, run_id=second, label="reset of the reset")
    x.history("history of the third run")
    reset(x, 4, run_id=base, label="reset without updates", reset_reapply_exclude_types=[2])
    end(x)
