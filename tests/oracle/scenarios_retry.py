"""scenarios_retry.py - the run after a run: retry policies and cron schedules, with every attribute."""
import time

from temporalio.api.common.v1 import Header, Memo, RetryPolicy
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure, TimeoutFailureInfo

from lab import command, payloads, seconds
from scenarios import TEXT, end

FAIL = "fail_workflow_execution"


def app(message="oops", kind="Type", **info):
    return Failure(message=message, application_failure_info=ApplicationFailureInfo(type=kind, **info))


def policy(**fields):
    fields.setdefault("initial_interval", seconds(1))
    return RetryPolicy(**fields)


def follow(x):
    """The next run, in place of the one that has ended."""
    x.history("history of the run that ended")
    x.describe("describe the run that ended")
    last = x.events()[-1]
    x.run_id = getattr(last, last.WhichOneof("attributes")).new_execution_run_id


def early_in_a_second():
    """Schedules go by whole seconds: both servers start at the same place in one."""
    while not 0.1 < time.time() % 1 < 0.2:
        time.sleep(0.02)


def s_retry_fails_twice(x):
    x.start(input=payloads("in"), identity="starter", retry_policy=policy(maximum_attempts=2), memo=Memo(fields={"m": TEXT}),
            header=Header(fields={"h": TEXT}), workflow_run_timeout=seconds(50), workflow_execution_timeout=seconds(100))
    x.complete(x.poll(), command(FAIL, failure=app()), show=True)
    follow(x)
    x.complete(x.poll(show=True), command(FAIL, failure=app("again")))
    x.history()
    x.describe()


def s_retry_defaults(x):
    x.start(retry_policy=RetryPolicy())
    x.complete(x.poll(), command(FAIL, failure=app()))
    follow(x)
    end(x, x.poll(show=True))


def s_retry_not(x):
    for label, failure in {
        "non retryable": app(non_retryable=True),
        "listed type": app(kind="Fatal"),
        "schedule to close": Failure(message="m", timeout_failure_info=TimeoutFailureInfo(timeout_type=3)),
    }.items():
        x.start(retry_policy=policy(non_retryable_error_types=["Fatal"]))
        x.complete(x.poll(), command(FAIL, failure=failure))
        x.history(label)


def s_retry_of_one_attempt(x):
    x.start(retry_policy=policy(maximum_attempts=1))
    x.complete(x.poll(), command(FAIL, failure=app()))
    x.history()


def s_retry_past_the_execution(x):
    x.start(retry_policy=policy(initial_interval=seconds(20)), workflow_execution_timeout=seconds(10))
    x.complete(x.poll(), command(FAIL, failure=app()))
    x.history()


def s_retry_with_a_delay_of_its_own(x):
    x.start(retry_policy=policy(maximum_interval=seconds(3)))
    x.complete(x.poll(), command(FAIL, failure=app(next_retry_delay=seconds(2))))
    follow(x)
    x.complete(x.poll(), command(FAIL, failure=app(next_retry_delay=seconds(9))))
    follow(x)
    x.describe()


def s_retry_after_a_time_out(x):
    x.start(retry_policy=policy(), workflow_run_timeout=seconds(2))
    x.await_close()
    follow(x)
    end(x, x.poll(show=True))


def s_retry_continued_as_new(x):
    x.start(retry_policy=policy())
    x.complete(x.poll(), command("continue_as_new_workflow_execution", input=payloads("next"), retry_policy=policy(
        initial_interval=seconds(2), maximum_attempts=3), backoff_start_interval=seconds(1)))
    follow(x)
    x.complete(x.poll(), command(FAIL, failure=app()))
    follow(x)
    end(x, x.poll(show=True))


def s_cron_completes(x):
    early_in_a_second()
    x.start(input=payloads("in"), cron_schedule="@every 2s", memo=Memo(fields={"m": TEXT}))
    x.describe()
    x.complete(x.poll(show=True), command("complete_workflow_execution", result=payloads("out")))
    follow(x)
    x.complete(x.poll(show=True), command(FAIL, failure=app()))
    follow(x)
    x.complete(x.poll(), command("cancel_workflow_execution"))
    x.history()


def s_cron_and_retry(x):
    early_in_a_second()
    x.start(cron_schedule="@every 3s", retry_policy=policy(maximum_attempts=2))
    x.complete(x.poll(), command(FAIL, failure=app()))
    follow(x)
    x.complete(x.poll(show=True), command(FAIL, failure=app()))
    follow(x)
    x.describe()


def s_cron_times_out(x):
    early_in_a_second()
    x.start(cron_schedule="@every 2s", workflow_run_timeout=seconds(2))
    x.await_close()
    follow(x)
    x.history()


def s_cron_continued_as_new(x):
    early_in_a_second()
    x.start(cron_schedule="@every 2s")
    x.complete(x.poll(), command("continue_as_new_workflow_execution", cron_schedule="nonsense", backoff_start_interval=seconds(2)))
    follow(x)
    end(x, x.poll(show=True))


def s_cron_bad(x):
    for schedule in ("nonsense", "* * * *", "0 0 31 2 *", "TZ=Nowhere/x * * * * *", "@every", "60 * * * *", "* * * * 7"):
        x.start(label=schedule, cron_schedule=schedule)
