"""command_memo_bad.py - a memo command without a memo."""
from temporalio.api.common.v1 import Memo

from kit.basic import each
from lab import command


def play(x):
    each(x, {
        "none": command("modify_workflow_properties"),
        "empty": command("modify_workflow_properties", upserted_memo=Memo()),
    })
