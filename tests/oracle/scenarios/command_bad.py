"""command_bad.py - commands whose attributes are refused."""
from kit.basic import each
from lab import command, seconds


def play(x):
    long = "x" * 1001
    cases = {
        "timer without id": command("start_timer", start_to_fire_timeout=seconds(1)),
        "timer negative": command("start_timer", timer_id="t", start_to_fire_timeout=seconds(-1)),
        "timer long id": command("start_timer", timer_id=long, start_to_fire_timeout=seconds(1)),
        "cancel unknown timer": command("cancel_timer", timer_id="none"),
        "cancel no timer": command("cancel_timer"),
        "marker without name": command("record_marker"),
        "marker long name": command("record_marker", marker_name=long),
        "fail without failure": command("fail_workflow_execution"),
    }
    each(x, cases)
    x.complete(x.poll(), command("start_timer", timer_id="one", start_to_fire_timeout=seconds(60)),
               command("start_timer", timer_id="one", start_to_fire_timeout=seconds(60)), label="timer twice")
    x.complete(x.poll(), command("complete_workflow_execution"),
               command("start_timer", timer_id="one", start_to_fire_timeout=seconds(60)), label="after completion")
    x.history()
    x.describe()
