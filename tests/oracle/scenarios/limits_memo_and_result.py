"""limits_memo_and_result.py - memos and results of some size."""
from temporalio.api.common.v1 import Memo, Payload

from lab import command, payloads


def play(x):
    x.start(memo=Memo(fields={"m": Payload(data=b"x" * (2 * 1024 * 1024 + 10))}), label="big memo")
    x.start(input=payloads("x" * (300 * 1024)), label="large input")
    x.complete(x.poll(), command("complete_workflow_execution", result=payloads("y" * (300 * 1024))))
    x.outline()
