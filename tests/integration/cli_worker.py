"""cli_worker.py - a worker beside the blocking calls of the command line, one for all tests of a file."""

import asyncio
import contextlib
import threading
from datetime import timedelta

import pytest
from temporalio import activity
from temporalio.runtime import Runtime, TelemetryConfig

import child_workflows as c
import update_workflows as u
import workflows as w
from harness import Session, unique, wait_until

WORKFLOWS = [
    w.Activity, w.Collects, w.CountsDown, w.Fails, w.Hello, w.Plain, w.Sleeps, w.WaitsForEver,
    u.Counter, c.Child, c.Parent,
]  # fmt: skip
IDENTITY = "the-cli-worker"


@activity.defn
async def always_fails() -> None:
    raise RuntimeError("no luck")


@contextlib.contextmanager
def running(server):
    """Gives the worker's task queue."""
    queue = unique("cli")
    ready, stop = threading.Event(), threading.Event()
    failure = []

    async def main():
        session = Session(server)
        beats = Runtime(telemetry=TelemetryConfig(), worker_heartbeat_interval=timedelta(seconds=1))
        await session.connect(runtime=beats)
        async with session.worker(queue, WORKFLOWS, [w.greet, w.hang, always_fails], identity=IDENTITY):
            ready.set()
            while not stop.is_set():
                await asyncio.sleep(0.05)

    def run():
        try:
            asyncio.run(main())
        except Exception as error:  # told by the test's thread
            failure.append(error)
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(30) and not failure, failure
        yield queue
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive() and not failure, failure


@pytest.fixture(scope="module")
def worker(server):
    with running(server) as queue:
        yield queue


class Workflows:
    """`temporal workflow` about one execution after the other."""

    def __init__(self, cli, queue):
        self.cli, self.queue = cli, queue

    def start(self, kind, *words, workflow_id=None):
        workflow_id = workflow_id or unique("cli")
        self.cli.run("workflow", "start", "--type", kind, "-t", self.queue, "-w", workflow_id, *words)
        return workflow_id

    def json(self, verb, workflow_id, *words):
        return self.cli.json("workflow", *verb.split(), "-w", workflow_id, *words)

    def text(self, verb, workflow_id, *words, ok=True):
        return self.cli.run("workflow", *verb.split(), "-w", workflow_id, *words, ok=ok)

    def refused(self, verb, workflow_id, *words):
        """What is said of it, without the time and the level."""
        return self.text(verb, workflow_id, *words, ok=False).partition("msg=")[2].strip().strip('"')

    def info(self, workflow_id):
        return self.json("describe", workflow_id)["workflowExecutionInfo"]

    def status(self, workflow_id):
        return self.info(workflow_id)["status"].removeprefix("WORKFLOW_EXECUTION_STATUS_")

    def types(self, workflow_id):
        events = self.json("show", workflow_id)["events"]
        return [event["eventType"].removeprefix("EVENT_TYPE_") for event in events]

    def await_event(self, workflow_id, kind):
        wait_until(lambda: kind in self.types(workflow_id), 20, f"{kind} in the history of {workflow_id}")

    def await_status(self, workflow_id, status):
        wait_until(lambda: self.status(workflow_id) == status, 20, f"{workflow_id} is {status}")


@pytest.fixture
def workflows(cli, worker):
    return Workflows(cli, worker)


def fields(text):
    """The lines "Name  value" of a text answer, by name."""
    split = (line.strip().split(None, 1) for line in text.splitlines())
    return {words[0]: words[1] for words in split if len(words) == 2}


def rows(text):
    """The lines of a table, as lists of words; its headline first."""
    return [line.split() for line in text.splitlines() if line.strip()]
