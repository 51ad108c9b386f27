#!/usr/bin/env python3
"""run.py - `make bench BENCH=--visibility`: lists and counts of many executions, and their times.

    run.py --out build/release [--closed 10000000] [--open 100000] [--reads 10000] [--data FOLDER]

Starts a cluster for its namespace and attributes, stops it, fills its shards with gnomon-vis-load,
starts it again, asks for the first page of each filter, and for counts, fifty times each; then
starts, ends and looks for workflows while others ask, to see that every read sees what was written
before it. Exit status 1: a bound is missed, or a read is behind. `--data`: keep what is loaded there,
and take it from there.
"""
import argparse
import asyncio
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import run as bench  # noqa: E402

from temporalio.api.common.v1 import WorkflowExecution, WorkflowType  # noqa: E402
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest  # noqa: E402
from temporalio.api.taskqueue.v1 import TaskQueue  # noqa: E402
from temporalio.api.workflowservice.v1 import (  # noqa: E402
    CountWorkflowExecutionsRequest,
    DescribeNamespaceRequest,
    ListWorkflowExecutionsRequest,
    StartWorkflowExecutionRequest,
    TerminateWorkflowExecutionRequest,
)
from temporalio.client import Client  # noqa: E402
from temporalio.service import RPCError, RPCStatusCode  # noqa: E402

PAGE_MS = 50
COUNT_MS = 5
SHARDS = 4
FIRST_START = 1700000000

PAGES = {
    "all": "",
    "open": "ExecutionStatus = 'Running'",
    "closed": "ExecutionStatus != 'Running'",
    "completed": "ExecutionStatus = 'Completed'",
    "failed": "ExecutionStatus = 'Failed'",
    "one of 100 types": "WorkflowType = 'Type-7'",
    "type, half of all": "WorkflowType = 'Type-0'",
    "type: in": "WorkflowType IN ('Type-3', 'Type-5', 'Type-8')",
    "type: begins with": "WorkflowType STARTS_WITH 'Type-9'",
    "no such type": "WorkflowType = 'Nothing'",
    "id": "WorkflowId = 'order-000001234'",
    "nobody's id": "WorkflowId = 'order-nobody'",
    "id: begins with": "WorkflowId STARTS_WITH 'order-00001'",
    "type and failed": "WorkflowType = 'Type-0' AND ExecutionStatus = 'Failed'",
    "type and open": "WorkflowType = 'Type-7' AND ExecutionStatus = 'Running'",
    "type and completed": "WorkflowType = 'Type-7' AND ExecutionStatus = 'Completed'",
    "keyword": "BenchCustomer = 'customer-77'",
    "keyword and type": "WorkflowType = 'Type-0' AND BenchCustomer = 'customer-77'",
    "keyword and completed": "ExecutionStatus = 'Completed' AND BenchCustomer = 'customer-77'",
    "keyword: or": "BenchCustomer = 'customer-5' OR BenchCustomer = 'customer-6'",
    "keyword or id": "BenchCustomer = 'customer-5' OR WorkflowId = 'order-000001234'",
    "int in a range": "BenchAmount BETWEEN 5000 AND 5010",
    "int in a wide range": "BenchAmount > 500000",
    "not": "NOT WorkflowType = 'Type-0'",
    "start time, a second": "StartTime BETWEEN '2023-11-14T22:30:00Z' AND '2023-11-14T22:30:01Z'",
    "start time, ten minutes": "StartTime BETWEEN '2023-11-14T22:30:00Z' AND '2023-11-14T22:40:00Z'",
    "start time, before": "StartTime < '2023-11-14T22:14:00Z'",
    "start time, since": "StartTime > '2023-11-14T22:40:00Z'",
    "start time and type":
        "WorkflowType = 'Type-7' AND StartTime BETWEEN '2023-11-14T22:30:00Z' AND '2023-11-14T22:31:00Z'",
    "start time and failed":
        "ExecutionStatus = 'Failed' AND StartTime BETWEEN '2023-11-14T22:30:00Z' AND '2023-11-14T22:31:00Z'",
    "close time": "CloseTime BETWEEN '2023-11-14T22:30:00Z' AND '2023-11-14T22:31:00Z'",
    "execution time":
        "ExecutionTime BETWEEN '2023-11-14T22:30:00Z' AND '2023-11-14T22:30:10Z'",
}
COUNTS = {
    "all": "",
    "running": "ExecutionStatus = 'Running'",
    "completed": "ExecutionStatus = 'Completed'",
    "by status": "GROUP BY ExecutionStatus",
}
OTHER_COUNTS = {
    "failed of a type": "WorkflowType = 'Type-0' AND ExecutionStatus = 'Failed'",
    "of a customer": "BenchCustomer = 'customer-77'",
    "of a type": "WorkflowType = 'Type-7'",
    "of an amount or more": "BenchAmount >= 999000",
    "of a minute": "StartTime BETWEEN '2023-11-14T22:30:00Z' AND '2023-11-14T22:31:00Z'",
    "by type, of a second":
        "StartTime BETWEEN '2023-11-14T22:30:00Z' AND '2023-11-14T22:30:01Z' GROUP BY ExecutionStatus",
}


def start(out, folder, port):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GNOMON_")}
    environment.update(GNOMON_DATA_DIR=str(folder / "data"), GNOMON_RUN_DIR=str(folder / "run"),
                       GNOMON_HISTORY_SHARDS=str(SHARDS), GNOMON_FRONTEND_PORT=str(port),
                       GNOMON_FRONTEND_HTTP_PORT="0", GNOMON_UI_PORT="0", GNOMON_LOG_LEVEL="warn")
    for service in ("FRONTEND", "HISTORY", "MATCHING", "TIMERS"):
        environment[f"GNOMON_{service}_METRICS_PORT"] = "0"
    rates = folder / "dynamic.yaml"
    rates.write_text("".join(f"{key}: [{{value: 1000000}}]\n" for key in bench.RATES))
    environment["DYNAMIC_CONFIG_FILE_PATH"] = str(rates)
    process = subprocess.Popen([str(out / "gnomon-run")], env=environment,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    bench.wait_for_port(port, process, "gnomon-run")
    return process


async def prepare(port):
    client = await Client.connect(f"127.0.0.1:{port}")
    await client.operator_service.add_search_attributes(AddSearchAttributesRequest(
        namespace="default", search_attributes={"BenchCustomer": 2, "BenchAmount": 3}))
    described = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace="default"))
    return described.namespace_info.id


def list_request(query, size=20):
    return ListWorkflowExecutionsRequest(namespace="default", query=query, page_size=size)


async def timed(what, call, times):
    """The first answer's time, p50 and p99 of the others, in ms; and the last answer."""
    took = []
    for _ in range(times + 1):
        began = time.perf_counter()
        answer = await call()
        took.append((time.perf_counter() - began) * 1000)
    others = sorted(took[1:])
    return took[0], others[len(others) // 2], others[int(len(others) * 0.99)], answer


async def ask(client, times):
    missed = 0
    service = client.workflow_service
    print(f"{'pages of 20':32}{'first':>9}{'p50 ms':>9}{'p99 ms':>9}  rows")
    for what, query in PAGES.items():
        first, p50, p99, answer = await timed(
            what, lambda q=query: service.list_workflow_executions(list_request(q)), times)
        missed += p50 >= PAGE_MS
        print(f"  {what:30}{first:9.1f}{p50:9.2f}{p99:9.2f}  {len(answer.executions)}", flush=True)
    print("counts")
    for table, bound in ((COUNTS, COUNT_MS), (OTHER_COUNTS, None)):
        for what, query in table.items():
            first, p50, p99, answer = await timed(
                what, lambda q=query: service.count_workflow_executions(
                    CountWorkflowExecutionsRequest(namespace="default", query=q)), times)
            missed += bound is not None and p50 >= bound
            print(f"  {what:30}{first:9.1f}{p50:9.2f}{p99:9.2f}  {answer.count}", flush=True)
    return missed


async def see_own_writes(client, reads):
    """Start, look, end, look; while somebody else reads."""
    service = client.workflow_service
    stop = asyncio.Event()
    behind = 0

    async def noise():
        while not stop.is_set():
            await service.list_workflow_executions(list_request("WorkflowType = 'Type-3'"))

    async def ids_of(query):
        answer = await service.list_workflow_executions(list_request(query))
        return [e.execution.workflow_id for e in answer.executions]

    others = [asyncio.create_task(noise()) for _ in range(4)]
    for i in range(reads // 2):
        name = f"own-{os.getpid()}-{i}"
        await service.start_workflow_execution(StartWorkflowExecutionRequest(
            namespace="default", workflow_id=name, request_id=name, identity="bench",
            workflow_type=WorkflowType(name=f"Own-{i % 10}"), task_queue=TaskQueue(name="own")))
        query = f"WorkflowId = '{name}' AND WorkflowType = 'Own-{i % 10}'"
        behind += await ids_of(query + " AND ExecutionStatus = 'Running'") != [name]
        await service.terminate_workflow_execution(TerminateWorkflowExecutionRequest(
            namespace="default", workflow_execution=WorkflowExecution(workflow_id=name)))
        behind += await ids_of(query + " AND ExecutionStatus = 'Terminated'") != [name]
    stop.set()
    await asyncio.gather(*others)
    print(f"reads after writes: {reads}, behind: {behind}")
    return behind


async def wait_for_shards(client):
    """A large store takes a moment to open."""
    deadline = time.monotonic() + bench.READY_S
    while True:
        try:
            return await client.workflow_service.list_workflow_executions(list_request(""))
        except RPCError as error:
            if error.status != RPCStatusCode.UNAVAILABLE or time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.1)


async def measure(port, times, reads):
    client = await Client.connect(f"127.0.0.1:{port}")
    await wait_for_shards(client)
    missed = await ask(client, times)
    return missed + await see_own_writes(client, reads)


def load(options, folder, port):
    folder.mkdir(exist_ok=True)
    process = start(options.out, folder, port)
    try:
        namespace_id = asyncio.run(prepare(port))
    finally:
        bench.stop(process)
    began = time.monotonic()
    subprocess.run([str(options.out / "tests/bench/gnomon-vis-load"), str(folder / "data"),
                    str(SHARDS), namespace_id, str(options.closed), str(options.open)], check=True)
    size = sum(f.stat().st_size for f in (folder / "data").iterdir()) / 1e9
    print(f"{options.closed} closed and {options.open} open executions loaded in "
          f"{time.monotonic() - began:.0f} s, {size:.2f} GB", flush=True)
    (folder / "loaded").touch()


def peak_mb(process, name):
    """The most memory that a child of gnomon-run had."""
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for child in map(int, children):
        status = dict(line.split(":", 1) for line in
                      pathlib.Path(f"/proc/{child}/status").read_text().splitlines())
        if name.startswith(status["Name"].strip()):
            return int(status["VmHWM"].split()[0]) / 1024
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--closed", type=int, default=10000000)
    parser.add_argument("--open", type=int, default=100000)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--reads", type=int, default=10000)
    parser.add_argument("--data", type=pathlib.Path)
    options = parser.parse_args()
    folder = options.data or pathlib.Path(
        tempfile.mkdtemp(prefix="gnomon-vis-", dir=os.environ.get("TMPDIR")))
    process = None
    try:
        port = bench.free_port()
        if not (folder / "loaded").exists():
            load(options, folder, port)
        process = start(options.out, folder, port)
        missed = asyncio.run(measure(port, options.times, options.reads))
        print(f"memory of history, at most: {peak_mb(process, 'gnomon-history'):.0f} MB")
    finally:
        if process:
            bench.stop(process)
        if not options.data:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
