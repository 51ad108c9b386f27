"""command_upsert_search_attributes.py - search attributes that a command changes, and bad ones."""
from temporalio.api.common.v1 import Payload

from kit.basic import anew
from lab import command


def play(x):
    def upsert(name, data=b'["v"]', kind=b"KeywordList"):
        fields = {name: Payload(metadata={"encoding": b"json/plain", "type": kind}, data=data)}
        return command("upsert_workflow_search_attributes", search_attributes={"indexed_fields": fields})
    x.start()
    x.complete(x.poll(), upsert("TemporalChangeVersion"), force_create_new_workflow_task=True)
    x.describe()
    x.listed(test=lambda info: "TemporalChangeVersion" in info.search_attributes.indexed_fields)
    x.complete(x.poll(), upsert("TemporalChangeVersion", b'["w"]'), upsert("BatcherUser", b'"u"', b"Keyword"),
               force_create_new_workflow_task=True)
    x.complete(x.poll(), upsert("BatcherUser", b"[]", b"Keyword"))
    x.history()
    x.describe()
    for label, bad in {"unknown": upsert("Nobody"), "system": upsert("WorkflowId"),
                       "nothing": command("upsert_workflow_search_attributes"),
                       "no fields": command("upsert_workflow_search_attributes", search_attributes={})}.items():
        anew(x)
        x.complete(x.poll(), bad, label=label)
        x.history(label)
