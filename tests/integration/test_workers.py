"""test_workers.py - workers that wait in their thousands, that vanish, and a queue that nobody serves."""

import asyncio
import contextlib
import datetime
import os
import pathlib
import subprocess
import sys
import textwrap
import urllib.request

import grpc
import pytest
from temporalio.api.common.v1 import WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    PollActivityTaskQueueRequest,
    PollActivityTaskQueueResponse,
    PollWorkflowTaskQueueRequest,
    PollWorkflowTaskQueueResponse,
    StartWorkflowExecutionRequest,
    StartWorkflowExecutionResponse,
)

import harness
import workflows as w
from harness import NAMESPACE, Cluster, eventually, unique
from history_checker import types_of

POLLS, BACKLOG = 2000, 20_000
SERVICE = "/temporal.api.workflowservice.v1.WorkflowService/"
MIB = 1 << 20

own = pytest.mark.skipif(harness.EXTERNAL is not None, reason="looks at processes of our own")


@pytest.fixture
def cluster():
    """One of its own, whose memory is looked at."""
    cluster = Cluster()
    yield cluster
    cluster.stop()


def resident(pids):
    """Bytes of memory of each process."""
    page = os.sysconf("SC_PAGE_SIZE")
    return {name: int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * page for name, pid in pids.items()}


def held_polls(cluster):
    port = cluster.metrics_ports["matching"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith("gnomon_matching_held_polls"):
                return int(float(line.split()[-1]))
    return 0


def method(channel, name, request, response):
    return channel.unary_unary(
        SERVICE + name, request_serializer=request.SerializeToString, response_deserializer=response.FromString
    )


@own
@pytest.mark.seconds(120)
async def test_two_thousand_idle_polls_cost_little(cluster):
    before = resident(cluster.pids())
    queue = unique("idle")
    async with contextlib.AsyncExitStack() as stack:
        calls = []
        for n in range(20):
            options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_concurrent_streams", 200)]
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(cluster.address, options=options))
            workflow_poll = method(channel, "PollWorkflowTaskQueue", PollWorkflowTaskQueueRequest, PollWorkflowTaskQueueResponse)
            activity_poll = method(channel, "PollActivityTaskQueue", PollActivityTaskQueueRequest, PollActivityTaskQueueResponse)
            for m in range(POLLS // 40):
                name = TaskQueue(name=f"{queue}-{(n * 50 + m) % 100}")
                calls.append(workflow_poll(PollWorkflowTaskQueueRequest(namespace=NAMESPACE, task_queue=name, identity=f"w{n}"), timeout=60))
                calls.append(activity_poll(PollActivityTaskQueueRequest(namespace=NAMESPACE, task_queue=name, identity=f"a{n}"), timeout=60))
        session = harness.Session(cluster)
        await session.connect()

        async def all_wait():
            return held_polls(cluster) >= POLLS

        await eventually(all_wait, 30, "all polls are held")
        assert len(calls) == POLLS and not any(call.done() for call in calls)
        after = resident(cluster.pids())
        grown = {name: after[name] - before[name] for name in before}
        print({name: f"{size / MIB:.1f} MiB more" for name, size in grown.items()})
        assert sum(grown.values()) < 60 * MIB, grown

        # One of them gets the task that comes, the others go on waiting.
        handle = await session.client.start_workflow("Nobody", id=queue, task_queue=f"{queue}-7")

        async def one_done():
            return any(call.done() for call in calls)

        await eventually(one_done, 10, "one poll is answered")
        assert sum(call.done() for call in calls) == 1
        await handle.terminate()
        for call in calls:
            call.cancel()


@own
@pytest.mark.seconds(120)
async def test_a_backlog_that_nobody_serves_leaves_matching_flat(cluster):
    """20,000 tasks without a poller: matching's memory is bounded, the oldest task comes first."""
    session = harness.Session(cluster)
    await session.connect()
    queue = unique("backlog")
    gate = asyncio.Semaphore(200)
    grown = []

    async with grpc.aio.insecure_channel(cluster.address) as channel:
        start = method(channel, "StartWorkflowExecution", StartWorkflowExecutionRequest, StartWorkflowExecutionResponse)

        async def one(n):
            async with gate:
                await start(
                    StartWorkflowExecutionRequest(
                        namespace=NAMESPACE,
                        workflow_id=f"{queue}-{n:05}",
                        workflow_type=WorkflowType(name="Nobody"),
                        task_queue=TaskQueue(name=queue),
                        request_id=f"{queue}-{n}",
                    ),
                    timeout=60,
                )

        done = 0
        for step in (1000, 4000, 15_000):
            await asyncio.gather(*[one(n) for n in range(done, done + step)])
            done += step
            grown.append(resident(cluster.pids())["matching"])
        assert done == BACKLOG
        print("matching:", [f"{size / MIB:.1f} MiB" for size in grown])
        assert grown[-1] - grown[0] < 8 * MIB, grown

        poll = method(channel, "PollWorkflowTaskQueue", PollWorkflowTaskQueueRequest, PollWorkflowTaskQueueResponse)
        first = []
        for _ in range(200):
            task = await poll(PollWorkflowTaskQueueRequest(namespace=NAMESPACE, task_queue=TaskQueue(name=queue)), timeout=20)
            first.append(int(task.workflow_execution.workflow_id.rsplit("-", 1)[1]))
        assert len(set(first)) == 200
        assert max(first) < 1200, "the oldest come first"


WORKER = """\
    import asyncio, sys
    sys.path.insert(0, {folder!r})
    import workflows as w
    from temporalio.client import Client
    from temporalio.worker import UnsandboxedWorkflowRunner, Worker

    async def main():
        client = await Client.connect({address!r})
        async with Worker(client, task_queue={queue!r}, workflows=[w.Steps], activities=[w.square],
                          workflow_runner=UnsandboxedWorkflowRunner()):
            print("ready", flush=True)
            await asyncio.Event().wait()

    asyncio.run(main())
"""


def worker_process(server, queue):
    source = textwrap.dedent(WORKER).format(
        folder=os.path.dirname(__file__), address=server.address, queue=queue
    )
    process = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.seconds(120)
async def test_workers_that_are_killed_are_replaced(session, server, queue):
    """kill -9 of a worker process amid its work, twice: sticky tasks fall back, all workflows complete."""
    count, steps = 30, 6
    process = worker_process(server, queue)
    try:
        handles = [
            await session.client.start_workflow(
                w.Steps.run,
                args=[n, steps],
                id=f"{queue}-{n}",
                task_queue=queue,
                task_timeout=datetime.timedelta(seconds=2),
            )
            for n in range(count)
        ]
        for _ in range(2):

            async def under_way():
                return "ActivityTaskCompleted" in types_of(await session.events(handles[0].id))

            await eventually(under_way, 30, "work under way")
            process.kill()
            process.wait(10)
            process = worker_process(server, queue)
        results = await asyncio.wait_for(asyncio.gather(*[h.result() for h in handles]), 90)
    finally:
        process.kill()
        process.wait(10)
    assert results == [sum((n + i) ** 2 for i in range(steps)) for n in range(count)]
