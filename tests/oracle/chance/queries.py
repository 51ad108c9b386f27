"""queries.py - queries of a random script: between workflow tasks, with one that waits, beside one that runs."""
import time

from temporalio.api.enums.v1 import QueryResultType
from temporalio.api.query.v1 import WorkflowQueryResult
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from chance.world import NO_TASK, SCHEDULED
from kit import updates
from kit.query import ANSWERED, FAILED, answer
from kit.task import polled
from lab import payloads

ARRIVED_S = 0.4  # nothing shows that a query waits


def await_sticky(e, x):
    """A worker polls the sticky queue from now on, and the server knows that."""
    if e.sticky_poll is None:
        e.sticky_poll = x.poll_ahead(e.queue + "-sticky")
        polled(x, e.queue + "-sticky")


def result(rng):
    if rng.random() < 0.3:
        return dict(result_type=FAILED, error_message="no answer")
    return dict(result_type=ANSWERED, answer=payloads("yes"))


def idle(e, x):
    """Of a workflow between tasks: the worker answers it at once."""
    asking = updates.Asked(x, type(x).query)
    if e.sticky:
        task, e.sticky_poll = e.sticky_poll.result(timeout=15), None
        await_sticky(e, x)
    else:
        task = x.poll(label="query task", timeout=8)
    if task is not None and task.task_token:
        x.show("query", task.query)
        x.call("RespondQueryTaskCompleted", api.RespondQueryTaskCompletedRequest(
            namespace="default", task_token=task.task_token, query_result=payloads("yes"),
            completed_type=QueryResultType.QUERY_RESULT_TYPE_ANSWERED))
    asking.tell()


def answered(e, task):
    """Answers to the queries that came with a task."""
    return {key: WorkflowQueryResult(**result(e.world.rng)) for key in task.queries}


def with_a_task(e, x):
    """A query waits, as a workflow task does; the worker has both from now on."""
    asking = updates.Asked(x, type(x).query)
    time.sleep(ARRIVED_S)
    task = x.poll()
    if task is None or not task.task_token:
        asking.tell()
        return
    x.say(f"== queries with the task: {len(task.queries)}")
    for query in task.queries.values():
        x.show("query with the task", query)
    x.complete(task, query_results=answered(e, task), show=True)
    asking.tell()
    e.token = None
    e.look()


def beside_a_task(e, x):
    """A query comes while the worker works on a task; it is answered after that."""
    asking = updates.Asked(x, type(x).query)
    time.sleep(ARRIVED_S)
    x.complete(e.token, show=True)
    e.token = None
    task = x.poll(timeout=8)
    if task is not None and task.task_token and task.HasField("query"):
        x.show("query after the task", task.query)
        answer(x, task, query_result=payloads("yes"))
    elif task is not None and task.task_token:
        x.say(f"== queries with the next task: {len(task.queries)}")
        x.complete(task, query_results=answered(e, task), show=True)
    asking.tell()
    e.look()


def possible(e):
    found, done = [], e.count("WORKFLOW_TASK_COMPLETED")
    quiet = e.sticky_poll is None and not e.sticky_before() and not e.asked and e.fails == 0
    if e.task == NO_TASK and done and (
            e.sticky and e.sticky_poll is not None or not e.sticky_before() and e.sticky_poll is None):
        found += [idle]
    if e.world.wide and quiet and done and not e.accepted and not e.world.short_tasks:
        if e.task == SCHEDULED:
            found += [with_a_task]
        elif e.token is not None and not e.token.messages:
            found += [beside_a_task]
    return found
