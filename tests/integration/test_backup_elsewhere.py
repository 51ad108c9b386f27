"""test_backup_elsewhere.py - a backup under full load becomes another cluster, of other processes and ports;
backups while shards move; a disk that is full."""

import asyncio
import collections
import itertools
import resource
import shutil
import signal
import subprocess
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.api.workflowservice.v1 import ListNamespacesRequest

import harness
from test_admin import ADMIN, admin, connect, run

OPEN = 200
QUEUE = "elsewhere"


@workflow.defn
class Steps:
    """A step, a timer, a signal, a step."""

    def __init__(self) -> None:
        self.finished = False

    @workflow.run
    async def run(self, name: str) -> list[str]:
        said = [await self.step(name, "first")]
        await workflow.sleep(timedelta(seconds=1))
        await workflow.wait_condition(lambda: self.finished)
        return [*said, await self.step(name, "second")]

    async def step(self, name: str, which: str) -> str:
        return await workflow.execute_activity(
            "take_step", f"{name} {which}", start_to_close_timeout=timedelta(seconds=10)
        )

    @workflow.signal
    async def finish(self) -> None:
        self.finished = True


class Taken:
    """The activity, and how often each step was taken."""

    def __init__(self):
        self.times = collections.Counter()

    @activity.defn
    async def take_step(self, step: str) -> str:
        self.times[step] += 1
        return step


class Restored(harness.Cluster):
    """A cluster with a folder and ports of its own, made of a backup."""

    def __init__(self, backup, **options):
        self.backup = backup
        super().__init__(**options)

    def start(self):
        if self.process is None:
            said = admin(self, "restore", self.backup, "--to", self.folder / "data")
            assert "restored 4 shards" in said
        super().start()


@pytest.fixture
def first():
    cluster = harness.Cluster(replicas={"history": 2})
    try:
        yield cluster
    finally:
        cluster.stop()


async def steps_done(client, workflow_id):
    events = await harness.history_of(client, workflow_id)
    return sum(event.HasField("activity_task_completed_event_attributes") for event in events)


async def test_open_workflows_under_load_go_on_in_another_cluster(first):
    session, before = await connect(first), Taken()
    acknowledged = []

    async def start(n):
        await session.client.start_workflow(Steps.run, f"w{n}", id=f"elsewhere-{n}", task_queue=QUEUE)
        acknowledged.append(n)

    numbers = itertools.count(OPEN)

    async def go_on(stop):
        while not stop.is_set():
            n = next(numbers)
            await start(n)
            if n % 2:  # and some of them end
                await session.client.get_workflow_handle(f"elsewhere-{n}").signal(Steps.finish)

    async with session.worker(QUEUE, [Steps], [before.take_step]):
        await asyncio.gather(*(start(n) for n in range(OPEN)))
        stop = asyncio.Event()
        load = [asyncio.create_task(go_on(stop)) for _ in range(16)]
        async with asyncio.timeout(30):
            while len(acknowledged) < OPEN + 40:
                await asyncio.sleep(0.01)
        promised, took, attempt = [], 0, 0
        async with asyncio.timeout(60):
            while took < 10:  # until there was load during the backup
                promised, backup = list(acknowledged), first.folder / f"backup-{attempt}"
                await asyncio.to_thread(admin, first, "backup", backup)
                took, attempt = len(acknowledged) - len(promised), attempt + 1
        stop.set()
        await asyncio.gather(*load)
    first.kill_all()  # whatever came after the backup is lost with it

    second = Restored(backup, replicas={"history": 3, "matching": 2, "frontend": 2})
    try:
        assert second.port != first.port
        assert "0 problems" in admin(second, "verify")
        session, after = await connect(second), Taken()
        gate = asyncio.Semaphore(20)

        async def gated(call):
            async with gate:
                return await call

        names = [f"elsewhere-{n}" for n in promised]
        done = await asyncio.gather(*(gated(steps_done(session.client, name)) for name in names))
        async with session.worker(QUEUE, [Steps], [after.take_step]):

            async def finish(n):
                handle = session.client.get_workflow_handle(f"elsewhere-{n}")
                if (await handle.describe()).status.name == "RUNNING":
                    await handle.signal(Steps.finish)
                return await asyncio.wait_for(handle.result(), 60)

            results = await asyncio.gather(*(gated(finish(n)) for n in promised))
        for n, result in zip(promised, results):
            assert result == [f"w{n} first", f"w{n} second"]
        for n, steps in zip(promised, done):
            # What the backup has the end of is not done again; what it has not is.
            assert after.times[f"w{n} first"] == (0 if steps >= 1 else 1), (n, steps)
            assert after.times[f"w{n} second"] == (0 if steps >= 2 else 1), (n, steps)
            assert before.times[f"w{n} first"] <= 1
        assert any(steps >= 1 for steps in done)
        (namespace,) = [
            n for n in (await list_namespaces(session.client)) if n.namespace_info.name == harness.NAMESPACE
        ]
        assert namespace.namespace_info.id
        new = await session.client.start_workflow(Steps.run, "new", id="elsewhere-new", task_queue="nobody")
        await new.terminate()
        assert "0 problems" in admin(second, "verify")
    finally:
        second.stop()


async def list_namespaces(client):
    return (await client.workflow_service.list_namespaces(ListNamespacesRequest())).namespaces


async def test_a_backup_while_shards_move_is_whole_or_says_why_not(first):
    session = await connect(first)
    for n in range(20):
        await session.client.start_workflow(
            Steps.run, f"w{n}", id=f"moved-{n}", task_queue="nobody", memo={"large": "x" * 50_000}
        )
    whole = 0
    for attempt in range(6):
        backup, to = first.folder / f"backup-{attempt}", first.folder / f"to-{attempt}"
        tool = asyncio.create_task(asyncio.to_thread(run, first, "backup", backup))
        pid = first.kill("history", signal.SIGTERM)  # it gives its shards away, and they come back
        said = await tool
        first.wait_restarted("history", pid)
        if said.returncode == 0:
            whole += 1
            assert "restored 4 shards" in admin(first, "restore", backup, "--to", to)
            assert "checked 20 runs (20 open)" in admin(first, "verify", data=to)
            shutil.rmtree(to)
        else:
            assert said.returncode == 2 and "gnomon-admin: shard " in said.stderr, said
            assert list(backup.glob("*")) == [], "nothing is left that might be taken for one"
            assert "no whole backup" in admin(first, "restore", backup, "--to", to, status=2)
    assert whole > 0, "most moves are waited for"
    assert "0 problems" in admin(first, "verify")


def limited(cluster, bytes_most, *words):
    """No file may grow beyond that: as on a full disk, writes fail in the middle."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_most, bytes_most))

    return subprocess.run(
        [str(ADMIN), *map(str, words)], env=cluster.environment, capture_output=True, text=True, timeout=60,
        preexec_fn=limit,
    )


async def test_where_files_cannot_be_written_nothing_is_left(first):
    session = await connect(first)
    for n in range(80):
        await session.client.start_workflow(
            Steps.run, f"w{n}", id=f"large-{n}", task_queue="nobody", memo={"large": "x" * 100_000}
        )
    assert first.interrupt() == 0
    backup, to = first.folder / "backup", first.folder / "to"
    said = limited(first, 1_000_000, "backup", backup)
    assert said.returncode == 2 and "history-" in said.stderr and str(backup) in said.stderr, said
    assert list(backup.glob("*")) == []
    admin(first, "backup", backup)
    said = limited(first, 1_000_000, "restore", backup, "--to", to)
    assert said.returncode == 2 and "gnomon-admin: " in said.stderr and str(to) in said.stderr, said
    assert not to.with_name("to.partial").exists() and list(to.glob("*")) == []
    assert "restored 4 shards" in admin(first, "restore", backup, "--to", to)
    assert "checked 80 runs (80 open)" in admin(first, "verify", data=to)


async def test_processes_that_speak_tcp_are_asked_over_it():
    """As between containers."""
    cluster = harness.Cluster(
        environment={"GNOMON_MESH_LISTEN": "tcp://127.0.0.1:0", "GNOMON_MESH_INSECURE": "true"}
    )
    try:
        session = await connect(cluster)
        await session.client.start_workflow(Steps.run, "w", id="tcp", task_queue="nobody")
        backup, to = cluster.folder / "backup", cluster.folder / "to"
        admin(cluster, "backup", backup)
        assert "restored 4 shards" in admin(cluster, "restore", backup, "--to", to)
        assert "checked 1 runs (1 open)" in admin(cluster, "verify")
    finally:
        cluster.stop()
