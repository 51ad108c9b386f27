"""update_callbacks_reset.py - a reset brings the callbacks of updates along, of those that ended before it as well."""
import uuid

from kit.posts import ON, await_states, receiving, show_callbacks
from kit.updates import NO, accept, answer, done, idle, message
from scenarios.update_callbacks import asked
from temporalio.api.update.v1 import Acceptance, Rejection
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

SETTINGS = ON


def taken(name):
    return message(name, "accept", Acceptance(accepted_request_message_id=f"{name}/request",
                                              accepted_request_sequencing_event_id=2))


def play(x):
    with receiving(x) as receiver:
        idle(x)
        first = x.run_id
        one = asked(x, "before", receiver.to("before"), request_id="first")
        task = x.poll()
        answer(x, task, accept(task, "before"), done("before"))
        one.tell()
        receiver.tell(1)
        await_states(x, "SUCCEEDED")
        fork = len(x.events()) + 2  # the next task's Started
        for name in ("completed", "rejected", "left"):
            one = asked(x, name, receiver.to(name), request_id=name)
            task = x.poll()
            answer(x, task, accept(task, name))
            one.tell()
        answered = x.call("ResetWorkflowExecution", api.ResetWorkflowExecutionRequest(
            namespace="default", workflow_execution=x.execution(), workflow_task_finish_event_id=fork + 1,
            request_id=str(uuid.uuid4()), reason="again"))
        show_callbacks(x, "of the run that was reset")
        x.run_id = answered.run_id
        receiver.tell(1)
        await_states(x, "SUCCEEDED", *["STANDBY"] * 3)
        show_callbacks(x, "of the new run")
        task = x.poll()
        answer(x, task, taken("completed"), done("completed"), taken("left"),
               message("rejected", "reject", Rejection(rejected_request_message_id="rejected/request",
                                                       rejected_request_sequencing_event_id=2, failure=NO)))
        receiver.tell(2)
        await_states(x, *["SUCCEEDED"] * 3, "STANDBY")
        x.terminate()
        receiver.tell(1)
        await_states(x, *["SUCCEEDED"] * 4)
        show_callbacks(x, "at the end")
        x.history()
        x.run_id = first
        show_callbacks(x, "of the first run, at the end")
