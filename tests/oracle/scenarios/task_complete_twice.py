"""task_complete_twice.py - a workflow task answered twice, and by somebody else."""
from lab import command, seconds


def play(x):
    x.start(workflow_task_timeout=seconds(1))
    lost = x.poll()
    task = x.poll()
    x.complete(lost, label="stale token")
    x.complete(task, command("start_timer", timer_id="t", start_to_fire_timeout=seconds(60)))
    x.fail_task(task, label="fail a completed one")
    x.signal()
    now = x.poll()
    x.fail_task(task, label="stale token fails")
    x.terminate()
    x.complete(now, label="closed")
    x.fail_task(now, label="closed, fails")
    x.outline()
