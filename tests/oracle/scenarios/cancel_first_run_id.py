"""cancel_first_run_id.py - cancellation and termination that name a chain."""
import uuid


def play(x):
    x.start()
    x.cancel("other chain", first_execution_run_id=str(uuid.uuid4()))
    x.cancel("right chain", first_execution_run_id=x.run_id)
    x.terminate("terminate other chain", first_execution_run_id=str(uuid.uuid4()))
    x.terminate("terminate right chain", first_execution_run_id=x.run_id)
    x.outline()
