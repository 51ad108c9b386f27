"""start_bad_search_attributes.py - search attributes that are unknown, not to be set, of the wrong type, or too large."""
import uuid

from temporalio.api.common.v1 import SearchAttributes

from kit.basic import TEXT
from kit.reads import json_value


def play(x):
    cases = {
        "unknown": {"Nope": TEXT}, "system": {"WorkflowId": TEXT}, "time": {"TemporalScheduledStartTime": json_value(b'"x"')},
        "number for a keyword": {"BatcherUser": json_value(b"1")}, "text for a list": {"BuildIds": json_value(b'"b"')},
        "list of numbers": {"BuildIds": json_value(b"[1,2]")}, "text for a bool": {"TemporalSchedulePaused": json_value(b'"true"')},
        "too large": {"BatcherUser": json_value(b'"' + b"x" * 2100 + b'"')},
        "list of keywords": {"BatcherUser": json_value(b'["a","b"]')},
        "of the right types": {"TemporalScheduledStartTime": json_value(b'"2026-11-22T21:00:00.5+02:00"'),
                               "TemporalSchedulePaused": json_value(b"true"), "BuildIds": json_value(b'["a"]')},
    }
    for label, fields in cases.items():
        x.workflow_id = f"{x.name}-{uuid.uuid4()}"
        if x.start(label=label, search_attributes=SearchAttributes(indexed_fields=fields)) is not None:
            x.history(label)
            x.describe(label)
