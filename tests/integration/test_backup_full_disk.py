"""test_backup_full_disk.py - a backup of a cluster that works, to a disk that is full, harms nobody.

The disk is a small tmpfs that only the cluster and the tool see, in a mount namespace of their own."""

import asyncio
import os
import subprocess

import pytest

import harness
from test_admin import ADMIN, admin, connect
from workflows import Collects

QUEUE = "full-disk"
DISK_BYTES = 2_000_000
UNSHARE = ["unshare", "--user", "--map-root-user", "--mount"]


class OnSmallDisk(harness.Cluster):
    """Its folder `small` is a disk of its own."""

    def command(self):
        small = self.folder / "small"
        small.mkdir(exist_ok=True)
        mount = f'mount -t tmpfs -o size={DISK_BYTES} tmpfs "{small}" && exec "$@"'
        return [*UNSHARE, "sh", "-c", mount, "sh", *super().command()]

    def tool(self, *words):
        inside = ["nsenter", "--target", str(self.process.pid), "--user", "--mount", "--preserve-credentials"]
        return subprocess.run(
            [*inside, *map(str, words)], env=self.environment, capture_output=True, text=True, timeout=60
        )


def test_a_live_backup_to_a_full_disk():
    if subprocess.run([*UNSHARE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody make a mount namespace")
    asyncio.run(fill_the_disk())


async def fill_the_disk():
    cluster = OnSmallDisk(replicas={"history": 2})
    try:
        session = await connect(cluster)
        handles = [
            await session.client.start_workflow(
                Collects.run, id=f"full-{n}", task_queue=QUEUE, memo={"large": os.urandom(50_000).hex()}
            )
            for n in range(40)
        ]
        backup, pids = cluster.folder / "small" / "backup", cluster.pids()
        said = cluster.tool(ADMIN, "backup", backup)
        assert said.returncode == 2 and said.stdout == "", said
        assert said.stderr.startswith("gnomon-admin: shard ") and "full" in said.stderr, said
        assert cluster.tool("find", backup, "-type", "f").stdout == "", "nothing is left"
        assert cluster.pids() == pids, "no process was harmed"
        async with session.worker(QUEUE, [Collects]):
            for handle in handles:
                await handle.signal(Collects.finish)
            assert [await asyncio.wait_for(handle.result(), 30) for handle in handles] == [[]] * len(handles)
        assert "0 problems" in admin(cluster, "verify")
        whole, to = cluster.folder / "backup", cluster.folder / "to"
        admin(cluster, "backup", whole)
        # A restore to the full disk says so as well, one beside it works.
        small_to = cluster.folder / "small" / "to"
        said = cluster.tool(ADMIN, "restore", whole, "--to", small_to)
        assert said.returncode == 2 and "gnomon-admin: " in said.stderr and str(small_to) in said.stderr, said
        assert cluster.tool("find", small_to.with_name("to.partial")).stdout == ""
        assert "restored 4 shards" in admin(cluster, "restore", whole, "--to", to)
    finally:
        cluster.stop()
