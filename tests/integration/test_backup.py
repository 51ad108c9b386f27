"""test_backup.py - backups of a cluster that works, restored elsewhere; and backups that were cut short."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
from datetime import timedelta

import pytest

import harness
from test_admin import ADMIN, admin, connect, wait_stopped
from workflows import Collects

COUNT = 500
QUEUE = "backup"


@pytest.fixture
def own():
    cluster = harness.Cluster(replicas={"history": 2})
    try:
        yield cluster
    finally:
        cluster.stop()


def replace_data(cluster, backup):
    """Another cluster in its place: nothing but the backup is left of the one before."""
    data = cluster.folder / "data"
    shutil.rmtree(data)
    said = admin(cluster, "restore", backup, "--to", data)
    assert "restored 4 shards" in said
    cluster.start()
    cluster.wait_ready()


async def finish(handle):
    patience = timedelta(seconds=60)  # hundreds at once, on a machine that may do other work
    await handle.signal(Collects.add, "after", rpc_timeout=patience)
    await handle.signal(Collects.finish, rpc_timeout=patience)
    return await asyncio.wait_for(handle.result(), 60)


async def test_what_was_acknowledged_before_is_there_and_goes_on(own):
    cluster, session = own, await connect(own)
    gate = asyncio.Semaphore(40)
    acknowledged = []

    async def start(n):
        async with gate:
            handle = await session.client.start_workflow(Collects.run, id=f"backup-{n}", task_queue=QUEUE)
            await handle.signal(Collects.add, f"item {n}")
            acknowledged.append(n)

    async def go_on(stop):
        n = COUNT
        while not stop.is_set():
            await asyncio.gather(*(start(n + i) for i in range(10)))
            n += 10

    async with session.worker(QUEUE, [Collects]):
        await asyncio.gather(*(start(n) for n in range(COUNT)))
        stop = asyncio.Event()
        load = asyncio.create_task(go_on(stop))
        while len(acknowledged) < COUNT + 20:  # the load is there
            await asyncio.sleep(0.01)
        before = set(acknowledged)
        first, second = cluster.folder / "backup", cluster.folder / "again"
        said = await asyncio.to_thread(admin, cluster, "backup", first)
        assert len(re.findall(r"shard \d: up to sequence \d+", said)) == 4
        middle = set(acknowledged)
        await asyncio.to_thread(admin, cluster, "backup", second)
        stop.set()
        await load
        assert len(middle) > len(before), "there was load during the backup"
    assert "0 problems" in admin(cluster, "verify")
    assert cluster.interrupt() == 0

    replace_data(cluster, first)
    session = await connect(cluster)
    assert "0 problems" in admin(cluster, "verify")
    async with session.worker(QUEUE, [Collects]):
        handles = [session.client.get_workflow_handle(f"backup-{n}") for n in before]
        results = await asyncio.gather(*map(finish, handles))
        for n, result in zip(before, results):
            assert result == [f"item {n}", "after"]
        new = await session.client.start_workflow(Collects.run, id="backup-new", task_queue=QUEUE)
        assert await finish(new) == ["after"]
    # And so does a cluster that was restored before: its own backup, with higher positions.
    third = cluster.folder / "third"
    admin(cluster, "backup", third)
    assert cluster.interrupt() == 0
    replace_data(cluster, third)
    session = await connect(cluster)
    assert await (session.client.get_workflow_handle("backup-new")).result() == ["after"]


async def test_a_stopped_cluster_is_backed_up(own):
    cluster, session = own, await connect(own)
    handle = await session.client.start_workflow(Collects.run, id="stopped", task_queue=QUEUE)
    cluster.kill_all()  # nothing was flushed
    wait_stopped(cluster)
    backup = cluster.folder / "backup"
    admin(cluster, "backup", backup)
    replace_data(cluster, backup)
    session = await connect(cluster)
    async with session.worker(QUEUE, [Collects]):
        assert await finish(session.client.get_workflow_handle(handle.id)) == ["after"]


async def test_damaged_and_partial_ones_are_refused(own):
    cluster, session = own, await connect(own)
    await session.client.start_workflow(Collects.run, id="some", task_queue="nobody")
    backup, to = cluster.folder / "backup", cluster.folder / "restored"
    admin(cluster, "backup", backup)
    assert "not an empty folder" in admin(cluster, "backup", backup, status=2)
    assert "not an empty folder" in admin(cluster, "restore", backup, "--to", cluster.folder / "data", status=2)

    def damaged(name, change, problem):
        copy = cluster.folder / "copy"
        shutil.copytree(backup, copy)
        change(copy)
        assert problem in admin(cluster, "restore", copy, "--to", to, status=2), name
        assert list(to.glob("*")) == [] and not to.with_name("restored.partial").exists()
        shutil.rmtree(copy)

    def flip(path, at):
        with open(path, "r+b") as file:
            file.seek(at)
            byte = file.read(1)
            file.seek(at)
            file.write(bytes([byte[0] ^ 1]))

    damaged("a flipped bit", lambda d: flip(d / "history-2.tables.db", 5000), "is damaged")
    damaged("a short file", lambda d: os.truncate(d / "cluster.db", 4096), "is damaged")
    damaged("a manifest's bit", lambda d: flip(d / "manifest", 60), "is damaged")
    damaged("no manifest", lambda d: (d / "manifest").unlink(), "no whole backup")
    damaged("no file", lambda d: (d / "history-0.tables.db").unlink(), "cannot open")
    damaged("another version", lambda d: (d / "manifest").write_text("gnomon-backup 2\n"), "another version")
    assert "restored 4 shards" in admin(cluster, "restore", backup, "--to", to)


async def test_a_backup_that_is_killed_is_never_taken_for_a_whole_one(own):
    """The tool, or an owner, dies at any moment of it."""
    cluster, session = own, await connect(own)
    for n in range(20):
        await session.client.start_workflow(
            Collects.run, id=f"killed-{n}", task_queue="nobody", memo={"large": "x" * 50_000}
        )
    whole = 0
    for attempt in range(8):
        backup, to = cluster.folder / f"backup-{attempt}", cluster.folder / f"to-{attempt}"
        tool = subprocess.Popen(
            [str(ADMIN), "backup", str(backup)], env=cluster.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        try:
            harness.wait_until(
                lambda: tool.poll() is not None or len(list(backup.glob("*"))) > attempt // 2,
                20,
                "so many files, or the end",
            )
            if attempt % 2:
                pid = cluster.kill("history")
                tool.wait(60)
                cluster.wait_restarted("history", pid)
            else:
                tool.send_signal(signal.SIGKILL)
        finally:
            tool.kill()
            tool.wait(10)
        if (backup / "manifest").exists():
            whole += 1
            assert "restored 4 shards" in admin(cluster, "restore", backup, "--to", to)
            assert "checked 20 runs (20 open)" in admin(cluster, "verify", data=to)
        else:
            assert "no whole backup" in admin(cluster, "restore", backup, "--to", to, status=2)
    last = cluster.folder / "last"
    admin(cluster, "backup", last)
    assert "restored 4 shards" in admin(cluster, "restore", last, "--to", cluster.folder / "to-last")
    assert "checked 20 runs (20 open)" in admin(cluster, "verify")
    assert whole < 8
