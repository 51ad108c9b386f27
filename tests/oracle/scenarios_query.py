"""scenarios_query.py - queries in every state of a workflow."""
import time

from temporalio.api.enums.v1 import QueryRejectCondition, QueryResultType
from temporalio.api.failure.v1 import Failure
from temporalio.api.query.v1 import WorkflowQueryResult
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from lab import command, payloads, seconds
from scenarios import end
from scenarios_task import OOPS, sticky

ANSWERED = QueryResultType.QUERY_RESULT_TYPE_ANSWERED
FAILED = QueryResultType.QUERY_RESULT_TYPE_FAILED


def answer(x, task, kind=ANSWERED, label="answer query", **more):
    return x.call("RespondQueryTaskCompleted", api.RespondQueryTaskCompletedRequest(
        namespace="default", task_token=task.task_token, completed_type=kind, **more), label=label)


def s_query_idle(x):
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


def s_query_closed(x):
    x.start()
    x.complete(x.poll(), command("complete_workflow_execution"))
    asking = x.behind(x.query)
    answer(x, x.poll(show=True, label="query task"), query_result=payloads("yes"))
    asking.join(15)
    x.query(label="rejected not open", query_reject_condition=QueryRejectCondition.QUERY_REJECT_CONDITION_NOT_OPEN)
    asking = x.behind(x.query, label="not completed cleanly, but it did",
                      query_reject_condition=QueryRejectCondition.QUERY_REJECT_CONDITION_NOT_COMPLETED_CLEANLY)
    answer(x, x.poll(), query_result=payloads("yes"))
    asking.join(15)
    x.history()


def s_query_failed_workflow(x):
    x.start()
    x.complete(x.poll(), command("fail_workflow_execution", failure=OOPS))
    x.query(label="rejected not completed cleanly",
            query_reject_condition=QueryRejectCondition.QUERY_REJECT_CONDITION_NOT_COMPLETED_CLEANLY)
    x.query(label="rejected not open", query_reject_condition=QueryRejectCondition.QUERY_REJECT_CONDITION_NOT_OPEN)


def s_query_before_the_first_task(x):
    x.start()
    x.query(timeout=3.0)


def s_query_terminated_without_a_task(x):
    x.start()
    x.terminate()
    x.query(timeout=3.0)


def s_query_while_started(x):
    x.start()
    x.complete(x.poll())
    x.signal()
    task = x.poll()
    asking = x.behind(x.query)
    time.sleep(0.5)
    x.complete(task)
    task = x.poll(show=True, label="query task after the completion")
    if task.HasField("query"):
        answer(x, task, query_result=payloads("yes"))
    else:
        for key in task.queries:
            x.complete(task, query_results={key: WorkflowQueryResult(result_type=ANSWERED, answer=payloads("yes"))})
    asking.join(15)
    x.history()


def s_query_with_a_task_scheduled(x):
    x.start()
    x.complete(x.poll())
    x.signal()
    asking = x.behind(x.query)
    time.sleep(0.5)
    task = x.poll()
    x.say(f"== queries with the task: {len(task.queries)} {bool(task.query.query_type)}")
    for key, value in task.queries.items():
        x.show("buffered query", value)
        x.complete(task, query_results={key: WorkflowQueryResult(result_type=ANSWERED, answer=payloads("yes"))})
    asking.join(15)
    x.history()


def s_query_results_fail(x):
    x.start()
    x.complete(x.poll())
    x.signal()
    asking = x.behind(x.query)
    time.sleep(0.5)
    task = x.poll()
    for key in task.queries:
        x.complete(task, query_results={key: WorkflowQueryResult(result_type=FAILED, error_message="no", failure=OOPS)})
    asking.join(15)
    x.outline()


def s_query_and_completion(x):
    x.start()
    x.complete(x.poll())
    x.signal()
    asking = x.behind(x.query)
    time.sleep(0.5)
    task = x.poll()
    for key in task.queries:
        x.complete(task, command("complete_workflow_execution"),
                   query_results={key: WorkflowQueryResult(result_type=ANSWERED, answer=payloads("yes"))})
    asking.join(15)
    x.outline()


def s_query_task_fails(x):
    x.start()
    x.complete(x.poll())
    x.signal()
    asking = x.behind(x.query)
    time.sleep(0.5)
    x.fail_task(x.poll(), failure=OOPS)
    task = x.poll()
    x.say(f"== queries on the second attempt: {len(task.queries)} {bool(task.query.query_type)}")
    for key in task.queries:
        x.complete(task, query_results={key: WorkflowQueryResult(result_type=ANSWERED, answer=payloads("yes"))})
    asking.join(15)
    x.outline()


def s_query_results_bad(x):
    x.start()
    x.complete(x.poll())
    x.signal()
    task = x.poll()
    x.complete(task, query_results={"nonsense": WorkflowQueryResult(result_type=ANSWERED)}, label="unknown query id")
    x.outline()


def s_query_nobody_polls(x):
    x.start()
    x.complete(x.poll())
    x.query(timeout=2.5, label="nobody answers")


def s_query_sticky(x):
    name = x.queue + "-sticky"
    x.start()
    waiting = x.behind(lambda: answer(x, x.poll(sticky_of=name, label="sticky query task", show=True),
                                      query_result=payloads("yes")))
    x.complete(x.poll(), sticky_attributes=sticky(name))
    asking = x.behind(x.query)
    waiting.join(20)
    asking.join(20)


def s_query_failing_workflow_task(x):
    x.start()
    for _ in range(3):
        x.fail_task(x.poll(), failure=OOPS)
    x.query(timeout=3.0, label="query with failing first task")


def s_query_many(x):
    x.start()
    x.complete(x.poll())
    x.signal()
    asking = [x.behind(x.call, "QueryWorkflow", api.QueryWorkflowRequest(
        namespace="default", execution=x.execution(), query={"query_type": "q"}), 4.0, "one of many") for _ in range(12)]
    for thread in asking:
        thread.join(15)
    x.lines.sort()
