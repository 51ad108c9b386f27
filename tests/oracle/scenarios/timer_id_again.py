"""timer_id_again.py - a timer canceled and started again in one task; commands after the closing one."""
from lab import command, seconds


def play(x):
    timer = command("start_timer", timer_id="t", start_to_fire_timeout=seconds(60))
    x.start(workflow_task_timeout=seconds(1))
    x.complete(x.poll(), command("record_marker", marker_name="m"), command("complete_workflow_execution"),
               command("record_marker", marker_name="n"), label="not the last")
    x.outline()
    x.complete(x.poll(), timer, command("cancel_timer", timer_id="t"), timer, label="again")
    x.history()
    x.describe()
