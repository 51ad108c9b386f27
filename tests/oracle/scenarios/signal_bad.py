"""signal_bad.py - signals that are refused."""
import uuid

from temporalio.api.common.v1 import Header
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.basic import TEXT
from kit.links import link


def play(x):
    x.start()
    x.complete(x.poll())
    cases = {"no name": dict(name=""), "long name": dict(name="n" * 1001), "long request id": dict(request_id="r" * 1001),
             "bad run": dict(execution=x.execution(run_id="bad"))}
    for label, more in cases.items():
        x.signal(label=label, **more)
    x.signal("shown", header=Header(fields={"h": TEXT}), links=[link()])
    x.complete(x.poll())
    x.history()
    x.describe()
    x.call("SignalWorkflowExecution", api.SignalWorkflowExecutionRequest(
        namespace="default", workflow_execution=x.execution(), signal_name="s", request_id=str(uuid.uuid4())), show=True)
