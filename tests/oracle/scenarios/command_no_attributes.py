"""command_no_attributes.py - commands without attributes."""
from kit.basic import anew


def play(x):
    from temporalio.api.command.v1 import Command
    from temporalio.api.enums.v1 import CommandType
    for kind in ("COMPLETE_WORKFLOW_EXECUTION", "FAIL_WORKFLOW_EXECUTION", "CANCEL_WORKFLOW_EXECUTION", "START_TIMER",
                 "CANCEL_TIMER", "RECORD_MARKER", "SCHEDULE_ACTIVITY_TASK", "REQUEST_CANCEL_ACTIVITY_TASK",
                 "UNSPECIFIED"):
        anew(x)
        task = x.poll(label=kind)
        x.complete(task, Command(command_type=CommandType.Value("COMMAND_TYPE_" + kind)), label=kind)
        x.history()
