"""retry_after_a_time_out.py - a run that timed out is retried."""
from kit.basic import end
from kit.retry import follow, policy
from lab import seconds


def play(x):
    x.start(retry_policy=policy(), workflow_run_timeout=seconds(2))
    x.await_close()
    follow(x)
    end(x, x.poll(show=True))
