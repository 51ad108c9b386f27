"""namespace_bad_binary_of_an_earlier_run.py - a run that its chain's bad binary went on with goes back to that one's run."""
from kit.bad_binary import follow, mark, own_namespace
from kit.basic import end
from kit.reset import at, both_runs
from lab import command


def play(x):
    own_namespace(x)
    x.start()
    first = x.run_id
    x.complete(x.poll(), binary_checksum="good")
    x.signal("one")
    x.complete(x.poll(), binary_checksum="bad")
    x.signal("two")
    x.complete(x.poll(), command("continue_as_new_workflow_execution"), binary_checksum="bad")
    task = x.poll()
    x.run_id = task.workflow_execution.run_id
    second = x.run_id
    x.complete(task, binary_checksum="good")
    mark(x, "bad", reason="a reason")
    x.signal("three", label="the step")
    follow(x)
    both_runs(x, first)
    at(x, second, x.history, "history of the second run")
    end(x)
