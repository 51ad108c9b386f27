"""limits_search_attributes_upserted.py - what a run has already counts into the total of an upsert."""
from kit import limited
from kit.basic import anew
from kit.reads import json_value
from lab import command

SETTINGS = limited.SEARCH_ATTRIBUTES


def upsert(name, size):
    return command("upsert_workflow_search_attributes",
                   search_attributes={"indexed_fields": {name: json_value(b'"' + b"v" * size + b'"', type="Keyword")}})


def play(x):
    for label, name, size in (("another", "TemporalScheduledById", 2), ("the same", "BatcherUser", 8),
                              ("another of the most", "TemporalScheduledById", 16)):
        anew(x)
        x.complete(x.poll(), upsert("BatcherUser", 2), force_create_new_workflow_task=True, label=f"before {label}")
        x.complete(x.poll(), upsert(name, size), label=label)
        x.outline(label)
        x.describe(label)
