"""harness.py - real processes, clients and workers for the tests.

Cluster starts the executables on free ports with a data folder of its own; External is a server
that already runs (GNOMON_TEST_ADDRESS), for trying the tests on another implementation.
"""

import asyncio
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid

import grpc
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import (
    GetWorkflowExecutionHistoryRequest,
    ListWorkflowExecutionsRequest,
)
from temporalio.client import Client, Interceptor, OutboundInterceptor
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

import history_checker

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("GNOMON_TEST_BIN", ROOT / "build" / "release"))
CLI = pathlib.Path(os.environ.get("GNOMON_TEST_CLI", ROOT / "build" / "tools" / "temporal"))
EXTERNAL = os.environ.get("GNOMON_TEST_ADDRESS")
SERVICES = ("history", "matching", "timers", "frontend")
NAMESPACE = "default"
PORT_STEP = 100  # run.port.step's default
# The tests ask for more than a user's cluster gives by default: what is tested is not the rates.
UNLIMITED_RATES = {
    "frontend.rps": 1_000_000,
    "frontend.rps.namespaceReplicationInducingAPIs": 1_000_000,
    "frontend.namespaceRPS": 1_000_000,
    "frontend.namespaceRPS.visibility": 1_000_000,
    "frontend.globalNamespaceRPS.namespaceReplicationInducingAPIs": 1_000_000,
    "frontend.namespaceCount": 1_000_000,
    "frontend.persistenceMaxQPS": 0,
    "history.persistenceMaxQPS": 0,
    "matching.persistenceMaxQPS": 0,
}


def unique(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def free_ports(count, replicas=1):
    """Ports that nobody has; with `replicas` their further ones (run.port.step apart) are free too.
    They are below those that the kernel gives to connections: a restarted process finds its own free."""
    with contextlib.ExitStack() as stack:
        ports = []
        while len(ports) < count:
            port = random.randrange(10_000, 30_000)
            try:
                for n in range(replicas):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port + n * PORT_STEP))
            except OSError:
                continue
            ports.append(port)
        return ports


def wait_until(condition, seconds, what):
    """Poll `condition` until it holds; gives its value. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


async def eventually(condition, seconds, what):
    """The same for coroutines."""
    deadline = time.monotonic() + seconds
    while True:
        value = await condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.02)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_of(pid):
    """Process ids by name, read from /proc: "history", and its further replicas "history-1" ..."""
    found = {}
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return found
    for child in children:
        try:
            words = pathlib.Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            environment = pathlib.Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        for word in words[:2]:  # a script's interpreter comes first
            name = os.path.basename(word.decode())
            if name.startswith("gnomon-") and name != "gnomon-run" and is_alive(int(child)):
                index = next((e[15:].decode() for e in environment if e.startswith(b"GNOMON_REPLICA=")), "0")
                found[name.removeprefix("gnomon-") + (f"-{index}" if index != "0" else "")] = int(child)
    return found


class External:
    """A server that somebody else started."""

    own = False

    def __init__(self, address):
        self.address = address

    def log_size(self):
        return 0

    def log_since(self, offset):
        return ""

    def stop(self):
        pass


class Cluster:
    """Four processes under gnomon-run on free ports of loopback, or `replicas` of a role: {"history": 2}."""

    own = True

    def __init__(self, bin_dir=BIN, environment=None, wait=True, replicas=None, dynamic=None):
        """`dynamic`: settings of the dynamic configuration, over UNLIMITED_RATES."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gnomon-"))
        self.bin = pathlib.Path(bin_dir)
        self.replicas = replicas or {}
        ports = free_ports(7, max(self.replicas.values(), default=1))
        self.port = ports[0]
        self.addresses = [
            f"127.0.0.1:{self.port + n * PORT_STEP}" for n in range(self.replicas.get("frontend", 1))
        ]
        self.address = self.addresses[0]
        self.log_path = self.folder / "log"
        self.dynamic_path = self.folder / "dynamic.yaml"
        self.process = None
        self.set_dynamic(dynamic or {})
        self.environment = {
            **os.environ,
            "DYNAMIC_CONFIG_FILE_PATH": str(self.dynamic_path),
            "GNOMON_DYNAMIC_CONFIG_POLL_MS": "50",
            "GNOMON_DATA_DIR": str(self.folder / "data"),
            "GNOMON_RUN_DIR": str(self.folder / "run"),
            "GNOMON_FRONTEND_PORT": str(ports[0]),
            "GNOMON_FRONTEND_HTTP_PORT": str(ports[5]),
            "GNOMON_UI_PORT": str(ports[6]),
            "GNOMON_FRONTEND_METRICS_PORT": str(ports[1]),
            "GNOMON_HISTORY_METRICS_PORT": str(ports[2]),
            "GNOMON_MATCHING_METRICS_PORT": str(ports[3]),
            "GNOMON_TIMERS_METRICS_PORT": str(ports[4]),
            # A machine that stands still for 2.5 s looks like a stopped process: only the tests of
            # the watchdog have it on.
            "GNOMON_WATCHDOG": "false",
            **(environment or {}),
        }
        self.metrics_ports = dict(zip(("frontend", "history", "matching", "timers"), ports[1:5]))
        self.http = f"http://127.0.0.1:{ports[5]}"
        self.ui = f"http://127.0.0.1:{ports[6]}"
        self.start()
        if wait:
            self.wait_ready()

    def set_dynamic(self, settings):
        """Write the file anew and wait until every process has read it. A value is that of all namespaces, or a
        list of {"value": ..., "constraints": ...}."""
        both = {**UNLIMITED_RATES, **settings}
        entries = {key: v if isinstance(v, list) else [{"value": v}] for key, v in both.items()}
        beside = self.dynamic_path.with_suffix(".new")
        beside.write_text(json.dumps(entries))  # YAML has JSON within
        before = self.log_size() if self.process else 0
        beside.replace(self.dynamic_path)
        if self.process:
            wait_until(
                lambda: self.who_said("updated dynamic config", before) >= set(SERVICES),
                20,
                "every process has read the new settings",
            )

    def who_said(self, words, offset):
        lines = [line for line in self.log_since(offset).splitlines() if words in line]
        return {service for service in SERVICES if any(service in line for line in lines)}

    def command(self):
        replicas = [word for role, n in self.replicas.items() for word in (f"--{role}", str(n))]
        return [str(BIN / "gnomon-run"), "--bin", str(self.bin), *replicas]

    def start(self):
        self.ready_from = self.log_size()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def log_size(self):
        return self.log_path.stat().st_size if self.log_path.exists() else 0

    def log_since(self, offset):
        with open(self.log_path, "rb") as log:
            log.seek(offset)
            return log.read().decode(errors="replace")

    def wait_ready(self, seconds=30):
        def ready():
            ended = self.process.poll()
            assert ended is None, f"gnomon-run ended with {ended}:\n{self.log_since(0)[-4000:]}"
            return "Gnomon is ready." in self.log_since(self.ready_from)

        try:
            wait_until(ready, seconds, "all four ready")
        except AssertionError as error:
            self.kill_all()
            raise AssertionError(f"{error}\n{self.log_since(0)[-4000:]}") from None

    def pids(self):
        return children_of(self.process.pid)

    def kill(self, service, sig=signal.SIGKILL):
        """Ends one service; gives its old process id."""
        pid = self.pids()[service]
        os.kill(pid, sig)
        return pid

    def wait_restarted(self, service, old_pid, seconds=20):
        return wait_until(
            lambda: self.pids().get(service) not in (None, old_pid), seconds, f"new {service}"
        )

    def interrupt(self, sig=signal.SIGINT, seconds=30):
        """Asks for an orderly end; gives the exit status."""
        self.process.send_signal(sig)
        return self.process.wait(seconds)

    def kill_all(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def check_data(self):
        """Every stored run against its history and its rows: state equals its rebuild."""
        checked = subprocess.run(
            [str(BIN / "gnomon-check"), str(self.folder / "data")],
            capture_output=True, text=True, timeout=120,
        )
        assert checked.returncode == 0, (
            f"gnomon-check ended with {checked.returncode}: {checked.stdout[-4000:]}{checked.stderr}"
        )
        return checked.stdout

    def stop(self):
        try:
            if self.process.poll() is None:
                status = self.interrupt()
                assert status == 0, f"gnomon-run ended with {status}\n{self.log_since(0)[-4000:]}"
                if os.environ.get("GNOMON_TEST_KEEP"):
                    shutil.copytree(self.folder / "data", os.environ["GNOMON_TEST_KEEP"], dirs_exist_ok=True)
                self.check_data()
        finally:
            self.kill_all()
            shutil.rmtree(self.folder, ignore_errors=True)


# -- clients and workers ------------------------------------------------------------------------


class _Recorder(Interceptor):
    """Notes every run that a client starts, so that its history is checked after the test."""

    def __init__(self, started):
        self.started = started

    def intercept_client(self, next):
        started = self.started

        class Outbound(OutboundInterceptor):
            async def start_workflow(self, input):
                handle = await super().start_workflow(input)
                started.append((handle.id, handle.first_execution_run_id or ""))
                return handle

        return Outbound(super().intercept_client(next))


class Session:
    """One test's view of the server: a client, workers, and what it started."""

    def __init__(self, server):
        self.server = server
        self.started = []
        self.client = None

    async def connect(self, **options):
        client = await Client.connect(
            self.server.address, namespace=NAMESPACE, interceptors=[_Recorder(self.started)], **options
        )
        self.client = self.client or client
        return client

    def worker(self, queue, workflows=(), activities=(), **options):
        options.setdefault("workflow_runner", UnsandboxedWorkflowRunner())
        options.setdefault("max_concurrent_activities", 100)
        return Worker(
            self.client, task_queue=queue, workflows=workflows, activities=activities, **options
        )

    async def events(self, workflow_id, run_id="", page_size=0):
        return await history_of(self.client, workflow_id, run_id, page_size)

    async def check_histories(self):
        for workflow_id, run_id in self.started:
            events = await self.events(workflow_id, run_id, page_size=7)
            history_checker.check(events, what=f"{workflow_id} {run_id}")


async def history_of(client, workflow_id, run_id="", page_size=0):
    request = GetWorkflowExecutionHistoryRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
        maximum_page_size=page_size,
    )
    events = []
    while True:
        response = await client.workflow_service.get_workflow_execution_history(request)
        events += response.history.events
        if not response.next_page_token:
            return events
        request.next_page_token = response.next_page_token


async def all_executions(client):
    request = ListWorkflowExecutionsRequest(namespace=client.namespace, page_size=100)
    while True:
        response = await client.workflow_service.list_workflow_executions(request)
        for info in response.executions:
            yield info
        if not response.next_page_token:
            return
        request.next_page_token = response.next_page_token


@contextlib.contextmanager
def raw_channel(address):
    """Calls with bytes of the test's own making: call(method, bytes) gives bytes."""
    with grpc.insecure_channel(
        address, options=[("grpc.max_send_message_length", 64 << 20)]
    ) as channel:

        def call(method, body, timeout=20, **options):
            return channel.unary_unary(method)(body, timeout=timeout, **options)

        yield call


# -- the temporal CLI ---------------------------------------------------------------------------


class Cli:
    def __init__(self, address):
        self.address = address

    def run(self, *words, ok=True, seconds=60):
        done = subprocess.run(
            [str(CLI), *words, "--address", self.address, "--color", "never"],
            capture_output=True,
            text=True,
            timeout=seconds,
            env={**os.environ, "TEMPORAL_CONFIG_FILE": "/nonexistent", "HOME": "/nonexistent"},
        )
        if ok:
            assert done.returncode == 0, f"temporal {words}: {done.stderr}\n{done.stdout}"
        else:
            assert done.returncode != 0, f"temporal {words} did not fail: {done.stdout}"
        return done.stdout if ok else done.stderr

    def json(self, *words):
        return json.loads(self.run(*words, "--output", "json"))
