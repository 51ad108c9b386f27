"""activity_id_again.py - an id used again: after a cancellation, after a result, after a failure, and while it is pending."""
from kit.activity import activity, application
from kit.basic import end
from lab import command, payloads


def play(x):
    x.start()
    x.complete(x.poll(), activity(x), command("request_cancel_activity_task", scheduled_event_id=5),
               force_create_new_workflow_task=True)
    x.complete(x.poll(), activity(x))
    x.complete_activity(x.poll_activity(show=True), result=payloads("one"))
    x.complete(x.poll(), activity(x), activity(x, "b"))
    by_id = {t.activity_id: t for t in (x.poll_activity(), x.poll_activity())}
    x.fail_activity(by_id["a"], application(non_retryable=True))
    x.complete(x.poll(), activity(x), activity(x, "b"), label="one is pending")
    x.outline()
    end(x)
