"""signal_and_cancel_order.py - signals and a cancellation keep their order in the buffer."""
from kit.basic import end


def play(x):
    x.start()
    task = x.poll()
    x.signal("one")
    x.cancel()
    x.signal("two")
    x.complete(task)
    end(x)
