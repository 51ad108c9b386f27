"""signal_without_run_id.py - a signal and a cancellation of whichever run is current."""
from kit.basic import end


def play(x):
    x.start()
    x.signal(execution=x.execution(run_id=""))
    x.cancel(execution=x.execution(run_id=""))
    end(x, x.poll(show=True))
