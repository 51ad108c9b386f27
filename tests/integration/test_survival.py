"""test_survival.py - several processes of each role, killed and stopped amid 500 running workflows.

Every workflow completes once with the right result, no acknowledged start or signal is lost or
doubled, and another process takes over within seconds. GNOMON_SOAK_SECONDS=1800 goes on for half an
hour, GNOMON_SOAK_SEED=n repeats a load.
"""

import asyncio
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import uuid

import pytest
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    SignalWorkflowExecutionRequest,
    StartWorkflowExecutionRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError

import chaos
import harness
import history_checker
import survival
from harness import SERVICES, is_alive, wait_until

pytestmark = pytest.mark.skipif(harness.EXTERNAL is not None, reason="tests processes of our own")

COUNT = 500
REPLICAS = 2
SOAK_SECONDS = float(os.environ.get("GNOMON_SOAK_SECONDS", "0"))
SOAK_LOG = os.environ.get("GNOMON_SOAK_LOG")  # where the processes' log goes
SEED = int(os.environ.get("GNOMON_SOAK_SEED", random.SystemRandom().randrange(1 << 32)))
TAKE_OVER_SECONDS = 3.0
BUSY_SECONDS = 0.5  # allowed on top: the machine runs the load, the workers and the tests too
TRANSIENT = ("UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED")


@pytest.fixture
def cluster():
    cluster = harness.Cluster(
        environment={"GNOMON_WATCHDOG": "true"}, replicas={role: REPLICAS for role in SERVICES}
    )
    yield cluster
    if SOAK_LOG:
        shutil.copy(cluster.log_path, SOAK_LOG)
    cluster.stop()


@pytest.fixture
def beside():
    """Starts this folder's survival.py with some words, and ends it."""
    started = []

    def start(*words):
        process = subprocess.Popen(
            [sys.executable, survival.__file__, *words],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.terminate()
    for process in started:
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def patiently(call):
    """A client's own retries while a process is away: the same bytes, the same request id."""
    for _ in range(240):
        try:
            return await call()
        except RPCError as error:
            broken = "transport error" in str(error)  # the SDK's words for a connection that broke
            if error.status.name not in TRANSIENT and not broken:
                raise
            await asyncio.sleep(0.25)
    raise AssertionError("not answered")


def payloads(*values):
    return Payloads(
        payloads=[
            Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(v).encode()) for v in values
        ]
    )


def delays_of_timers(events):
    """By how many seconds each timer fired late, by the events' times."""
    due = {}
    for event in events:
        if event.HasField("timer_started_event_attributes"):
            span = event.timer_started_event_attributes.start_to_fire_timeout
            due[event.event_id] = event.event_time.ToNanoseconds() + span.ToNanoseconds()
        elif event.HasField("timer_fired_event_attributes"):
            started = event.timer_fired_event_attributes.started_event_id
            yield (event.event_time.ToNanoseconds() - due[started]) / 1e9


class Wave:
    """500 workflows, what was acknowledged of them, and what must come of it."""

    def __init__(self, clients, queue, prefix, seed, seconds):
        self.clients, self.queue, self.prefix, self.seconds = clients, queue, prefix, seconds
        self.random = random.Random(seed)
        self.run_ids = {}
        self.all_started = asyncio.Event()
        self.latest_timer = 0.0

    def name(self, n):
        return f"{self.prefix}-{n}"

    async def one(self, n):
        client = self.clients[n % len(self.clients)]
        moments = sorted(self.random.uniform(0, self.seconds) for _ in range(survival.SIGNALS))
        await asyncio.sleep(self.random.uniform(0, 2))
        start = StartWorkflowExecutionRequest(
            namespace=harness.NAMESPACE,
            workflow_id=self.name(n),
            workflow_type=WorkflowType(name="Journey"),
            task_queue=TaskQueue(name=self.queue),
            input=payloads(n, self.name(n ^ 1), {}),
            request_id=str(uuid.uuid4()),
        )
        answer = await patiently(lambda: client.workflow_service.start_workflow_execution(start))
        self.run_ids[n] = answer.run_id
        if len(self.run_ids) == COUNT:
            self.all_started.set()
        await self.all_started.wait()
        begin = time.monotonic()
        for k, moment in enumerate(moments):
            await asyncio.sleep(max(0, begin + moment - time.monotonic()))
            request = SignalWorkflowExecutionRequest(
                namespace=harness.NAMESPACE,
                workflow_execution=WorkflowExecution(workflow_id=self.name(n)),
                signal_name="add",
                input=payloads(1000 * n + k),
                request_id=str(uuid.uuid4()),
            )
            try:
                await patiently(lambda: client.workflow_service.signal_workflow_execution(request))
            except RPCError as error:
                raise AssertionError(f"signal {1000 * n + k}: {error}\n{await self.story(n)}") from error
        handle = client.get_workflow_handle(self.name(n))
        result = await patiently(handle.result)
        result["signals"].sort()
        assert result == survival.expected(n, self.name(n ^ 1)), self.name(n)

    async def story(self, n):
        """What happened to a workflow, for the report of a failure."""
        lines = []
        async for info in harness.all_executions(self.clients[0]):
            if info.execution.workflow_id != self.name(n):
                continue
            for e in await harness.history_of(self.clients[0], self.name(n), info.execution.run_id):
                a = e.workflow_execution_signaled_event_attributes
                text = f" {a.input.payloads[0].data.decode()} {a.request_id}" if a.signal_name else ""
                when = e.event_time.ToDatetime().strftime("%H:%M:%S.%f")[:-3]
                lines.append(f"{when} {e.event_id} {history_checker.type_name(e)}{text}")
        return "\n".join(lines)

    async def run(self):
        await asyncio.gather(*[self.one(n) for n in range(COUNT)])

    async def check(self):
        """What is stored: one chain of two runs and one child each, and histories by the book."""
        client = self.clients[0]
        runs = {}
        async for info in harness.all_executions(client):
            runs.setdefault(info.execution.workflow_id, []).append(info)
        gate = asyncio.Semaphore(10)

        async def history(name, run_id):
            async with gate:
                events = await harness.history_of(client, name, run_id)
            history_checker.check(events, what=f"{name} {run_id}")
            for delay in delays_of_timers(events):
                assert delay >= 0, (name, run_id)
                self.latest_timer = max(self.latest_timer, delay)

        checks = []
        for n in range(COUNT):
            chain = {WorkflowExecutionStatus.Name(i.status)[26:]: i for i in runs[self.name(n)]}
            assert sorted(chain) == ["COMPLETED", "CONTINUED_AS_NEW"], (self.name(n), chain)
            assert len(runs[self.name(n)]) == 2, (self.name(n), chain)
            assert chain["CONTINUED_AS_NEW"].execution.run_id == self.run_ids[n], self.name(n)
            part = runs[f"{self.name(n)}-part"]
            assert [WorkflowExecutionStatus.Name(i.status)[26:] for i in part] == ["COMPLETED"]
            checks += [history(i.execution.workflow_id, i.execution.run_id) for i in [*chain.values(), *part]]
        await asyncio.gather(*checks)


def tell(report):
    print(f"\nseed {SEED}: longest time without an answer of some shard, in seconds")
    wall = time.time() - time.monotonic()
    for at, role, kind, longest in report:
        text = "  ".join(f"{what} {gap:.2f}" for what, gap in sorted(longest.items()))
        print(f"  {time.strftime('%H:%M:%S', time.gmtime(wall + at))}  {kind:10} {role:10} {text}")
    sys.stdout.flush()


@pytest.mark.timeout(500 + 3 * SOAK_SECONDS)
@pytest.mark.seconds(400 + 3 * SOAK_SECONDS)
async def test_500_workflows_outlive_every_process(cluster, beside, tmp_path):
    notes = tmp_path / "probe"
    queue = harness.unique("survival")
    clients = [await Client.connect(a, namespace=harness.NAMESPACE) for a in cluster.addresses]
    for address in cluster.addresses:
        beside("worker", address, queue)
    beside("probe", ",".join(cluster.addresses), str(notes))
    striker = chaos.Chaos(cluster, SEED)
    until = time.monotonic() + SOAK_SECONDS
    waves = 0

    def strikes(first):
        if first:
            striker.in_turn()
        striker.at_random(10 if first else 30)

    try:
        while waves == 0 or time.monotonic() < until:
            wave = Wave(clients, queue, f"{queue}-{waves}", SEED + waves, 32)
            begin = time.monotonic()
            load = asyncio.create_task(wave.run())
            await asyncio.wait_for(wave.all_started.wait(), 60)
            striking = asyncio.create_task(asyncio.to_thread(strikes, waves == 0))
            done, _ = await asyncio.wait({load, striking}, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
            await asyncio.wait_for(load, 200)
            await wave.check()
            took = time.monotonic() - begin
            print(f"\nwave {waves}: {took:.0f} s, latest timer {wave.latest_timer:.2f} s", flush=True)
            waves += 1
    finally:
        report = chaos.gaps(striker.events, chaos.answers(notes))
        tell(report)
    slow = [
        (role, kind, longest)
        for _, role, kind, longest in report
        if kind in ("kill", "stop") and longest["read"] - longest["tick"] > TAKE_OVER_SECONDS + BUSY_SECONDS
    ]
    assert not slow, slow


# -- the watchdog -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def watched():
    cluster = harness.Cluster(environment={"GNOMON_WATCHDOG": "true"})
    yield cluster
    cluster.stop()


@pytest.mark.parametrize("service", SERVICES)
def test_a_stopped_process_dies_and_is_started_again(watched, service):
    pid = watched.kill(service, signal.SIGSTOP)
    wait_until(lambda: not is_alive(pid), chaos.DIES_WITHIN, "it is dead")
    watched.wait_restarted(service, pid)


def test_the_watchdog_can_be_turned_off():
    cluster = harness.Cluster(environment={"GNOMON_WATCHDOG": "false"})
    try:
        pid = cluster.kill("timers", signal.SIGSTOP)
        with pytest.raises(AssertionError, match="not within"):
            wait_until(lambda: not is_alive(pid), chaos.DIES_WITHIN, "it is dead")
        os.kill(pid, signal.SIGCONT)
        assert cluster.pids()["timers"] == pid
    finally:
        cluster.stop()
