"""update_bad_requests.py - requests for updates that a server must refuse."""
from kit.updates import ADMITTED, idle, request
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.update.v1 import UpdateRef
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

NOBODY = "01234567-0123-7123-8123-0123456789ab"


def without(message, *path):
    inner = message
    for name in path[:-1]:
        inner = getattr(inner, name)
    inner.ClearField(path[-1])
    return message


def play(x):
    idle(x)
    good = lambda **more: request(x, **more)
    ask = lambda label, message: x.call("UpdateWorkflowExecution", message, label=label)
    ask("no namespace", without(good(), "namespace"))
    ask("no execution", without(good(), "workflow_execution"))
    ask("no workflow id", without(good(), "workflow_execution", "workflow_id"))
    ask("bad run id", good(execution=WorkflowExecution(workflow_id=x.workflow_id, run_id="x")))
    ask("unknown run", good(execution=WorkflowExecution(workflow_id=x.workflow_id, run_id=NOBODY)))
    ask("unknown workflow", good(execution=WorkflowExecution(workflow_id="nobody at all")))
    ask("no request", without(good(), "request"))
    ask("no meta", without(good(), "request", "meta"))
    ask("no input", without(good(), "request", "input"))
    ask("no name", without(good(), "request", "input", "name"))
    ask("long id", good(update_id="x" * 1001))
    ask("wait for admitted", good(stage=ADMITTED))
    ask("another first run", good(first_execution_run_id=NOBODY))
    ask("rubbish as first run", good(first_execution_run_id="rubbish"))
    poll = lambda label, **fields: x.call("PollWorkflowExecutionUpdate", api.PollWorkflowExecutionUpdateRequest(
        namespace="default", **fields), label=label)
    poll("poll nothing")
    poll("poll without execution", update_ref=UpdateRef(update_id="u"))
    poll("poll without workflow id", update_ref=UpdateRef(update_id="u", workflow_execution=WorkflowExecution()))
    poll("poll with a bad run id", update_ref=UpdateRef(
        update_id="u", workflow_execution=WorkflowExecution(workflow_id=x.workflow_id, run_id="x")))
    poll("poll an unknown workflow", update_ref=UpdateRef(
        update_id="u", workflow_execution=WorkflowExecution(workflow_id="nobody at all")))
    poll("poll an unknown run", update_ref=UpdateRef(
        update_id="u", workflow_execution=WorkflowExecution(workflow_id=x.workflow_id, run_id=NOBODY)))
    poll("poll an unknown update", update_ref=UpdateRef(update_id='a "quoted" one', workflow_execution=x.execution()))
    poll("poll no update id", update_ref=UpdateRef(workflow_execution=x.execution()))
    x.terminate()
