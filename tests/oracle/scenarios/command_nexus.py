"""command_nexus.py - Nexus operations asked for by commands: no such endpoint, bad names, nothing to cancel."""
from temporalio.api.command.v1 import Command
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import CommandType

from kit.basic import TEXT, each
from lab import command, seconds


def play(x):
    def asked(**changes):
        fields = dict(endpoint="nobody", service="s", operation="o", input=TEXT)
        fields.update(changes)
        header = fields.pop("nexus_header", {})
        made = command("schedule_nexus_operation", **fields)
        made.schedule_nexus_operation_command_attributes.nexus_header.update(header)
        return made

    each(x, {
        "no such endpoint": asked(),
        "no endpoint": asked(endpoint=""),
        "no service": asked(service=""),
        "no operation": asked(operation=""),
        "long service": asked(service="x" * 1001),
        "long operation": asked(operation="x" * 1001),
        "long endpoint": asked(endpoint="x" * 1001),
        "negative time-out": asked(schedule_to_close_timeout=seconds(-1)),
        "negative start": asked(schedule_to_start_timeout=seconds(-1)),
        "header": asked(nexus_header={"request-timeout": "1s"}),
        "large header": asked(nexus_header={"a": "x" * 9000}),
        "large input": asked(input=Payload(data=b"x" * 3_000_000)),
        "quotes": asked(endpoint='a "quoted" \\ one'),
        "system endpoint": asked(endpoint="__temporal_system"),
        "system endpoint with a header": asked(endpoint="__temporal_system", nexus_header={"a": "b"}),
        "no attributes": Command(command_type=CommandType.COMMAND_TYPE_SCHEDULE_NEXUS_OPERATION),
        "cancel, no attributes": Command(command_type=CommandType.COMMAND_TYPE_REQUEST_CANCEL_NEXUS_OPERATION),
        "cancel nothing": command("request_cancel_nexus_operation", scheduled_event_id=5),
        "cancel zero": command("request_cancel_nexus_operation"),
    })
