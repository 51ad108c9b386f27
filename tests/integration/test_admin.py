"""test_admin.py - gnomon-admin: every command on a cluster that runs and on one that is stopped; backups."""

import json
import shutil
import signal
import sqlite3
import subprocess
from datetime import timedelta

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest

import harness
from workflows import Plain

ADMIN = harness.BIN / "gnomon-admin"


def run(cluster, *words, data=None):
    environment = {**cluster.environment, "GNOMON_DATA_DIR": str(data or cluster.folder / "data")}
    if data:
        environment["GNOMON_RUN_DIR"] = str(data.parent / (data.name + "-run"))
    return subprocess.run(
        [str(ADMIN), *map(str, words)], env=environment, capture_output=True, text=True, timeout=120
    )


def admin(cluster, *words, status=0, data=None):
    """Its stdout, or, when it is to end with another status than 0, both outputs."""
    done = run(cluster, *words, data=data)
    assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout if status == 0 else done.stdout + done.stderr


def wait_stopped(cluster):
    """Of a killed supervisor's processes, some live for a moment."""

    def alone():
        done = run(cluster, "shard", "describe", 0)
        return done.returncode == 0 and "owner: none" in done.stdout

    harness.wait_until(alone, 20, "all processes ended")


def sql(cluster, statement):
    """The rows without their head, a list of columns each."""
    return [line.split("\t") for line in admin(cluster, "sql", statement).splitlines()[1:]]


@pytest.fixture
def own():
    cluster = harness.Cluster()
    try:
        yield cluster
    finally:
        cluster.stop()


async def connect(cluster):
    session = harness.Session(cluster)
    await session.connect()
    return session


async def run_some(session):
    """One workflow that is over and one that waits for a worker; gives their ids and the latter's queue."""
    queue, nobody = harness.unique("admin"), harness.unique("nobody")
    done, waits = harness.unique("done"), harness.unique("waits")
    async with session.worker(queue, [Plain]):
        await session.client.execute_workflow(Plain.run, "x", id=done, task_queue=queue)
    await session.client.start_workflow(Plain.run, "x", id=waits, task_queue=nobody)
    return done, waits, nobody


def look_around(cluster, done, waits, queue):
    """What every command says of these two, whether the cluster runs or not."""
    assert len(admin(cluster, "shard", "list").splitlines()) == 5
    described = "".join(admin(cluster, "shard", "describe", n) for n in range(4))
    assert described.count("rows execution: ") >= 1 and "rows retention: 1" in described

    state = json.loads(admin(cluster, "workflow", "describe", waits))
    assert state["fields"]["workflow_id"] == waits
    assert state["fields"]["task_queue"] == queue
    assert state["fields"]["wft.state"] == 1 and state["fields"]["wft.row_seq"] > 0
    assert state["activities"] == [] and state["timers"] == []
    closed = json.loads(admin(cluster, "workflow", "describe", done))
    assert closed["fields"]["close_ns"] > closed["fields"]["start_ns"] > 0
    run_id = closed["fields"]["run_id"]
    assert json.loads(admin(cluster, "workflow", "describe", done, "--run-id", run_id)) == closed

    assert "checked 1 runs (1 open)" in admin(cluster, "workflow", "verify", waits)
    assert "checked 2 runs (1 open)" in admin(cluster, "verify")
    (task,) = map(json.loads, admin(cluster, "task", "list", queue).splitlines())
    assert (task["workflow_id"], task["kind"], task["attempt"]) == (waits, "workflow", 1)
    assert admin(cluster, "task", "list", queue, "--kind", "activity") == ""

    assert sql(cluster, "select count(*) from rows where kind = 'execution'") == [["2"]]
    found = sql(cluster, f"select json from rows where kind = 'execution' and run_id = '{run_id}'")
    assert json.loads(found[0][0]) == closed["fields"]
    shown = [json.loads(json_) for (json_,) in sql(cluster, "select json from visibility")]
    assert sorted(info["execution"]["workflowId"] for info in shown) == sorted([done, waits])
    events = sql(
        cluster,
        "select event.value ->> 'eventType' from rows, json_each(rows.json, '$.events') as event"
        f" where kind = 'history node' and run_id = '{run_id}' order by rows.key, event.key",
    )
    assert events[0] == ["EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"]
    assert events[-1] == ["EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED"]


def placement(cluster):
    with sqlite3.connect(cluster.folder / "data" / "cluster.db") as db:
        return db.execute("select leader, term, version from placement").fetchall()


def members(cluster):
    """Role, shards, state of each process."""
    header, *lines = (line.split() for line in admin(cluster, "member", "list").splitlines())
    assert header == ["role", "process", "shards", "state", "address"]
    return [(role, int(shards), state) for role, _, shards, state, _ in lines]


def test_members_are_who_runs():
    cluster = harness.Cluster(replicas={"history": 2})
    try:

        def even():
            found = members(cluster)
            return [s for role, s, _ in found if role == "history"] == [2, 2] and found

        found = harness.wait_until(even, 20, "the shards are spread")
        assert [role for role, _, _ in found] == ["frontend", "history", "history", "matching", "timers"]
        assert [state for _, _, state in found].count("leader") == 1
        owners = {line.split()[1] for line in admin(cluster, "shard", "list").splitlines()[1:]}
        listed = [line.split() for line in admin(cluster, "member", "list").splitlines()]
        assert owners == {words[1] for words in listed if words[0] == "history"}
        cluster.kill(next(name for name in cluster.pids() if name.startswith("history")))

        def replaced():
            now = {line.split()[1] for line in admin(cluster, "member", "list").splitlines()[1:]}
            return now - {words[1] for words in listed} and even()

        harness.wait_until(replaced, 20, "another process has the shards of the one killed")
        assert cluster.interrupt() == 0
        assert "stopped" in admin(cluster, "member", "list", status=2)
    finally:
        cluster.stop()


async def test_every_command_looks_at_what_was_acknowledged(own):
    cluster, session = own, await connect(own)
    names = await run_some(session)
    placed = placement(cluster)
    look_around(cluster, *names)
    assert placement(cluster) == placed, "a tool has no part in the assignment"
    assert "durable_seq: " in admin(cluster, "shard", "describe", 0)
    await session.client.start_workflow(Plain.run, "x", id="just now", task_queue="nobody at all")
    assert "checked 3 runs (2 open)" in admin(cluster, "verify")
    await session.client.get_workflow_handle("just now").terminate()
    assert cluster.interrupt() == 0


async def test_every_command_looks_into_a_stopped_cluster(own):
    cluster, session = own, await connect(own)
    names = await run_some(session)
    cluster.process.kill()  # and so its services: nothing was flushed
    cluster.process.wait(10)
    wait_stopped(cluster)
    look_around(cluster, *names)


def test_what_it_refuses(own):
    cluster = own
    for statement, problem in (
        ("delete from shard_rows", "may not be modified"),
        ("update shard_rows set value = x''", "may not be modified"),
        ("create table mine(x)", "not authorized"),
        ("pragma user_version = 7", "not authorized"),
        ("attach '/tmp/x' as x", "not authorized"),
        ("begin", "not authorized"),
        ("select load_extension('x')", "not authorized"),
        ("select 1; select 2", "only one statement"),
        ("", "one SELECT"),
        ("select x from nowhere", "no such table"),
        (
            "with recursive n(x) as (select 1 union all select x + 1 from n limit 100)"
            " select group_concat(hex(zeroblob(500000))) from n",
            "too big",
        ),
        ("select length(zeroblob(1000000000))", "too big"),
        ("vacuum into '/tmp/gnomon-never-made'", "one SELECT"),
        ("select * from pragma_database_list", "not authorized"),
    ):
        assert problem in admin(cluster, "sql", statement, status=2), statement
    for words, problem in (
        (("workflow", "describe", "unknown"), "not found"),
        (("workflow", "describe", "unknown", "--run-id", "x"), "no run id"),
        (("workflow", "describe", "unknown", "--namespace", "x"), "namespace x"),
        (("shard", "describe", "4"), "shards are 0 to 3"),
        (("shard", "describe"), "usage"),
        (("task", "list", "q", "--kind", "x"), "--kind"),
        (("verify", "--now"), "not understood"),
        (("nonsense",), "usage"),
        (("restore", "/nowhere"), "--to"),
        (("restore", "/nowhere", "--to", cluster.folder / "x"), "no whole backup"),
    ):
        assert problem in admin(cluster, *words, status=2), words
    missing = cluster.folder / "missing"
    assert "is no cluster's data" in admin(cluster, "verify", status=2, data=missing)
    assert not missing.exists()


def test_a_query_without_end_is_stopped(own):
    endless = "with recursive n(x) as (select 1 union all select x + 1 from n) select x from n"
    with subprocess.Popen(
        [str(ADMIN), "sql", endless], env=own.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as tool:
        assert tool.stdout.readline() == b"x\n" and tool.stdout.readline() == b"1\n"
        tool.send_signal(signal.SIGINT)
        tool.stdout.read()
        assert tool.wait(10) == -signal.SIGINT
    with subprocess.Popen(
        [str(ADMIN), "sql", endless], env=own.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as tool:
        tool.stdout.readline()
        tool.stdout.close()  # as of a pager that was left
        assert b"cannot write" in tool.stderr.read() and tool.wait(10) == 2
    assert sql(own, "select 1") == [["1"]]


# -- deletion -----------------------------------------------------------------------------------


ORPHANS = (
    "a history node",
    "a task row",
    "a workflow id's current run",
    "a deadline row",
    "a visibility row",
    "a pending item",
)


async def test_a_deleted_workflow_leaves_nothing(own):
    cluster, session = own, await connect(own)
    done, waits, _ = await run_some(session)
    for workflow_id in (done, waits):
        await session.client.workflow_service.delete_workflow_execution(
            DeleteWorkflowExecutionRequest(
                namespace=harness.NAMESPACE, workflow_execution=WorkflowExecution(workflow_id=workflow_id)
            )
        )
    left = "select kind, count(*) from rows where kind not in ('clock', 'lease of another shard') group by 1"
    harness.wait_until(lambda: sql(cluster, left) == [], 20, "all rows are gone")
    assert sql(cluster, "select count(*) from visibility") == [["0"]]
    assert "checked 0 runs (0 open), 0 events, 0 deletions under way: 0 problems" in admin(cluster, "verify")


async def test_rows_without_a_run_are_told():
    cluster = harness.Cluster()
    try:
        session = await connect(cluster)
        handle = await session.client.start_workflow(
            Plain.run, "x", id="orphan", task_queue="nobody", execution_timeout=timedelta(hours=1)
        )
        await handle.signal("any", "x")
        assert cluster.interrupt() == 0
        for path in (cluster.folder / "data").glob("history-*.tables.db"):
            with sqlite3.connect(path) as db:
                db.execute("delete from rows_main where substr(key, 2, 1) = x'58'")
        told = admin(cluster, "verify", status=1)
        for problem in ORPHANS:
            assert f"there is no such run, but {problem}" in told, told
    finally:
        cluster.kill_all()
        shutil.rmtree(cluster.folder, ignore_errors=True)


def change_tables(cluster, statement, change=None):
    """Run it on every shard of a stopped cluster: a statement, or on the value of each row that a SELECT gives."""
    hit = 0
    for path in (cluster.folder / "data").glob("history-*.tables.db"):
        with sqlite3.connect(path) as db:
            if not change:
                hit += db.execute(statement).rowcount
                continue
            for key, value in db.execute(statement).fetchall():
                hit += db.execute("update rows_main set value = ? where key = ?", (change(value), key)).rowcount
    assert hit > 0, statement


async def test_a_damaged_run_is_repaired_from_its_history(own):
    cluster, session = own, await connect(own)
    done, waits, nobody = await run_some(session)
    await session.client.start_workflow(
        Plain.run, "x", id="timed", task_queue="nobody", execution_timeout=timedelta(hours=1)
    )
    assert "what the history says" in admin(cluster, "rebuild", waits)
    assert "stop it before a repair" in admin(cluster, "rebuild", waits, "--repair", status=2)
    assert cluster.interrupt() == 0

    executions = "select key, value from rows_main where substr(key, 2, 1) = x'58'"
    change_tables(cluster, executions, lambda value: value.replace(b"Plain", b"Plane"))
    change_tables(cluster, "update rows_visibility set value = x'00' where length(key) = 49")
    change_tables(cluster, "delete from rows_main where substr(key, 2, 1) in (x'43', x'44', x'52')")
    ids = (done, waits, "timed")
    for workflow_id, run_id in [(i, r) for r in run_ids(cluster) for i in ids if is_run_of(cluster, i, r)]:
        named = (workflow_id, "--run-id", run_id)
        assert 'workflow_type: 5 bytes "Plane", 5 bytes "Plain"' in admin(cluster, "rebuild", *named, status=1)
        assert "state and events differ" in admin(cluster, "workflow", "verify", *named, status=1)
        assert ": 0 problems" in admin(cluster, "rebuild", *named, "--repair")
        assert "what the history says" in admin(cluster, "rebuild", *named)
    # A closed run may be without a current run: its successor may have been deleted.
    assert "checked 3 runs (2 open)" in admin(cluster, "verify")

    cluster.start()
    cluster.wait_ready()
    session = await connect(cluster)
    shown = [info async for info in harness.all_executions(session.client)]
    assert sorted(info.execution.workflow_id for info in shown) == sorted(ids)
    assert {info.type.name for info in shown} == {"Plain"}
    for query, count in (('WorkflowType = "Plain"', 3), ('ExecutionStatus = "Running"', 2), ('WorkflowType = "Plane"', 0)):
        assert (await session.client.count_workflows(query)).count == count, query
    async with session.worker(nobody, [Plain]):
        assert await session.client.get_workflow_handle(waits).result() == "x"


def run_ids(cluster):
    return [run_id for (run_id,) in sql(cluster, "select run_id from rows where kind = 'execution'")]


def is_run_of(cluster, workflow_id, run_id):
    statement = f"select json ->> 'workflow_id' from rows where kind = 'execution' and run_id = '{run_id}'"
    return sql(cluster, statement) == [[workflow_id]]
