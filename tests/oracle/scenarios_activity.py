"""scenarios_activity.py - activities: results, retries, the four time-outs, heartbeats, cancellation."""
import time

from google.protobuf import duration_pb2
from temporalio.api.common.v1 import ActivityType, Header, Payload, Priority, RetryPolicy
from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import ApplicationFailureInfo, CanceledFailureInfo, Failure
from temporalio.api.sdk.v1 import UserMetadata
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from lab import command, payloads, seconds
from scenarios import TEXT, each, end


def activity(x, activity_id="a", **changes):
    fields = dict(activity_id=activity_id, activity_type=ActivityType(name="act-type"), task_queue=TaskQueue(name=x.queue),
                  input=payloads("in"), start_to_close_timeout=seconds(30))
    fields.update(changes)
    return command("schedule_activity_task", **{k: v for k, v in fields.items() if v is not None})


def application(message="bad", **info):
    return Failure(message=message, source="test", application_failure_info=ApplicationFailureInfo(type="Bad", **info))


ONCE = RetryPolicy(maximum_attempts=1)


def s_activity(x):
    x.start()
    x.complete(x.poll(), activity(x, header=Header(fields={"h": TEXT}), user_metadata=UserMetadata(summary=TEXT),
                                  priority=Priority(priority_key=1)))
    x.describe("describe scheduled")
    task = x.poll_activity(show=True)
    x.describe("describe started")
    x.complete_activity(task, result=payloads("r"))
    x.heartbeat(task, label="heartbeat after completion")
    task2 = x.poll(show=True)
    end(x, task2)


def s_activity_defaults(x):
    x.start(workflow_run_timeout=seconds(100))
    x.complete(x.poll(), activity(x, "s2c"),
               activity(x, "sched2close", start_to_close_timeout=None, schedule_to_close_timeout=seconds(20)),
               activity(x, "all", schedule_to_close_timeout=seconds(20), schedule_to_start_timeout=seconds(50),
                        start_to_close_timeout=seconds(30), heartbeat_timeout=seconds(40)),
               activity(x, "retry", retry_policy=RetryPolicy(initial_interval=seconds(2), maximum_attempts=4)),
               activity(x, "retry2", retry_policy=RetryPolicy(backoff_coefficient=3.0, non_retryable_error_types=["X"])),
               activity(x, "long", start_to_close_timeout=seconds(1000)),
               activity(x, "eager", request_eager_execution=True), show=True)
    x.history()
    x.describe()
    x.terminate()


def s_activity_bad(x):
    long = "x" * 1001
    cases = {
        "no id": activity(x, ""), "no type": activity(x, activity_type=None),
        "empty type": activity(x, activity_type=ActivityType()),
        "no timeouts": activity(x, start_to_close_timeout=None),
        "negative": activity(x, start_to_close_timeout=duration_pb2.Duration(seconds=-1)),
        "negative heartbeat": activity(x, heartbeat_timeout=duration_pb2.Duration(seconds=-1)),
        "negative s2s": activity(x, schedule_to_start_timeout=duration_pb2.Duration(seconds=-1)),
        "negative s2c": activity(x, schedule_to_close_timeout=duration_pb2.Duration(seconds=-1)),
        "only s2s": activity(x, start_to_close_timeout=None, schedule_to_start_timeout=seconds(5)),
        "long id": activity(x, long), "long type": activity(x, activity_type=ActivityType(name=long)),
        "long queue": activity(x, task_queue=TaskQueue(name=long)),
        "bad retry": activity(x, retry_policy=RetryPolicy(maximum_attempts=-1)),
        "bad retry coefficient": activity(x, retry_policy=RetryPolicy(backoff_coefficient=0.1)),
        "no attributes": command("schedule_activity_task"),
        "reserved queue": activity(x, task_queue=TaskQueue(name="/_sys/x")),
    }
    each(x, cases)
    x.complete(x.poll(), activity(x, "same"), force_create_new_workflow_task=True)
    x.complete(x.poll(), activity(x, "same"), label="same id twice")
    x.complete(x.poll(), activity(x, "noqueue", task_queue=None), label="no queue")
    x.history()


def s_activity_retries_exhausted(x):
    x.start()
    x.complete(x.poll(), activity(x, retry_policy=RetryPolicy(initial_interval=seconds(0.2), maximum_attempts=3)))
    for i in range(3):
        task = x.poll_activity(show=True)
        x.fail_activity(task, application(f"bad {i}", details=payloads("d")), show=True)
        if i == 0:
            x.describe("describe waiting for the retry")
    end(x)


def s_activity_non_retryable(x):
    x.start()
    x.complete(x.poll(), activity(x, retry_policy=RetryPolicy(non_retryable_error_types=["Bad"])))
    x.fail_activity(x.poll_activity(), application())
    x.complete(x.poll(), activity(x, "b"))
    x.fail_activity(x.poll_activity(), application(non_retryable=True))
    x.complete(x.poll(), activity(x, "c"))
    x.fail_activity(x.poll_activity(), Failure(message="server", server_failure_info={"non_retryable": True}))
    x.complete(x.poll(), activity(x, "d", retry_policy=ONCE))
    x.fail_activity(x.poll_activity(), None, label="no failure")
    end(x)


def s_activity_next_retry_delay(x):
    x.start()
    x.complete(x.poll(), activity(x, retry_policy=RetryPolicy(initial_interval=seconds(60))))
    x.fail_activity(x.poll_activity(), application(next_retry_delay=seconds(0.3)))
    x.describe()
    x.complete_activity(x.poll_activity(show=True), result=payloads("r"))
    end(x)


def s_activity_retry_past_expiry(x):
    x.start()
    x.complete(x.poll(), activity(x, schedule_to_close_timeout=seconds(3),
                                  retry_policy=RetryPolicy(initial_interval=seconds(60))))
    x.fail_activity(x.poll_activity(), application())
    end(x)


def s_timeout_schedule_to_start(x):
    x.start()
    x.complete(x.poll(), activity(x, schedule_to_start_timeout=seconds(1)))
    end(x)


def s_timeout_schedule_to_start_no_retry(x):
    x.start()
    x.complete(x.poll(), activity(x, schedule_to_start_timeout=seconds(1), retry_policy=ONCE))
    end(x)


def s_timeout_schedule_to_close(x):
    x.start()
    x.complete(x.poll(), activity(x, start_to_close_timeout=None, schedule_to_close_timeout=seconds(1)))
    end(x)


def s_timeout_schedule_to_close_started(x):
    x.start()
    x.complete(x.poll(), activity(x, start_to_close_timeout=None, schedule_to_close_timeout=seconds(2)))
    task = x.poll_activity()
    done = x.poll()
    x.complete_activity(task, label="too late")
    end(x, done)


def s_timeout_schedule_to_close_after_failures(x):
    x.start()
    x.complete(x.poll(), activity(x, start_to_close_timeout=None, schedule_to_close_timeout=seconds(2),
                                  retry_policy=RetryPolicy(initial_interval=seconds(1.2), backoff_coefficient=1.0)))
    x.fail_activity(x.poll_activity(), application("one"))
    x.poll_activity()
    end(x)


def s_timeout_start_to_close_once(x):
    x.start()
    x.complete(x.poll(), activity(x, start_to_close_timeout=seconds(1), retry_policy=ONCE))
    task = x.poll_activity()
    done = x.poll()
    x.complete_activity(task, label="too late")
    end(x, done)


def s_timeout_start_to_close_retried(x):
    x.start()
    x.complete(x.poll(), activity(x, start_to_close_timeout=seconds(1), retry_policy=RetryPolicy(
        initial_interval=seconds(1), maximum_attempts=2)))
    x.poll_activity()
    x.pending_activity(lambda a: a.attempt == 2)
    x.describe()
    x.poll_activity(show=True)
    end(x)


def s_timeout_start_to_close_non_retryable(x):
    x.start()
    x.complete(x.poll(), activity(x, start_to_close_timeout=seconds(1), retry_policy=RetryPolicy(
        non_retryable_error_types=["TemporalTimeout:StartToClose"])))
    x.poll_activity()
    end(x)


def s_timeout_heartbeat_once(x):
    x.start()
    x.complete(x.poll(), activity(x, heartbeat_timeout=seconds(1), retry_policy=ONCE))
    task = x.poll_activity()
    x.heartbeat(task, show=True, details=payloads("beat"))
    x.describe()
    end(x)


def s_timeout_heartbeat_retried(x):
    x.start()
    x.complete(x.poll(), activity(x, heartbeat_timeout=seconds(1), retry_policy=RetryPolicy(
        initial_interval=seconds(1), maximum_attempts=3)))
    task = x.poll_activity()
    x.heartbeat(task, show=True, details=payloads("beat"))
    x.pending_activity(lambda a: a.attempt == 2)
    x.describe()
    task = x.poll_activity(show=True)
    x.fail_activity(task, application(), last_heartbeat_details=payloads("last"))
    task = x.poll_activity(show=True)
    end(x)


def s_timeout_failure_then_start_to_close(x):
    x.start()
    x.complete(x.poll(), activity(x, start_to_close_timeout=seconds(1), retry_policy=RetryPolicy(
        initial_interval=seconds(0.2), maximum_attempts=2)))
    x.fail_activity(x.poll_activity(), application("one"))
    x.poll_activity(show=True)
    end(x)


def s_cancel_not_started(x):
    x.start()
    x.complete(x.poll(), activity(x), force_create_new_workflow_task=True)
    task = x.poll()
    scheduled = next(e.event_id for e in x.events() if e.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
    x.complete(task, command("request_cancel_activity_task", scheduled_event_id=scheduled))
    x.history("history after the cancellation")
    end(x)


def s_cancel_started(x):
    x.start()
    x.complete(x.poll(), activity(x), force_create_new_workflow_task=True)
    task = x.poll()
    running = x.poll_activity()
    x.heartbeat(running, show=True)
    x.complete(task, command("request_cancel_activity_task", scheduled_event_id=5))
    x.describe()
    x.heartbeat(running, show=True, details=payloads("h"))
    x.cancel_activity(running, details=payloads("bye"))
    end(x)


def s_cancel_started_then_completed(x):
    x.start()
    x.complete(x.poll(), activity(x), force_create_new_workflow_task=True)
    task = x.poll()
    running = x.poll_activity()
    x.complete(task, command("request_cancel_activity_task", scheduled_event_id=5))
    x.complete_activity(running, result=payloads("r"))
    end(x)


def s_cancel_started_then_failed(x):
    x.start()
    x.complete(x.poll(), activity(x), force_create_new_workflow_task=True)
    task = x.poll()
    running = x.poll_activity()
    x.complete(task, command("request_cancel_activity_task", scheduled_event_id=5))
    x.fail_activity(running, application())
    end(x)


def s_cancel_twice_and_unasked(x):
    x.start()
    x.complete(x.poll(), activity(x), force_create_new_workflow_task=True)
    task = x.poll()
    running = x.poll_activity()
    x.cancel_activity(running, label="canceled unasked")
    x.complete(task, command("request_cancel_activity_task", scheduled_event_id=5),
               command("request_cancel_activity_task", scheduled_event_id=5), force_create_new_workflow_task=True)
    x.complete(x.poll(), command("request_cancel_activity_task", scheduled_event_id=5), label="cancel again")
    x.outline()
    x.complete(x.poll(), command("request_cancel_activity_task", scheduled_event_id=99), label="cancel unknown")
    x.complete(x.poll(), command("request_cancel_activity_task"), label="cancel nothing")
    x.cancel_activity(running)
    end(x)


def s_cancel_in_backoff(x):
    x.start()
    x.complete(x.poll(), activity(x, retry_policy=RetryPolicy(initial_interval=seconds(60))),
               force_create_new_workflow_task=True)
    x.fail_activity(x.poll_activity(), application())
    x.complete(x.poll(), command("request_cancel_activity_task", scheduled_event_id=5))
    end(x)


def s_cancel_in_the_same_task(x):
    x.start()
    x.complete(x.poll(), activity(x), command("request_cancel_activity_task", scheduled_event_id=5), label="same task")
    x.outline()
    end(x)


def s_cancel_started_times_out(x):
    x.start()
    x.complete(x.poll(), activity(x, start_to_close_timeout=seconds(1)), force_create_new_workflow_task=True)
    task = x.poll()
    x.poll_activity()
    x.complete(task, command("request_cancel_activity_task", scheduled_event_id=5))
    end(x)


def s_activity_completes_while_task_started(x):
    x.start()
    x.complete(x.poll(), activity(x, "a"), activity(x, "b"), force_create_new_workflow_task=True)
    task = x.poll()
    first, second = sorted((x.poll_activity(), x.poll_activity()), key=lambda a: a.activity_id)  # in no order
    x.complete_activity(first, result=payloads("1"))
    x.signal("between")
    x.fail_activity(second, application(non_retryable=True))
    x.outline("outline while started")
    x.complete(task)
    x.history("history after")
    end(x)


def s_activity_closed_then_answered(x):
    """Answers to an activity that ended without the worker."""
    x.start()
    x.complete(x.poll(), activity(x, start_to_close_timeout=seconds(1), retry_policy=ONCE))
    task = x.poll_activity()
    done = x.poll()
    x.complete_activity(task)
    x.fail_activity(task, application())
    x.cancel_activity(task)
    x.heartbeat(task)
    x.complete(done, command("complete_workflow_execution"))
    x.complete_activity(task, label="after the close")
    x.heartbeat(task, label="heartbeat after the close")


def s_activity_of_a_closed_workflow(x):
    x.start()
    x.complete(x.poll(), activity(x))
    task = x.poll_activity()
    x.terminate()
    x.heartbeat(task)
    x.complete_activity(task)
    x.fail_activity(task, application())
    x.cancel_activity(task)
    x.outline()


def s_activity_big_result(x):
    x.start()
    x.complete(x.poll(), activity(x, retry_policy=ONCE))
    task = x.poll_activity()
    x.heartbeat(task, label="big heartbeat", details=payloads("x" * (2 * 1024 * 1024 + 10)), show=True)
    x.outline()
    x.complete(x.poll(), activity(x, "b", retry_policy=ONCE))
    task = x.poll_activity()
    x.complete_activity(task, label="big result", result=payloads("x" * (2 * 1024 * 1024 + 10)))
    end(x)
