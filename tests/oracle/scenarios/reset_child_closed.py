"""reset_child_closed.py - a child that ran at the fork closed before the reset: its end comes again."""
from kit.basic import end
from kit.children import await_type, child_of, looking_at, parent_and_child
from kit.reset import both_runs, reset
from lab import command, payloads


def play(x):
    parent_and_child(x)
    base = x.run_id
    x.signal("one")
    x.complete(x.poll())
    with looking_at(x, child_of(x)):
        kept, x.queue = x.queue, x.queue + "-c"
        x.complete(x.poll(), command("complete_workflow_execution", result=payloads("child")))
        x.queue = kept
    await_type(x, "CHILD_WORKFLOW_EXECUTION_COMPLETED")
    reset(x, 13)
    both_runs(x, base)
    end(x)
