"""task_many_attempts.py - six attempts of a workflow task."""
from kit.basic import end
from kit.task import OOPS


def play(x):
    x.start()
    for i in range(6):
        task = x.poll(label=f"attempt {i}")
        x.say(f"== attempt {task.attempt}, {len(task.history.events)} events, started {task.started_event_id}")
        x.fail_task(task, failure=OOPS)
    x.signal()
    task = x.poll(show=True)
    end(x, task)
