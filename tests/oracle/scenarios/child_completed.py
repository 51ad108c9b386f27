"""child_completed.py - a child's life, seen from both sides."""
from temporalio.api.common.v1 import Priority

from kit.basic import end
from kit.children import await_type, both, child_of, child_run, looking_at, start_child
from lab import command, payloads


def play(x):
    x.start(priority=Priority(priority_key=2))
    x.complete(x.poll(), start_child(x, input=payloads("in")), show=True)
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
    both(x)
    x.complete(x.poll(show=True))
    x.complete(x.poll(queue=x.queue + "-c", show=True),
               command("complete_workflow_execution", result=payloads("done")))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_COMPLETED")
    end(x, x.poll(show=True))
    both(x)
    with looking_at(x, child_of(x), child_run(x)):
        x.listed("list the child", status=2)
