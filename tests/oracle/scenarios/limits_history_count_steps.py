"""limits_history_count_steps.py - each kind of step that would write one event more than a run may have."""
from kit import limited
from kit.activity import ONCE, activity
from kit.basic import anew
from kit.updates import accept, answer, ask, done
from lab import command, payloads, seconds

SETTINGS = limited.HISTORY_COUNT


def filled(x, last=None):
    """Nine events, and no task; `last` makes the last command."""
    anew(x)
    marker = command("record_marker", marker_name="m", details={"d": payloads("d")})
    x.complete(x.poll(), *[marker] * 4, last(x) if last else marker)


def working(x, signals, **started):
    """A task waits; as many events as signals, and five."""
    anew(x, **started)
    x.complete(x.poll())
    for n in range(signals):
        x.signal(label=f"signal {n}")


def ended(x, label):
    x.await_close()
    x.outline(label)


def play(x):
    working(x, 5)
    x.poll(timeout=2.0, label="the task of a run at its limit")
    ended(x, "task to be started")
    x.describe("task to be started")
    working(x, 4)
    x.fail_task(x.poll(), label="fail the task")
    ended(x, "task failed")
    working(x, 4, workflow_task_timeout=seconds(1))
    x.poll()
    ended(x, "task timed out")
    filled(x)
    x.cancel(label="cancel")
    ended(x, "canceled")
    filled(x, activity)
    x.complete_activity(x.poll_activity(), label="complete the activity")
    ended(x, "activity completed")
    filled(x, lambda x: activity(x, retry_policy=ONCE))
    x.fail_activity(x.poll_activity(), label="fail the activity")
    ended(x, "activity failed")
    filled(x, lambda x: activity(x, start_to_close_timeout=seconds(1), retry_policy=ONCE))
    x.poll_activity()
    ended(x, "activity timed out")
    filled(x, lambda _: command("start_timer", timer_id="t", start_to_fire_timeout=seconds(1)))
    ended(x, "timer fired")
    working(x, 3)
    asked = ask(x)
    task = x.poll()
    answer(x, task, accept(task), done(), label="accept and complete an update")
    asked.tell()
    ended(x, "update answered")
