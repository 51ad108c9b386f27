"""retry_defaults.py - a retry policy whose fields are left out."""
from temporalio.api.common.v1 import RetryPolicy

from kit.basic import end
from kit.retry import FAIL, app, follow
from lab import command


def play(x):
    x.start(retry_policy=RetryPolicy())
    x.complete(x.poll(), command(FAIL, failure=app()))
    follow(x)
    end(x, x.poll(show=True))
