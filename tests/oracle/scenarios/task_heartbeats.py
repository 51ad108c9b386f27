"""task_heartbeats.py - a task prolonged by heartbeats, with a signal in between."""
from kit.query import answer
from lab import command


def play(x):
    x.start()
    task = x.poll()
    for i in range(3):
        answer = x.complete(task, force_create_new_workflow_task=True, return_new_workflow_task=True, show=True,
                            label=f"heartbeat {i}", capabilities={"discard_speculative_workflow_task_with_events": True})
        x.describe()
        task = answer.workflow_task
        if i == 1:
            x.signal("while heartbeating")
    x.complete(task, command("record_marker", marker_name="m"), return_new_workflow_task=True, show=True)
    x.history()
