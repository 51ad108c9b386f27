"""update_ends_with_its_workflow.py - updates admitted, accepted, completed, rejected by the task that ends the workflow."""
from kit.basic import anew
from kit.updates import accept, answer, ask, done, pointers, reject
from lab import command, payloads
from temporalio.api.common.v1 import WorkflowType
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.taskqueue.v1 import TaskQueue

MESSAGES = {
    "unanswered": lambda task: [],
    "accepted": lambda task: [accept(task)],
    "completed": lambda task: [accept(task), done()],
    "rejected": lambda task: [reject(task)],
}


def play(x):
    for state, messages in MESSAGES.items():
        for ending in ("completes", "fails", "continues"):
            label = f"{state}, the workflow {ending}"
            anew(x)
            x.complete(x.poll())
            asked = ask(x)
            task = x.poll()
            last = {
                "completes": command("complete_workflow_execution", result=payloads("r")),
                "fails": command("fail_workflow_execution", failure=Failure(
                    message="f", application_failure_info=ApplicationFailureInfo(type="F", non_retryable=True))),
                "continues": command("continue_as_new_workflow_execution", workflow_type=WorkflowType(name="wf-type"),
                                     task_queue=TaskQueue(name=x.queue)),
            }[ending]
            said = messages(task)
            x.complete(task, *pointers(*[m for m in said if not m.id.endswith("reject")]), last, messages=said, label=label)
            x.say(f"== {label}")
            asked.tell()
            x.history(f"history: {label}")
            if ending == "continues":
                x.terminate()
    anew(x)
    x.terminate()
