"""test_placement.py - processes of every role come and go by hand, beside those of gnomon-run, under
running workflows: the assignment follows, each shard has one owner, and no client sees an error.

What a process thinks of the assignment is read from its log: `placed` with version and shards.
"""

import asyncio
import os
import re
import signal
import sqlite3
import subprocess
import time

import pytest
from temporalio.api.common.v1 import WorkflowExecution, WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    StartWorkflowExecutionRequest,
)

import harness
import workflows as w
from harness import NAMESPACE, eventually, unique, wait_until

SHARDS = 4
ROLES = ("history", "matching", "timers")
PLACED = re.compile(r'msg="?placed"? version=(\d+) .*shards=(\d+)')


class Member:
    """One more process of a role, in the folders of a cluster."""

    def __init__(self, cluster, role, name):
        self.role = role
        self.log_path = cluster.folder / f"{role}-{name}.log"
        port = f"GNOMON_{role.upper()}_METRICS_PORT"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [str(cluster.bin / f"gnomon-{role}")],
                env={**cluster.environment, port: "0", "GNOMON_FRONTEND_HTTP_PORT": "0", "GNOMON_UI_PORT": "0"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            wait_until(lambda: 'msg="serving"' in self.log() or self.ended(), 20, f"{role} serving")
            assert not self.ended(), self.log()
        except AssertionError:
            self.kill()
            raise

    def log(self):
        return self.log_path.read_text(errors="replace")

    def ended(self):
        return self.process.poll() is not None

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def leave(self):
        """An orderly end."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0, self.log()[-4000:]


class Grown:
    """A cluster of its own, to which members are added."""

    def __init__(self):
        self.cluster = harness.Cluster()
        self.members = []

    def add(self, role):
        self.members.append(Member(self.cluster, role, len(self.members)))
        return self.members[-1]

    def version(self):
        with sqlite3.connect(f"file:{self.cluster.folder}/data/cluster.db?mode=ro", uri=True) as db:
            return db.execute("SELECT version FROM placement").fetchone()[0]

    def placed(self):
        """(version, shards) of every live process, by role."""
        found = {role: [] for role in ROLES}
        for line in self.cluster.log_since(0).splitlines():
            service = re.search(r"service=(\w+)", line)
            match = PLACED.search(line)
            if match and service and service[1] in found:
                found[service[1]] = [tuple(map(int, match.groups()))]
        for member in self.members:
            if not member.ended():
                last = PLACED.findall(member.log())
                found[member.role].append(tuple(map(int, last[-1])) if last else (0, 0))
        return found

    def settled(self):
        """Everybody has the same, last version, and shares are even: gives the version."""
        version = self.version()
        for shares in self.placed().values():
            counts = [shards for _, shards in shares]
            if any(seen != version for seen, _ in shares):
                return None
            if sum(counts) != SHARDS or max(counts) - min(counts) > 1:
                return None
        return version if version == self.version() else None

    def wait_settled(self, seconds=15):
        try:
            return wait_until(self.settled, seconds, "an even assignment")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.version()} {self.placed()}") from None

    def stop(self):
        for member in self.members:
            if not member.ended():
                member.leave()
        self.cluster.stop()

    def abandon(self):
        for member in self.members:
            if not member.ended():
                member.kill()
        self.cluster.kill_all()


@pytest.fixture
def grown():
    if harness.EXTERNAL:
        pytest.skip("needs processes of its own, not GNOMON_TEST_ADDRESS")
    grown = Grown()
    try:
        yield grown
        grown.stop()
    finally:
        grown.abandon()


def start_request(workflow_id, queue):
    return StartWorkflowExecutionRequest(
        namespace=NAMESPACE,
        workflow_id=workflow_id,
        workflow_type=WorkflowType(name="WaitsForEver"),
        task_queue=TaskQueue(name=queue),
        request_id=unique("request"),
    )


class Prober:
    """Starts and describes without any retry in the client; keeps the slowest answer."""

    def __init__(self, client):
        self.service = client.workflow_service
        self.client = client
        self.queue = unique("nobody")
        self.calls = 0
        self.slowest = 0.0
        self.stopping = False

    async def timed(self, call):
        began = time.monotonic()
        await call
        self.calls += 1
        self.slowest = max(self.slowest, time.monotonic() - began)

    async def run(self):
        while not self.stopping:
            name = unique("probe")
            await self.timed(
                self.service.start_workflow_execution(start_request(name, self.queue), retry=False)
            )
            await self.timed(
                self.service.describe_workflow_execution(
                    DescribeWorkflowExecutionRequest(
                        namespace=NAMESPACE, execution=WorkflowExecution(workflow_id=name)
                    ),
                    retry=False,
                )
            )
            await asyncio.sleep(0.01)  # a pace, not a wait


class Load:
    """Workflows with activities, started one after the other in several lanes."""

    def __init__(self, session, queue, lanes=12):
        self.session, self.queue, self.lanes = session, queue, lanes
        self.done = 0
        self.stopping = False

    async def lane(self, number):
        n = 0
        while not self.stopping:
            result = await self.session.client.execute_workflow(
                w.Steps.run, args=[n, 2], id=f"{self.queue}-{number}-{n}", task_queue=self.queue
            )
            assert result == sum((n + k) ** 2 for k in range(2))
            n += 1
            self.done += 1

    async def run(self):
        await asyncio.gather(*[self.lane(number) for number in range(self.lanes)])


async def stop_and_wait(*works):
    for work, _ in works:
        work.stopping = True
    await asyncio.wait_for(asyncio.gather(*[task for _, task in works]), 60)


async def go_on(load, count):
    """So much of the load is done from now on, whatever happens meanwhile."""
    target = load.done + count

    async def enough():
        return load.done >= target

    await eventually(enough, 60, f"{count} more workflows")


@pytest.mark.seconds(240)
async def test_processes_come_and_go_under_load(grown, queue):
    session = harness.Session(grown.cluster)
    await session.connect()
    load, prober = Load(session, queue), Prober(session.client)
    async with session.worker(queue, [w.Steps], [w.square], max_concurrent_workflow_tasks=50):
        works = [(work, asyncio.create_task(work.run())) for work in (load, prober)]
        await go_on(load, 12)
        for _ in range(2):
            for role in ROLES:
                await asyncio.to_thread(grown.add, role)
        await asyncio.to_thread(grown.wait_settled)
        await go_on(load, 30)
        for member in list(grown.members):
            await asyncio.to_thread(member.leave)
        await asyncio.to_thread(grown.wait_settled)
        await go_on(load, 12)
        again = [await asyncio.to_thread(grown.add, role) for role in ROLES]
        await asyncio.to_thread(grown.wait_settled)
        await go_on(load, 12)
        for member in again:
            await asyncio.to_thread(member.kill)
            await go_on(load, 12)
        await asyncio.to_thread(grown.wait_settled)
        await go_on(load, 12)
        await stop_and_wait(*works)
    assert prober.calls > 50
    print(f"{load.done} workflows, {prober.calls} probes, slowest {prober.slowest * 1000:.0f} ms")
    await session.check_histories()


async def answered_everywhere(service, ids, queue):
    """Each id's shard answers; gives how long it took."""
    began = time.monotonic()

    async def one(name):
        await service.describe_workflow_execution(
            DescribeWorkflowExecutionRequest(
                namespace=NAMESPACE, execution=WorkflowExecution(workflow_id=name)
            ),
            retry=False,
        )

    await asyncio.gather(*[one(name) for name in ids])
    return time.monotonic() - began


@pytest.mark.seconds(120)
async def test_shards_of_a_killed_history_are_taken_over(grown):
    session = harness.Session(grown.cluster)
    await session.connect()
    service = session.client.workflow_service
    ids, queue = [unique("moved") for _ in range(64)], unique("nobody")
    for name in ids:  # 64 ids: some on every shard
        await service.start_workflow_execution(start_request(name, queue))
    took = []
    for _ in range(3):
        victim = grown.add("history")
        await asyncio.to_thread(grown.wait_settled)
        await answered_everywhere(service, ids, queue)
        os.kill(victim.process.pid, signal.SIGKILL)
        took.append(await answered_everywhere(service, ids, queue))
        await asyncio.to_thread(victim.process.wait, 10)
        await asyncio.to_thread(grown.wait_settled)
    print("from the kill to the last answer:", ", ".join(f"{t * 1000:.0f} ms" for t in took))
    assert min(took) < 1 and max(took) < 3


@pytest.mark.seconds(60)
async def test_no_history_at_all_is_unavailable_within_a_second(grown):
    session = harness.Session(grown.cluster)
    await session.connect()
    service = session.client.workflow_service
    old = grown.cluster.kill("history")
    for _ in range(20):  # the supervisor starts another one: as long as there is none
        began = time.monotonic()
        try:
            await service.start_workflow_execution(
                start_request(unique("early"), unique("nobody")), retry=False
            )
            break
        except Exception as error:
            assert "UNAVAILABLE" in str(error) or "no history process" in str(error), error
            assert time.monotonic() - began < 1.5
    grown.cluster.wait_restarted("history", old)
    await asyncio.to_thread(grown.wait_settled)
    await service.start_workflow_execution(start_request(unique("late"), unique("nobody")))


def cpu_ticks(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as stat:
            words = stat.read().rsplit(")", 1)[1].split()
        total += int(words[11]) + int(words[12])
    return total


def bytes_written(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/io") as io:
            total += int(re.search(r"syscw: (\d+)", io.read())[1])
    return total


def test_idle_means_no_writes_and_no_ticks(grown):
    """Two seconds of nothing: no map, no write; half a percent of a core is one tick of 10 ms."""
    for role in ROLES:
        grown.add(role)
    version = grown.wait_settled()
    pids = list(grown.cluster.pids().values()) + [m.process.pid for m in grown.members]
    assert len(pids) == 7

    def quiet():
        before = bytes_written(pids), cpu_ticks(pids)
        time.sleep(2)  # the span that is measured
        after = bytes_written(pids), cpu_ticks(pids)
        return after[0] == before[0] and after[1] - before[1] <= 2

    wait_until(quiet, 30, "two seconds without a write")
    assert grown.version() == version
