"""reset_chain.py - signals of the runs that the base continued as come again as well."""
from kit.basic import end
from kit.reset import both_runs, reset
from lab import command


def play(x):
    x.start()
    base = x.run_id
    x.complete(x.poll())
    x.signal("one")
    x.complete(x.poll(), command("continue_as_new_workflow_execution"))
    x.run_id = ""
    x.signal("two")
    x.complete(x.poll(), command("continue_as_new_workflow_execution"))
    x.run_id = ""
    x.signal("three")
    reset(x, 4, run_id=base)
    both_runs(x, base)
    end(x)
