"""limits_search_attributes.py - how many, and of what size, at start and by a command."""
from temporalio.api.common.v1 import SearchAttributes

from kit import limited
from kit.basic import each
from kit.reads import json_value
from lab import command

SETTINGS = limited.SEARCH_ATTRIBUTES


def some(**fields):
    return {name: json_value(b'"' + b"v" * size + b'"', type="Keyword") for name, size in fields.items()}


CASES = {
    "two at the limit": some(BatcherUser=16, TemporalScheduledById=2),
    "three": some(BatcherUser=2, TemporalScheduledById=2, BuildIds=2),
    "a long value": some(BatcherUser=40),
    "two values too long together": some(BatcherUser=18, TemporalScheduledById=18),
}


def play(x):
    for label, fields in CASES.items():
        x.start(label=label, search_attributes=SearchAttributes(indexed_fields=fields))
        x.terminate(label=f"terminate: {label}")
    each(x, {label: command("upsert_workflow_search_attributes", search_attributes={"indexed_fields": fields})
             for label, fields in CASES.items() if label in ("three", "a long value")})
