"""search_attributes_unset.py - search attributes show their types; nil ones unset."""
from temporalio.api.common.v1 import SearchAttributes

from kit.reads import json_value
from lab import command


def play(x):
    x.start(search_attributes=SearchAttributes(indexed_fields={
        "TemporalScheduledById": json_value(b'"k"'), "TemporalChangeVersion": json_value(b'["v"]')}))
    x.complete(x.poll(), command("upsert_workflow_search_attributes", search_attributes={"indexed_fields": {
        "TemporalScheduledById": json_value(b"null"), "TemporalChangeVersion": json_value(b'["w","x"]'),
        "BatcherUser": json_value(b"[]", type="Keyword")}}))
    x.history()
    x.describe()
    x.listed()
