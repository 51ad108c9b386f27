"""signal_same_request.py - signals with a request id that was seen before."""
import uuid

from kit.basic import TEXT, end


def play(x):
    x.start()
    one = str(uuid.uuid4())
    x.signal("a", request_id=one)
    x.signal("a", request_id=one)
    task = x.poll()
    two = str(uuid.uuid4())
    x.signal("b", request_id=two)
    x.signal("b", request_id=two)
    x.signal("header", header={"fields": {"h": TEXT}}, control="control")
    x.complete(task)
    end(x)
