"""cancel_twice.py - cancellations asked for twice, with the same request id and another, and of a closed run."""
import uuid

from kit.basic import end


def play(x):
    x.start()
    one = str(uuid.uuid4())
    x.cancel(request_id=one)
    x.cancel("cancel same request", request_id=one)
    x.cancel("cancel other request")
    x.outline()
    task = x.poll()
    x.cancel("cancel while started")
    end(x, task)
    x.cancel("cancel closed")
    x.cancel("cancel closed without run", execution=x.execution(run_id=""))
