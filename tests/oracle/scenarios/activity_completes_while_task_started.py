"""activity_completes_while_task_started.py - results that are buffered while a workflow task runs."""
from kit.activity import activity, application
from kit.basic import end
from lab import payloads


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, "a"), activity(x, "b"), force_create_new_workflow_task=True)
    task = x.poll()
    first, second = sorted((x.poll_activity(), x.poll_activity()), key=lambda a: a.activity_id)  # in no order
    x.complete_activity(first, result=payloads("1"))
    x.signal("between")
    x.fail_activity(second, application(non_retryable=True))
    x.outline("outline while started")
    x.complete(task)
    x.history("history after")
    end(x)
