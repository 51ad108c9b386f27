"""task_token_of_another_kind.py - a workflow task's token answers an activity, an activity's a workflow task."""
from kit.activity import activity
from kit.basic import end


def play(x):
    x.start()
    x.complete(x.poll(), activity(x), force_create_new_workflow_task=True)
    task, running = x.poll(), x.poll_activity()
    x.complete_activity(task, label="complete activity with a task's token")
    x.heartbeat(task, label="heartbeat with a task's token")
    x.complete(running, label="complete task with an activity's token")
    x.fail_task(running, label="fail task with an activity's token")
    x.complete_activity(running)
    end(x, task)
