"""list_changed_attributes.py - memo and search attributes that a workflow changes, and its end, in the list."""
from temporalio.api.common.v1 import Memo

from kit.basic import TEXT
from kit.reads import json_value
from lab import command


def play(x):
    x.start(memo=Memo(fields={"a": TEXT}))
    x.complete(x.poll(), command("modify_workflow_properties", upserted_memo=Memo(fields={"b": TEXT})),
               command("upsert_workflow_search_attributes", search_attributes={
                   "indexed_fields": {"BatcherUser": json_value(b'"v"')}}))
    x.signal()
    x.complete(x.poll(), command("complete_workflow_execution"))
    x.listed(status=2)
