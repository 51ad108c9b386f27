"""test_cache_of_runs.py - how many runs history keeps in memory and for how long, as its metrics tell."""

import re
import urllib.request

import pytest
from temporalio.client import Client

import harness
from harness import NAMESPACE, eventually, unique

MISSES = re.compile(r'^cache_miss\{[^}]*cache_type="mutablestate"[^}]*\} (\S+)', re.M)


@pytest.fixture(scope="module")
def server():
    cluster = harness.Cluster()
    yield cluster
    assert cluster.interrupt() == 0
    cluster.check_data()
    cluster.stop()


def misses(server):
    url = f"http://127.0.0.1:{server.metrics_ports['history']}/metrics"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return sum(float(n) for n in MISSES.findall(answer.read().decode()))


async def started(server, count):
    client = await Client.connect(server.address, namespace=NAMESPACE)
    return [await client.start_workflow("Any", id=unique("w"), task_queue=unique("nobody")) for _ in range(count)]


async def misses_of_looking(server, handles):
    before = misses(server)
    for handle in handles:
        await handle.describe()
    return misses(server) - before


async def test_history_keeps_as_many_runs_as_it_is_told(server):
    server.set_dynamic({})
    handles = await started(server, 40)
    assert await misses_of_looking(server, handles) == 0
    server.set_dynamic({"history.hostLevelCacheMaxSize": 1})  # one a shard
    await started(server, 40)  # others go for them
    assert await misses_of_looking(server, handles) > 20
    assert await misses_of_looking(server, handles) > 20


async def test_runs_that_nobody_asks_for_are_read_again(server):
    server.set_dynamic({})
    handles = await started(server, 100)
    assert await misses_of_looking(server, handles) == 0
    server.set_dynamic({"history.cacheTTL": "100ms"})

    async def is_read_again():  # every look is at another run: one that is looked at stays
        return await misses_of_looking(server, [handles.pop()]) == 1

    await eventually(is_read_again, 20, "a run to leave the memory")
