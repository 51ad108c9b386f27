"""test_delivery.py - tasks that reach no worker: streams and connections that end between poll and
answer, workers and frontends that die with tasks in flight. Workflow tasks are handed out again at
once, as the same attempt; nothing is lost, nothing done twice in a history."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest

import raw_http2 as h2
from google.protobuf.duration_pb2 import Duration
from harness import eventually, raw_channel, unique, wait_until
from history_checker import types_of
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import PendingWorkflowTaskState
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    PollActivityTaskQueueRequest,
    PollWorkflowTaskQueueRequest,
    RespondActivityTaskCompletedRequest,
)
from test_hostile import (
    CLOSE,
    DEADLINE,
    NAMESPACE,
    WORKFLOW,
    Asker,
    activity_command,
    complete,
    held_polls,
    history,
    metric,
    namespaces,  # noqa: F401 - the fixture that registers them
    poll_workflow,
    start,
)

AT_ONCE_S = 3  # well below the task's time-out of 10 s
ONE_TASK = ["WorkflowExecutionStarted", "WorkflowTaskScheduled", "WorkflowTaskStarted", "WorkflowTaskCompleted"]


@pytest.fixture
def ask(server):
    with raw_channel(server.address) as call:
        yield Asker(call)


def deaf_polls(server, requests):
    """A client whose window is closed: it polls, and can't be sent an answer."""
    peer = h2.Peer(server.address, initial_window_size=0)
    for n, request in enumerate(requests):
        method = type(request).__name__.removesuffix("Request")
        assert peer.call(2 * n + 1, WORKFLOW + method, request.SerializeToString(), DEADLINE)
    return peer


def workflow_poll(queue):
    return PollWorkflowTaskQueueRequest(namespace=NAMESPACE, task_queue=TaskQueue(name=queue))


def activity_poll(queue):
    return PollActivityTaskQueueRequest(namespace=NAMESPACE, task_queue=TaskQueue(name=queue))


def pending_task(ask, workflow_id):
    answer = ask(
        DescribeWorkflowExecutionRequest(
            namespace=NAMESPACE, execution=WorkflowExecution(workflow_id=workflow_id)
        )
    )
    return answer.pending_workflow_task, answer.pending_activities


def is_started(ask, workflow_id):
    return pending_task(ask, workflow_id)[0].state == PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_STARTED


LEAVES = {
    "the stream is reset": lambda peer: peer.send(h2.frame(h2.RST_STREAM, 0, 1, b"\0\0\0\x08")),
    "the connection is reset": lambda peer: peer.reset_connection(),
    "the connection ends": lambda peer: peer.socket.close(),
}


@pytest.mark.parametrize("how", LEAVES)
def test_a_workflow_task_that_could_not_be_written(server, ask, how):
    if not server.own:
        pytest.skip("reads its own server's metrics")
    name = unique("deaf")
    peer = deaf_polls(server, [workflow_poll(name)])
    wait_until(lambda: held_polls(server) >= 1, 10, "the poll is held")
    start(ask, name)
    wait_until(lambda: is_started(ask, name), 10, "the task is started")
    before = metric(server, "frontend", "gnomon_frontend_undelivered_tasks")
    LEAVES[how](peer)
    began = time.monotonic()
    task = poll_workflow(ask, name)
    assert task.workflow_execution.workflow_id == name
    assert task.attempt == 1 and task.started_event_id == 3
    assert types_of(task.history.events) == ONE_TASK[:3]
    assert time.monotonic() - began < AT_ONCE_S
    assert metric(server, "frontend", "gnomon_frontend_undelivered_tasks") == before + 1
    complete(ask, task.task_token, CLOSE)
    assert types_of(history(ask, name)) == [*ONE_TASK, "WorkflowExecutionCompleted"]
    peer.socket.close()


def test_an_activity_task_that_could_not_be_written(server, ask):
    name = unique("deaf")
    start(ask, name)
    complete(ask, poll_workflow(ask, name).task_token, activity_command(name))
    peer = deaf_polls(server, [activity_poll(name)])
    wait_until(lambda: pending_task(ask, name)[1][0].last_started_time.seconds, 10, "it is started")
    peer.reset_connection()
    began = time.monotonic()
    task = ask(activity_poll(name))
    assert task.activity_id == "1" and task.attempt == 1
    assert time.monotonic() - began < AT_ONCE_S
    ask(RespondActivityTaskCompletedRequest(namespace=NAMESPACE, task_token=task.task_token))
    complete(ask, poll_workflow(ask, name).task_token, CLOSE)


def test_what_comes_while_nobody_has_the_task(server, ask):
    """Events go on waiting behind the Started event, which the next start takes over."""
    from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest

    name = unique("deaf")
    peer = deaf_polls(server, [workflow_poll(name)])
    start(ask, name)
    wait_until(lambda: is_started(ask, name), 10, "the task is started")
    seen = history(ask, name, page_size=1)
    peer.reset_connection()
    wait_until(lambda: not is_started(ask, name), AT_ONCE_S, "it is taken back")
    ask(
        SignalWorkflowExecutionRequest(
            namespace=NAMESPACE, workflow_execution=WorkflowExecution(workflow_id=name), signal_name="s"
        )
    )
    assert history(ask, name) == seen  # what a reader has seen stays
    complete(ask, poll_workflow(ask, name).task_token)
    task = poll_workflow(ask, name)
    assert types_of(task.history.events) == [
        *ONE_TASK,
        "WorkflowExecutionSignaled",
        "WorkflowTaskScheduled",
        "WorkflowTaskStarted",
    ]
    complete(ask, task.task_token, CLOSE)


def test_nobody_takes_it_in_time(server, ask):
    name = unique("deaf")
    peer = deaf_polls(server, [workflow_poll(name)])
    start(ask, name, workflow_task_timeout=Duration(seconds=1))
    wait_until(lambda: is_started(ask, name), 10, "the task is started")
    peer.reset_connection()
    wait_until(lambda: "WorkflowTaskTimedOut" in types_of(history(ask, name)), 10, "it times out")
    task = poll_workflow(ask, name)
    assert task.attempt == 2
    complete(ask, task.task_token, CLOSE)


@pytest.mark.seconds(120)
async def test_a_frontend_dies_with_hundreds_of_tasks_in_flight(session, own_server):
    count = 300
    queue = unique("flight")
    peers = [deaf_polls(own_server, [workflow_poll(queue)] * 100) for _ in range(count // 100)]
    await eventually(lambda: asyncio.to_thread(lambda: held_polls(own_server) >= count), 20, "polls are held")
    names = [f"{queue}-{n}" for n in range(count)]
    with raw_channel(own_server.address) as call:
        for name in names:
            start(Asker(call), name, queue=queue)
        wait_until(lambda: is_started(Asker(call), names[-1]), 10, "the tasks are started")
    old = own_server.kill("frontend")
    own_server.wait_restarted("frontend", old)
    began = time.monotonic()
    with raw_channel(own_server.address) as call:
        ask = Asker(call)
        wait_until(lambda: serves(ask), 10, "the frontend answers")
        done = set()
        while len(done) < count:
            task = poll_workflow(ask, queue)
            assert task.attempt == 1 and task.started_event_id == 3
            complete(ask, task.task_token, CLOSE)
            done.add(task.workflow_execution.workflow_id)
        assert time.monotonic() - began < 8  # all of them, one after the other
        assert done == set(names)
        for name in names[::29]:
            assert types_of(history(ask, name)) == [*ONE_TASK, "WorkflowExecutionCompleted"]
    for peer in peers:
        peer.socket.close()


def serves(ask):
    from temporalio.api.workflowservice.v1 import GetSystemInfoRequest

    with contextlib.suppress(Exception):
        return ask(GetSystemInfoRequest())
    return None


# -- workers that vanish --------------------------------------------------------------------------


@workflow.defn
class Naps:
    """A few tasks of its own, no activities."""

    @workflow.run
    async def run(self, naps: int) -> int:
        for _ in range(naps):
            await asyncio.sleep(0.01)
        return naps


class Proxy:
    """TCP between a worker and the server; frozen, it passes nothing on and ends nothing."""

    def __init__(self, address):
        self.to = address.rsplit(":", 1)
        self.open = asyncio.Event()
        self.open.set()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.address = "127.0.0.1:%d" % self.server.sockets[0].getsockname()[1]
        self.tasks = set()
        return self

    async def __aexit__(self, *_):
        self.server.close()
        for task in self.tasks:
            task.cancel()

    async def serve(self, reader, writer):
        up_reader, up_writer = await asyncio.open_connection(self.to[0], int(self.to[1]))
        for ends in ((reader, up_writer), (up_reader, writer)):
            task = asyncio.create_task(self.carry(*ends))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def carry(self, reader, writer):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                await self.open.wait()
                writer.write(data)
                await writer.drain()


WORKER = """
import asyncio, sys
from datetime import timedelta
sys.path.insert(0, sys.argv[1])
import test_delivery as t
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

async def main():
    client = await Client.connect(sys.argv[2], namespace="default")
    await Worker(client, task_queue=sys.argv[3], workflows=[t.Naps],
                 sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
                 workflow_runner=UnsandboxedWorkflowRunner()).run()

asyncio.run(main())
"""


@contextlib.contextmanager
def worker_process(address, queue):
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, os.path.dirname(__file__), address, queue],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


@pytest.mark.seconds(120)
@pytest.mark.parametrize("how", ["killed", "cut off"])
async def test_a_worker_vanishes_amid_its_tasks(session, queue, how):
    """A second worker ends what the first has had: after its time-out where it got the task."""
    count, naps = 40, 8
    async with Proxy(session.server.address) as proxy:
        with worker_process(proxy.address, queue) as process:
            handles = [
                await session.client.start_workflow(
                    Naps.run, naps, id=f"{queue}-{n}", task_queue=queue, task_timeout=timedelta(seconds=2)
                )
                for n in range(count)
            ]

            async def under_way():
                return "TimerFired" in types_of(await session.events(handles[count // 2].id))

            await eventually(under_way, 60, "tasks are under way")
            if how == "killed":
                process.send_signal(signal.SIGKILL)
            else:
                proxy.open.clear()
            async with session.worker(queue, [Naps]):
                results = await asyncio.wait_for(asyncio.gather(*[h.result() for h in handles]), 60)
    assert results == [naps] * count
    for handle in handles:
        assert types_of(await session.events(handle.id)).count("WorkflowExecutionCompleted") == 1
