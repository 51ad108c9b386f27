"""test_admin_damage.py - gnomon-admin and the services on data that is damaged: each says which file, and ends with 2."""

import asyncio
import os
import random
import shutil
import subprocess

import pytest

import harness
from test_admin import admin, connect

COMMANDS = (
    ("shard", "describe", "0"),
    ("verify",),
    ("task", "list", "nobody"),
    ("sql", "select count(*) from rows"),
)
STORE = (*COMMANDS, ("shard", "list"), ("workflow", "describe", "damage-1"), ("rebuild", "damage-1"))
LOST = "bring it back from a backup"


def spoil(path, at, count=4096):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(random.Random(at).randbytes(count))


def remove(data, name):
    for end in ("", "-wal", "-shm", "-journal"):
        (data / (name + end)).unlink(missing_ok=True)


DAMAGES = {  # what is done, which commands must see it, what they must say
    "the store's head": (lambda d: spoil(d / "cluster.db", 0), STORE, "cluster.db: file is not a database"),
    "the store's pages": (lambda d: spoil(d / "cluster.db", 4096, 40960), STORE, "cluster.db: database disk image is"),
    "the store is empty": (lambda d: os.truncate(d / "cluster.db", 0), STORE, LOST),
    "the store is gone": (lambda d: remove(d, "cluster.db"), STORE, "is no cluster's data"),
    "the tables' head": (
        lambda d: spoil(d / "history-0.tables.db", 0), COMMANDS, "history-0.tables.db: file is not a database"),
    "the tables are short": (
        lambda d: os.truncate(d / "history-0.tables.db", 5000), COMMANDS, "history-0.tables.db: database disk image is"),
    "the tables are gone": (lambda d: remove(d, "history-0.tables.db"), COMMANDS, "shard 0: log record 1 is missing"),
    "the log's head": (lambda d: spoil(d / "history-0.log.db", 0), COMMANDS, "history-0.log.db: file is not a database"),
    "the log is gone": (lambda d: remove(d, "history-0.log.db"), COMMANDS, "shard 0: tables at "),
}  # fmt: skip


@pytest.fixture(scope="module")
def stopped():
    """The data of a cluster that has stopped, and what starts it."""
    cluster = harness.Cluster()
    try:
        asyncio.run(fill(cluster))
        assert cluster.interrupt() == 0
        yield cluster
    finally:
        cluster.kill_all()
        shutil.rmtree(cluster.folder, ignore_errors=True)


async def fill(cluster):
    session = await connect(cluster)
    for n in range(40):
        await session.client.start_workflow("Any", "x" * 2000, id=f"damage-{n}", task_queue="nobody")


def damaged(stopped, change):
    data = stopped.folder / "damaged"
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(stopped.folder / "data", data)
    change(data)
    return data


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_command_says_what_is_damaged(stopped, damage):
    change, commands, said = DAMAGES[damage]
    for words in commands:
        data = damaged(stopped, change)
        assert said in admin(stopped, *words, status=2, data=data), words
    backup = stopped.folder / "backup"
    shutil.rmtree(backup, ignore_errors=True)
    assert said in admin(stopped, "backup", backup, status=2, data=damaged(stopped, change))
    assert not backup.exists() or list(backup.iterdir()) == []


@pytest.mark.parametrize("change", (lambda d: os.truncate(d / "cluster.db", 0), lambda d: remove(d, "cluster.db")))
def test_a_cluster_whose_store_is_lost_does_not_begin_anew(stopped, change):
    """It would have another namespace "default", in which nothing of what the shards have is found."""
    data = damaged(stopped, change)
    before = {path.name: path.read_bytes() for path in data.glob("history-*")}
    environment = {**stopped.environment, "GNOMON_DATA_DIR": str(data), "GNOMON_RUN_DIR": str(data) + "-run"}
    ended = subprocess.run(
        stopped.command(), env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode != 0 and LOST in ended.stdout + ended.stderr, ended
    assert {path.name: path.read_bytes() for path in data.glob("history-*")} == before
