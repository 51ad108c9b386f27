"""task_answer_repeated.py - the same answers given twice: a workflow task's, an activity's, a failed activity's."""
from kit.activity import ONCE, activity, application
from kit.basic import end


def play(x):
    x.start()
    task = x.poll()
    x.complete(task, activity(x, "a"), activity(x, "b", retry_policy=ONCE))
    x.complete(task, label="complete task again")
    tasks = sorted((x.poll_activity(), x.poll_activity()), key=lambda t: t.activity_id)
    x.complete_activity(tasks[0])
    x.complete_activity(tasks[0], label="complete activity again")
    x.fail_activity(tasks[1], application())
    x.fail_activity(tasks[1], application(), label="fail activity again")
    x.complete_activity(tasks[1], label="complete the failed activity")
    x.outline()
    end(x)
