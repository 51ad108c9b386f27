"""task_times_out_twice.py - a workflow task that times out twice."""
from kit.basic import end
from lab import seconds


def play(x):
    x.start(workflow_task_timeout=seconds(1))
    x.poll()
    task = x.poll(show=True, label="second attempt")
    task = x.poll(show=True, label="third attempt")
    x.history("history in the third")
    end(x, task)
