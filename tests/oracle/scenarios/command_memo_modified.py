"""command_memo_modified.py - a memo that a command changes."""
from temporalio.api.common.v1 import Memo

from kit.basic import TEXT, end
from kit.children import NIL
from lab import command


def play(x):
    x.start(memo=Memo(fields={"a": TEXT, "b": TEXT}))
    x.complete(x.poll(), command("modify_workflow_properties", upserted_memo=Memo(fields={"b": NIL, "c": TEXT})))
    x.describe()
    x.signal()
    end(x, x.poll())
    x.listed(status=2)
    x.history()
    x.describe("describe after the end")
