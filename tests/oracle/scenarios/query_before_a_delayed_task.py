"""query_before_a_delayed_task.py - queries of runs whose first task is still to come: delayed, by cron, paused."""
from kit.basic import anew
from lab import seconds


def play(x):
    x.start(workflow_start_delay=seconds(60))
    x.query(label="delayed", timeout=5)
    x.terminate()
    anew(x, cron_schedule="0 0 1 1 *")
    x.query(label="cron", timeout=5)
    x.terminate()
    x.query(label="terminated before its first task", timeout=5)
