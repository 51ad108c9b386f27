"""activity_eager_corners.py - eager activities: of another queue, beside a canceled one, with the end of the run, many."""
from temporalio.api.common.v1 import RetryPolicy
from temporalio.api.taskqueue.v1 import TaskQueue

from kit.activity import activity, application
from kit.basic import anew, end
from lab import command, seconds


def play(x):
    x.start()
    other = TaskQueue(name=x.queue + "-other")
    answer = x.complete(x.poll(), activity(x, "far", request_eager_execution=True, task_queue=other),
                        activity(x, "near", request_eager_execution=True,
                                 retry_policy=RetryPolicy(initial_interval=seconds(0.1))),
                        activity(x, "gone", request_eager_execution=True),
                        command("request_cancel_activity_task", scheduled_event_id=7),
                        show=True, label="three of which two are near")
    x.describe("pending")
    for task in answer.activity_tasks:
        if task.activity_id == "near":
            x.fail_activity(task, application())
    x.complete_activity(x.poll_activity(show=True, label="its second attempt"))
    end(x)
    anew(x)
    x.complete(x.poll(), activity(x, request_eager_execution=True), command("complete_workflow_execution"), show=True,
               label="with the end")
    x.outline()
    anew(x)
    x.complete(x.poll(), activity(x, request_eager_execution=True, heartbeat_timeout=seconds(9)), show=True,
               return_new_workflow_task=True, force_create_new_workflow_task=True, label="with a further task")
    x.outline()
    anew(x)
    x.complete(x.poll(), *[activity(x, f"e{i}", request_eager_execution=True) for i in range(5)], show=True, label="five")
    x.terminate()
    x.outline()
