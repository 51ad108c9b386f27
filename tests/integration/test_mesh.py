"""test_mesh.py - the processes over TCP: as over socket files, whoever else may connect, whoever dies."""

import asyncio
import pathlib
import re
import random
import socket
import struct
import urllib.request

import pytest

import harness
import workflows as w
from harness import SERVICES, Cluster, Session, wait_until
from test_crash import expected, some_steps_done, start_many

pytestmark = pytest.mark.skipif(harness.EXTERNAL is not None, reason="tests processes of our own")

ROLES = ("frontend", "history", "matching", "timers")  # as they are numbered
PUSH_HELLO, PULL_HELLO = b"\0SP\0\0\x50\0\0", b"\0SP\0\0\x51\0\0"


def addresses(cluster):
    """What the members tell each other: {role number: (host, port)}."""
    found = {}
    for file in pathlib.Path(cluster.environment["GNOMON_RUN_DIR"]).glob("*.member"):
        host, port = re.fullmatch(r"tcp://([0-9.]+):(\d+)", file.read_text()).groups()
        found[int(file.name[0])] = (host, int(port))
    return found


def metrics_of(cluster, service):
    url = f"http://127.0.0.1:{cluster.metrics_ports[service]}/metrics"
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.read().decode()


def metric(cluster, service, name):
    found = re.search(rf"^{re.escape(name)} (\d+)$", metrics_of(cluster, service), re.M)
    return int(found.group(1)) if found else 0


@pytest.fixture(scope="module")
def over_tcp():
    """Listens on every address and tells the first one, as containers do."""
    cluster = Cluster(
        environment={"GNOMON_MESH_LISTEN": "tcp://0.0.0.0:0", "GNOMON_MESH_ADVERTISE": "127.0.0.1",
                     "GNOMON_MESH_INSECURE": "true"}
    )
    yield cluster
    cluster.stop()


async def serves(cluster, queue, count=10):
    session = Session(cluster)
    await session.connect()
    async with session.worker(queue, [w.Steps], [w.square]):
        handles = await start_many(session, queue, count)
        results = await asyncio.wait_for(asyncio.gather(*[h.result() for h in handles]), 60)
    assert results == [expected(n) for n in range(count)]


async def test_workflows_over_tcp(over_tcp, queue):
    await serves(over_tcp, queue)
    assert sorted(addresses(over_tcp)) == [0, 1, 2, 3]
    assert not list(pathlib.Path(over_tcp.environment["GNOMON_RUN_DIR"]).glob("*.sock"))


@pytest.mark.seconds(120)
@pytest.mark.parametrize("service", ["history", "matching", "timers", "frontend"])
async def test_a_service_dies_over_tcp(over_tcp, queue, service):
    session = Session(over_tcp)
    await session.connect()
    async with session.worker(queue, [w.Steps], [w.square]):
        handles = await start_many(session, queue, 30)
        await some_steps_done(session, handles)
        before = addresses(over_tcp)
        old = over_tcp.kill(service)
        over_tcp.wait_restarted(service, old)
        results = await asyncio.wait_for(asyncio.gather(*[h.result() for h in handles]), 60)
    assert results == [expected(n) for n in range(30)]
    role = ROLES.index(service)
    after = wait_until(lambda: len(addresses(over_tcp)) == 4 and addresses(over_tcp), 20, "all four told")
    assert after[role] != before[role]


def connected(address):
    return socket.create_connection(address, timeout=10)


async def test_rubbish_over_tcp(over_tcp, queue):
    """Noise, half messages, giant ones, silence: said in the log, counted, and nothing is lost by it."""
    rng = random.Random(7)
    log_from = over_tcp.log_size()
    malformed = {s: metric(over_tcp, s, "gnomon_mesh_malformed") for s in SERVICES}
    slow = []
    for address in addresses(over_tcp).values():
        for _ in range(10):
            with connected(address) as peer:
                peer.sendall(rng.randbytes(rng.choice((1, 7, 8, 9, 1000))))
        for start in (b"", PUSH_HELLO[:5], PUSH_HELLO, PUSH_HELLO + struct.pack(">Q", 1 << 20) + b"x" * 99):
            slow.append(connected(address))
            slow[-1].sendall(start)
        for length in (1 << 40, 2**63, 2**64 - 1):
            with connected(address) as peer:
                peer.sendall(PUSH_HELLO + struct.pack(">Q", length))
    for service, address in addresses_by_service(over_tcp).items():

        def said(service=service, address=address):
            try:
                with connected(address) as peer:
                    if peer.recv(8) != PULL_HELLO:
                        return False
                    message = rng.randbytes(50)
                    peer.sendall(PUSH_HELLO + struct.pack(">Q", len(message)) + message)
            except OSError:
                return False
            return metric(over_tcp, service, "gnomon_mesh_malformed") > malformed[service]

        wait_until(said, 30, f"{service} hears rubbish")
    await serves(over_tcp, queue)
    for peer in slow:
        peer.close()
    log = over_tcp.log_since(log_from)
    for service in SERVICES:
        lines = re.findall(rf"level=error service={service} msg=.rubbish on the mesh", log)
        assert 1 <= len(lines) <= 60


def addresses_by_service(cluster):
    return {ROLES[role]: address for role, address in addresses(cluster).items()}
