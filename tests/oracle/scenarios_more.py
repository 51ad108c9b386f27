"""scenarios_more.py - links, long histories, causes of failed tasks, many attempts, page sizes of lists."""
import time

from temporalio.api.common.v1 import Link, Memo, Payload, RetryPolicy
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from lab import command, payloads, seconds
from scenarios import TEXT, anew, end
from scenarios_activity import ONCE, activity, application
from scenarios_task import OOPS


def link():
    return Link(workflow_event=Link.WorkflowEvent(namespace="default", workflow_id="other", run_id="r",
                                                  event_ref={"event_id": 1, "event_type": 1}))


def s_links(x):
    x.start(links=[link()])
    x.signal(links=[link(), link()])
    x.cancel(links=[link()])
    x.history()
    x.terminate(links=[link()])
    x.history()


def s_failed_task_causes(x):
    for cause in sorted(WorkflowTaskFailedCause.values()):
        anew(x)
        x.fail_task(x.poll(), cause=cause, failure=OOPS, label=WorkflowTaskFailedCause.Name(cause))
        x.history(WorkflowTaskFailedCause.Name(cause))


def s_failed_without_failure(x):
    x.start()
    x.fail_task(x.poll())
    x.history()
    end(x, x.poll(show=True))


def s_many_attempts(x):
    x.start()
    for i in range(6):
        task = x.poll(label=f"attempt {i}")
        x.say(f"== attempt {task.attempt}, {len(task.history.events)} events, started {task.started_event_id}")
        x.fail_task(task, failure=OOPS)
    x.signal()
    task = x.poll(show=True)
    end(x, task)


def s_long_history(x):
    x.start()
    for _ in range(3):
        task = x.poll()
        x.complete(task, *[command("record_marker", marker_name=f"m{i}") for i in range(300)],
                   force_create_new_workflow_task=True)
    task = x.poll()
    x.say(f"== {task.previous_started_event_id}, {task.started_event_id}")  # pages are cut elsewhere
    ids = [e.event_id for e in task.history.events]
    token = task.next_page_token
    while token:
        page = x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
            namespace="default", execution=x.execution(), next_page_token=token), raises=True)
        ids += [e.event_id for e in page.history.events]
        token = page.next_page_token
    x.say(f"== {ids[0]} to {ids[-1]}, dense {ids == list(range(1, len(ids) + 1))}")
    x.complete(task, command("complete_workflow_execution"))
    x.outline()


def s_transient_task_with_a_long_history(x):
    x.start()
    x.complete(x.poll(), *[command("record_marker", marker_name=f"m{i}") for i in range(400)],
               force_create_new_workflow_task=True)
    x.fail_task(x.poll(), failure=OOPS)
    task = x.poll()
    ids, token = [e.event_id for e in task.history.events], task.next_page_token
    while token:
        page = x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
            namespace="default", execution=x.execution(), next_page_token=token), raises=True)
        ids += [e.event_id for e in page.history.events]
        token = page.next_page_token
    x.say(f"== {ids[0]} to {ids[-1]}, dense {ids == list(range(1, len(ids) + 1))}, started {task.started_event_id}")


def s_all_timers_at_once(x):
    x.start()
    x.complete(x.poll(), *[command("start_timer", timer_id=f"t{i}", start_to_fire_timeout=seconds(1)) for i in range(5)])
    x.await_events(5, event_type=EventType.EVENT_TYPE_TIMER_FIRED)
    end(x)


def s_many_activities(x):
    x.start()
    x.complete(x.poll(), *[activity(x, f"a{i}") for i in range(20)])
    x.describe()
    tasks = sorted((x.poll_activity() for _ in range(20)), key=lambda t: int(t.activity_id[1:]))
    for t in tasks:
        x.complete_activity(t, result=payloads(t.activity_id))
    x.await_events(20, event_type=EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED)
    task = x.poll()
    end(x, task)


def s_activity_heartbeats_then_completes(x):
    x.start()
    x.complete(x.poll(), activity(x, heartbeat_timeout=seconds(2)))
    task = x.poll_activity()
    for i in range(4):
        time.sleep(0.7)
        x.heartbeat(task, details=payloads(str(i)))
    x.describe()
    x.complete_activity(task, result=payloads("r"))
    end(x)


def s_activity_retry_with_everything(x):
    x.start()
    x.complete(x.poll(), activity(x, heartbeat_timeout=seconds(5), schedule_to_close_timeout=seconds(60),
                                  retry_policy=RetryPolicy(initial_interval=seconds(0.1), maximum_interval=seconds(0.2),
                                                           backoff_coefficient=3.0, maximum_attempts=5)))
    for i in range(4):
        task = x.poll_activity(show=True)
        x.heartbeat(task, details=payloads(f"h{i}"))
        x.fail_activity(task, application(f"f{i}"))
        x.describe(f"describe after {i}")
    x.complete_activity(x.poll_activity(show=True), result=payloads("r"))
    end(x)


def s_activity_ends_with_signal_and_timer(x):
    x.start()
    x.complete(x.poll(), activity(x, retry_policy=ONCE), command("start_timer", timer_id="t",
                                                                 start_to_fire_timeout=seconds(1)),
               force_create_new_workflow_task=True)
    task = x.poll()
    running = x.poll_activity()
    x.signal("one")
    x.complete_activity(running)
    time.sleep(1.5)
    x.signal("two")
    x.complete(task)
    end(x)


def s_memo_and_result_sizes(x):
    x.start(memo=Memo(fields={"m": Payload(data=b"x" * (2 * 1024 * 1024 + 10))}), label="big memo")
    x.start(input=payloads("x" * (300 * 1024)), label="large input")
    x.complete(x.poll(), command("complete_workflow_execution", result=payloads("y" * (300 * 1024))))
    x.outline()


def s_unknown_queue_poll(x):
    x.call("PollWorkflowTaskQueue", api.PollWorkflowTaskQueueRequest(
        namespace="default", task_queue=TaskQueue(name=x.queue), identity="worker"), 3.0, "empty poll", True)
    x.call("PollActivityTaskQueue", api.PollActivityTaskQueueRequest(
        namespace="default", task_queue=TaskQueue(name=x.queue), identity="worker"), 3.0, "empty activity poll", True)


def s_eager_activity(x):
    x.start()
    x.complete(x.poll(), activity(x, request_eager_execution=True, task_queue=TaskQueue(name=x.queue)), show=True,
               label="eager")
    x.history()


def s_completed_by_other_namespace_of_run(x):
    x.start()
    x.signal(execution=x.execution(run_id=""))
    x.cancel(execution=x.execution(run_id=""))
    end(x, x.poll(show=True))
