"""runs_first_run_beside_a_run_id.py - cancellation and termination that name a run of a chain and the chain: its current run is meant."""
import uuid

from kit.runs import follow
from lab import command


def play(x):
    x.start()
    first = x.execution()
    x.complete(x.poll(), command("continue_as_new_workflow_execution"))
    x.cancel("the ended run", execution=first)
    x.cancel("another chain", execution=first, first_execution_run_id=str(uuid.uuid4()))
    x.cancel("its chain", execution=first, first_execution_run_id=first.run_id)
    x.terminate("the ended run", execution=first)
    x.terminate("another chain", execution=first, first_execution_run_id=str(uuid.uuid4()))
    x.terminate("its chain", execution=first, first_execution_run_id=first.run_id)
    x.cancel("its chain, ended", execution=first, first_execution_run_id=first.run_id)
    x.terminate("its chain, ended", execution=first, first_execution_run_id=first.run_id)
    x.outline()
    follow(x)
    x.outline()
