"""reset_second_attempt.py - to the end of a task that was a second attempt, and of one that brought an update."""
from kit.basic import anew, end
from kit.reset import both_runs, reset
from kit.updates import accept, answer, ask, done
from lab import command


def play(x):
    x.start()
    base = x.run_id
    x.fail_task(x.poll())
    x.complete(x.poll(), command("record_marker", marker_name="m"))
    reset(x, 7)
    both_runs(x, base)
    end(x)
    anew(x)
    base = x.run_id
    x.complete(x.poll())
    asked = ask(x)
    task = x.poll()
    answer(x, task, accept(task), done())
    asked.tell()
    reset(x, 7, label="to the update's task", reset_reapply_exclude_types=[2])
    both_runs(x, base)
    end(x)
