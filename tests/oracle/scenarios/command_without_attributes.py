"""command_without_attributes.py - commands that lack their attributes, or have those of another."""
from temporalio.api.command.v1 import Command

from kit.basic import anew


def play(x):
    for kind in ("CANCEL_WORKFLOW_EXECUTION", "CONTINUE_AS_NEW_WORKFLOW_EXECUTION", "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION",
                 "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION", "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES",
                 "MODIFY_WORKFLOW_PROPERTIES"):
        anew(x)
        x.complete(x.poll(label=kind), Command(command_type="COMMAND_TYPE_" + kind), label=kind)
        x.history(kind)
    anew(x)
    x.complete(x.poll(), Command(command_type=99), label="unknown type")
    x.outline("unknown type")
    anew(x)
    x.complete(x.poll(), Command(command_type="COMMAND_TYPE_START_TIMER", cancel_timer_command_attributes={"timer_id": "t"}),
               label="of another")
    x.history("of another")
