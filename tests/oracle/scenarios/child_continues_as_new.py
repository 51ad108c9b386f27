"""child_continues_as_new.py - a child that continues as new, then completes."""
from kit.children import await_type, child_of, child_run, looking_at, parent_and_child
from lab import command, payloads, seconds


def play(x):
    parent_and_child(x)
    x.complete(x.poll(queue=x.queue + "-c"),
               command("start_timer", timer_id="t", start_to_fire_timeout=seconds(1.1)))  # then the next does not wait
    x.complete(x.poll(queue=x.queue + "-c"), command("continue_as_new_workflow_execution", input=payloads("next")))
    first = child_run(x)
    x.complete(x.poll(queue=x.queue + "-c"), command("complete_workflow_execution", result=payloads("end")))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_COMPLETED")
    x.history("history of the parent")
    with looking_at(x, child_of(x)):
        x.history("history of the child's last run")
        x.describe("describe the child's last run")
    with looking_at(x, child_of(x), first):
        x.history("history of the child's first run")
