"""child_outlives_its_parent.py - an abandoned child ends when its parent has closed, or has gone on as another run."""
from kit.children import ABANDON, child_of, completes, continues, looking_at, parent_and_child
from lab import command


def play(x):
    for label, close in (("continued", continues), ("completed, started anew", completes)):
        x.workflow_id = x.workflow_id + "-next"
        parent_and_child(x, parent_close_policy=ABANDON)
        x.signal()
        close(x)
        x.run_id = ""
        if close is completes:
            x.start(workflow_id=x.workflow_id)
        x.complete(x.poll(queue=x.queue + "-c"), command("complete_workflow_execution"))
        with looking_at(x, child_of(x)):
            x.await_close()
            x.history("history of the child: " + label)
            x.describe("describe the child: " + label)
        x.signal("last")
        x.complete(x.poll())
        x.outline("outline of the next run: " + label)
        x.describe("describe the next run: " + label)
