"""survival.py - the load of test_survival.py and what runs beside it in processes of its own.

`survival.py worker ADDRESS QUEUE` serves the workflows below; `survival.py probe ADDRESSES FILE`
asks every shard over and over, and notes when it was answered. Both run until SIGTERM.
"""

import asyncio
import os
import signal
import sys
import threading
import time
import uuid
from datetime import timedelta

import grpc
from temporalio import activity, workflow
from temporalio.api.command.v1 import Command, CompleteWorkflowExecutionCommandAttributes
from temporalio.api.common.v1 import WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import CommandType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeWorkflowExecutionRequest,
    PollWorkflowTaskQueueRequest,
    RespondWorkflowTaskCompletedRequest,
    StartWorkflowExecutionRequest,
)
from temporalio.api.workflowservice.v1.service_pb2_grpc import WorkflowServiceStub
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

NAMESPACE = "default"
SIGNALS = 3  # that a client sends to each workflow
SHARDS = 4
PROBE_PAUSE = 0.05

# -- the workflows ------------------------------------------------------------------------------


@activity.defn
async def square(n: int) -> int:
    return n * n


OPTIONS = {"start_to_close_timeout": timedelta(seconds=5)}


@workflow.defn
class Part:
    @workflow.run
    async def run(self, seed: int) -> int:
        found = await workflow.execute_activity(square, seed + 1, **OPTIONS)
        await workflow.sleep(0.2 + seed % 3)
        return found


@workflow.defn
class Journey:
    """Activities, a child, timers, a signal to its peer; the second half in a run of its own."""

    def __init__(self) -> None:
        self.signals: list[int] = []
        self.greetings: list[str] = []

    @workflow.signal
    async def add(self, value: int) -> None:
        self.signals.append(value)

    @workflow.signal
    async def greeted(self, name: str) -> None:
        self.greetings.append(name)

    @workflow.run
    async def run(self, seed: int, peer: str, state: dict) -> dict:
        if not state:
            await self.first_half(seed, peer, state)
        self.signals = state["signals"] + self.signals
        self.greetings = state["greetings"] + self.greetings
        await workflow.wait_condition(lambda: len(self.signals) >= SIGNALS and self.greetings)
        last = await workflow.execute_activity(square, sum(self.signals), **OPTIONS)
        return {**state, "last": last, "signals": self.signals, "greetings": self.greetings}

    async def first_half(self, seed: int, peer: str, state: dict) -> None:
        name = workflow.info().workflow_id
        first = await workflow.execute_activity(square, seed, **OPTIONS)
        child = await workflow.start_child_workflow(Part.run, seed, id=f"{name}-part")
        await workflow.sleep(0.5 + seed % 4)
        await workflow.wait_condition(lambda: len(self.signals) >= 1)  # from then on the peer is there
        await workflow.get_external_workflow_handle(peer).signal("greeted", name)
        part = await child
        state = {"first": first, "part": part, "signals": self.signals, "greetings": self.greetings}
        workflow.continue_as_new(args=[seed, peer, state])


def expected(seed, peer):
    """What a Journey gives, its signals in ascending order."""
    values = [1000 * seed + k for k in range(SIGNALS)]
    return {
        "first": seed**2,
        "part": (seed + 1) ** 2,
        "signals": values,
        "greetings": [peer],
        "last": sum(values) ** 2,
    }


def say_ready():
    """Nobody reads what the SDK logs to stdout afterwards, and a full pipe would block it."""
    print("ready", flush=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


# -- a worker -----------------------------------------------------------------------------------


async def worker(address, queue):
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = await Client.connect(address, namespace=NAMESPACE)
    async with Worker(
        client,
        task_queue=queue,
        workflows=[Journey, Part],
        activities=[square],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_cached_workflows=2000,
        graceful_shutdown_timeout=timedelta(0),
    ):
        say_ready()
        await stop.wait()


# -- the probe ----------------------------------------------------------------------------------


def xxh64(data):
    """XXH64 with seed 0."""
    mask = (1 << 64) - 1
    p1, p2, p3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
    p4, p5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5

    def rotate(x, n):
        return ((x << n) | (x >> (64 - n))) & mask

    def mix(lane, word):
        return rotate((lane + word * p2) & mask, 31) * p1 & mask

    def word(at, size):
        return int.from_bytes(data[at : at + size], "little")

    at = 0
    if len(data) >= 32:
        lanes = [(p1 + p2) & mask, p2, 0, -p1 & mask]
        while at + 32 <= len(data):
            lanes = [mix(lane, word(at + 8 * i, 8)) for i, lane in enumerate(lanes)]
            at += 32
        h = sum(rotate(lane, n) for lane, n in zip(lanes, (1, 7, 12, 18))) & mask
        for lane in lanes:
            h = ((h ^ mix(0, lane)) * p1 + p4) & mask
    else:
        h = p5
    h = (h + len(data)) & mask
    while at + 8 <= len(data):
        h = (rotate(h ^ mix(0, word(at, 8)), 27) * p1 + p4) & mask
        at += 8
    if at + 4 <= len(data):
        h = (rotate(h ^ (word(at, 4) * p1 & mask), 23) * p2 + p3) & mask
        at += 4
    for byte in data[at:]:
        h = rotate(h ^ (byte * p5 & mask), 11) * p1 & mask
    h = (h ^ (h >> 33)) * p2 & mask
    h = (h ^ (h >> 29)) * p3 & mask
    return h ^ (h >> 32)


def names_by_shard(namespace_id, prefix):
    """A name for each of the four shards, of history and of matching alike."""
    names = {}
    while len(names) < SHARDS:
        name = f"{prefix}-{uuid.uuid4().hex[:8]}"
        names[xxh64(namespace_id.encode() + b"\0" + name.encode()) >> 62] = name
    return names


class Probe:
    """Notes `time what shard frontend` for every answer, monotonic time."""

    def __init__(self, addresses, path):
        self.stubs = [
            WorkflowServiceStub(
                grpc.insecure_channel(
                    address,
                    options=[
                        ("grpc.initial_reconnect_backoff_ms", 50),
                        ("grpc.max_reconnect_backoff_ms", 200),
                    ],
                )
            )
            for address in addresses
        ]
        self.file = open(path, "w", buffering=1)
        self.lock = threading.Lock()
        self.stopped = threading.Event()

    def note(self, what, shard, frontend):
        with self.lock:
            self.file.write(f"{time.monotonic():.4f} {what} {shard} {frontend}\n")

    def start(self, name, queue, stub):
        return stub.StartWorkflowExecution(
            StartWorkflowExecutionRequest(
                namespace=NAMESPACE,
                workflow_id=name,
                workflow_type=WorkflowType(name="Probe"),
                task_queue=TaskQueue(name=queue),
                request_id=str(uuid.uuid4()),
            ),
            timeout=10,
        )

    def tick(self):
        """What is noted late here, the machine was late with."""
        while not self.stopped.wait(PROBE_PAUSE):
            self.note("tick", 0, 0)

    def read(self, shard, name, frontend):
        """Describes an open workflow."""
        request = DescribeWorkflowExecutionRequest(
            namespace=NAMESPACE, execution=WorkflowExecution(workflow_id=name)
        )
        while not self.stopped.wait(PROBE_PAUSE):
            try:
                self.stubs[frontend].DescribeWorkflowExecution(request, timeout=6)
                self.note("read", shard, frontend)
            except grpc.RpcError:
                pass

    def work(self, shard, queue, frontend):
        """Starts a workflow, polls for its task, completes it."""
        stub = self.stubs[frontend]
        while not self.stopped.wait(PROBE_PAUSE):
            try:
                self.start(f"{queue}-{uuid.uuid4().hex[:8]}", queue, stub)
                task = stub.PollWorkflowTaskQueue(
                    PollWorkflowTaskQueueRequest(
                        namespace=NAMESPACE, task_queue=TaskQueue(name=queue), identity="probe"
                    ),
                    timeout=6,
                )
                if not task.task_token:
                    continue
                command = Command(
                    command_type=CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
                    complete_workflow_execution_command_attributes=CompleteWorkflowExecutionCommandAttributes(),
                )
                stub.RespondWorkflowTaskCompleted(
                    RespondWorkflowTaskCompletedRequest(
                        task_token=task.task_token, commands=[command], identity="probe"
                    ),
                    timeout=6,
                )
                self.note("work", shard, frontend)
            except grpc.RpcError:
                pass

    def run(self):
        described = self.stubs[0].DescribeNamespace(DescribeNamespaceRequest(namespace=NAMESPACE), timeout=10)
        namespace_id = described.namespace_info.id
        threads = [threading.Thread(target=self.tick)]
        for shard, name in names_by_shard(namespace_id, "probe").items():
            self.start(name, "nobody-polls", self.stubs[0])
            threads += [
                threading.Thread(target=self.read, args=(shard, name, n)) for n in range(len(self.stubs))
            ]
        for shard, queue in names_by_shard(namespace_id, "probe-queue").items():
            threads.append(threading.Thread(target=self.work, args=(shard, queue, shard % len(self.stubs))))
        for thread in threads:
            thread.start()
        say_ready()
        signal.sigwait({signal.SIGTERM})
        self.stopped.set()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        asyncio.run(worker(*sys.argv[2:]))
    else:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        Probe(sys.argv[2].split(","), sys.argv[3]).run()
