"""query_idle.py - queries of a workflow between tasks, answered and failed."""
from kit.query import FAILED, answer
from kit.task import OOPS
from lab import command, payloads, seconds


def play(x):
    x.start()
    x.complete(x.poll(), command("start_timer", timer_id="t", start_to_fire_timeout=seconds(60)))
    asking = x.behind(x.query)
    task = x.poll(show=True, label="query task")
    answer(x, task, query_result=payloads("yes"))
    asking.join(15)
    answer(x, task, label="answer again", query_result=payloads("yes"))
    asking = x.behind(x.query, label="query that fails")
    task = x.poll()
    answer(x, task, FAILED, error_message="unknown query q", failure=OOPS)
    asking.join(15)
    asking = x.behind(x.query, label="query that fails without failure")
    answer(x, x.poll(), FAILED, error_message="unknown query q")
    asking.join(15)
    x.history()
    x.describe()
