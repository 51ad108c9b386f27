"""update_unknown_stage.py - who waits for a stage that there is not waits for nothing."""
from kit.updates import ADMITTED, accept, answer, ask, done, idle, poll_update, update


def play(x):
    idle(x)
    for stage in (4, 7, 1000, -1):
        x.say(f"== stage {stage}")
        update(x, f"u{stage}", stage, timeout=4)
        poll_update(x, f"u{stage}", stage, label=f"poll for {stage}", timeout=4)
    task = x.poll()
    answer(x, task, *[m for s in (4, 7, 1000, -1) for m in (accept(task, f"u{s}"), done(f"u{s}"))])
    poll_update(x, "u7", 7, label="completed, by an unknown stage", timeout=4)
    update(x, "u7", 7, label="again, by an unknown stage", timeout=4)
    x.outline()
    x.terminate()
