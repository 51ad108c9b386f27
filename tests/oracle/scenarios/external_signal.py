"""external_signal.py - a workflow signals another one."""
from temporalio.api.common.v1 import Header

from kit.basic import TEXT
from kit.children import SIGNAL, await_type, execution, looking_at, other
from lab import command, payloads


def play(x):
    name, run_id = other(x)
    x.start()
    x.complete(x.poll(), command(SIGNAL, execution=execution(name), signal_name="s", input=payloads("i"), control="c",
                                 header=Header(fields={"h": TEXT})))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_SIGNALED")
    x.complete(x.poll(), command(SIGNAL, execution=execution(name, run_id), signal_name="t", namespace="default"))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_SIGNALED", 2)
    x.history()
    with looking_at(x, name, run_id):
        x.history("history of the other")
