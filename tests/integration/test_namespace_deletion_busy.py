"""test_namespace_deletion_busy.py - a namespace is deleted while everything in it is at work: activities, timers,
children on other shards, updates, polls and histories that are waited for, callbacks; and history and the frontend
die meanwhile."""

import asyncio
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.api.common.v1 import WorkflowExecution, WorkflowType
from temporalio.api.operatorservice.v1 import DeleteNamespaceRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryResponse,
    PollActivityTaskQueueRequest,
    PollWorkflowTaskQueueRequest,
    StartWorkflowExecutionRequest,
)
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

import harness
from callback_receiver import SETTINGS, Receiver, callback
from harness import eventually, unique
from test_namespace_deletion import is_gone, refused, register, start_many

S = timedelta(seconds=1)
IDLE, BUSY = 4600, 200  # the busy ones have a child each
CALLED_BACK = 20


@activity.defn
async def works_on() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(0.5)


@workflow.defn
class Waits:
    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)


@workflow.defn
class Busy:
    """A child, an activity that is at work, one that nobody takes, timers that fire, updates that never end."""

    @workflow.run
    async def run(self, activities: bool) -> None:
        child = workflow.info().workflow_id + "-child"
        await workflow.start_child_workflow(Waits.run, id=child)
        workflow.start_activity("nobody_takes_it", start_to_close_timeout=3600 * S, task_queue="nobody")
        if activities:
            workflow.start_activity(works_on, start_to_close_timeout=3600 * S, heartbeat_timeout=5 * S)
        while True:
            await workflow.sleep(1)

    @workflow.update
    async def hold(self) -> None:
        await workflow.wait_condition(lambda: False)


async def with_callbacks(service, name, url):
    """Closed ones, whose callbacks are answered with 503 for ever."""
    for i in range(CALLED_BACK):
        await service.start_workflow_execution(
            StartWorkflowExecutionRequest(
                namespace=name,
                workflow_id=f"called-{i}",
                workflow_type=WorkflowType(name="Any"),
                task_queue=TaskQueue(name="nobody"),
                request_id=unique("request"),
                completion_callbacks=[callback(url)],
            )
        )


def waiting_calls(client, service, name, queue):
    """Calls that nothing answers as long as the namespace is there."""
    calls = []
    for i in range(10):
        execution = WorkflowExecution(workflow_id=f"{queue}-{i}-child")
        calls.append(
            service.get_workflow_execution_history(
                GetWorkflowExecutionHistoryRequest(
                    namespace=name, execution=execution, wait_new_event=True, history_event_filter_type=2
                ),
                timeout=90 * S,
            )
        )
        calls.append(client.get_workflow_handle(f"{queue}-{i}").execute_update(Busy.hold))
    return [asyncio.ensure_future(call) for call in calls]


def waiting_polls(service, name):
    idle = TaskQueue(name=unique("idle"))
    asked = {"namespace": name, "task_queue": idle, "identity": "w"}
    return [
        asyncio.ensure_future(call)
        for call in (
            service.poll_workflow_task_queue(PollWorkflowTaskQueueRequest(**asked), timeout=70 * S),
            service.poll_activity_task_queue(PollActivityTaskQueueRequest(**asked), timeout=70 * S),
        )
    ]


def busy_worker(client, queue):
    return Worker(
        client,
        task_queue=queue,
        workflows=[Busy, Waits],
        activities=[works_on],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_concurrent_activities=100,
    )


async def start_busy(client, queue, count):
    await asyncio.gather(
        *(client.start_workflow(Busy.run, i < 50, id=f"{queue}-{i}", task_queue=queue) for i in range(count))
    )


async def count_of(client, count):
    return (await client.count_workflows("ExecutionStatus = 'Running'")).count == count


async def update_waits(handle):
    accepted = "workflow_execution_update_accepted_event_attributes"
    return any(event.HasField(accepted) for event in (await handle.fetch_history()).events)


async def restart(cluster):
    dead = {role: cluster.kill(role) for role in ("history", "frontend")}
    for role, old in dead.items():
        await asyncio.to_thread(cluster.wait_restarted, role, old)


@pytest.mark.seconds(240)
async def test_everything_at_work_goes_whatever_dies():
    cluster = harness.Cluster(replicas={"history": 2}, dynamic=SETTINGS)
    receiver = Receiver()
    receiver.plan["/no"] = [503] * 100000
    try:
        client = await harness.Session(cluster).connect()
        service, operator = client.workflow_service, client.operator_service
        name, queue = unique("busy"), unique("queue")
        namespace_id = await register(service, name)
        doomed = await Client.connect(cluster.address, namespace=name)
        async with busy_worker(doomed, queue):
            await start_many(doomed, unique("nobody"), IDLE)
            await with_callbacks(service, name, receiver.url("/no"))
            await start_busy(doomed, queue, BUSY)
            everything = IDLE + CALLED_BACK + 2 * BUSY
            await eventually(lambda: count_of(doomed, everything), 90, "a child of each")
            for i in range(CALLED_BACK):
                await doomed.get_workflow_handle(f"called-{i}").terminate()
            await asyncio.to_thread(receiver.wait, "/no")
            waiting = waiting_calls(doomed, service, name, queue) + waiting_polls(service, name)
            handle = doomed.get_workflow_handle(f"{queue}-9")
            await eventually(lambda: update_waits(handle), 20, "an update to be accepted")
            await operator.delete_namespace(DeleteNamespaceRequest(namespace=name))
            assert await register(service, name) != namespace_id  # the name is free at once
            assert (await doomed.count_workflows()).count == 0
            await restart(cluster)
            await eventually(lambda: is_gone(service, namespace_id), 120, "the namespace to go")
            assert (await doomed.count_workflows()).count == 0
        await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 30)
        assert cluster.interrupt() == 0
        cluster.check_data()
    finally:
        cluster.stop()
        receiver.stop()


async def test_who_waits_is_told_and_polls_are_refused(session, queue):
    service, operator = session.client.workflow_service, session.client.operator_service
    name = unique("busy")
    namespace_id = await register(service, name)
    doomed = await Client.connect(session.server.address, namespace=name)
    async with busy_worker(doomed, queue):
        await start_busy(doomed, queue, 10)
        await eventually(lambda: count_of(doomed, 20), 20, "a child of each")
        waiting = waiting_calls(doomed, service, name, queue)
        polls = waiting_polls(service, name)
        for i in range(10):
            handle = doomed.get_workflow_handle(f"{queue}-{i}")
            await eventually(lambda h=handle: update_waits(h), 20, "an update to be accepted")
        await operator.delete_namespace(DeleteNamespaceRequest(namespace=name))
        for poll in waiting_polls(service, name):
            assert await refused(poll, RPCStatusCode.NOT_FOUND) == f"Namespace {name} is not found."
        message = await refused(doomed.count_workflows(), RPCStatusCode.NOT_FOUND)
        assert message == f"Namespace {name} is not found."
        await eventually(lambda: is_gone(service, namespace_id), 30, "the namespace to go")
        for outcome in await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 20):
            if isinstance(outcome, GetWorkflowExecutionHistoryResponse):
                [last] = outcome.history.events
                assert last.HasField("workflow_execution_terminated_event_attributes")
            elif isinstance(outcome, RPCError):
                assert outcome.status == RPCStatusCode.NOT_FOUND
            else:
                assert isinstance(outcome, WorkflowUpdateFailedError)
        for poll in polls:  # they are held to their end, and told nothing
            assert not poll.done()
            poll.cancel()
