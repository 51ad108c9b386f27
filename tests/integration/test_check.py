"""test_check.py - gnomon-check finds what is broken in stored data, and nothing else."""

import sqlite3

import pytest

import harness
from workflows import Plain

BREAKS = {
    "has no retention row": "delete from rows_main where substr(key, 2, 1) = x'52'",
    "it has no visibility row": "delete from rows_visibility",
    "has no current run": "delete from rows_main where substr(key, 2, 1) = x'43'",
    "illegal history": "delete from rows_main where substr(key, 2, 1) = x'4e' "
    "and key in (select min(key) from rows_main where substr(key, 2, 1) = x'4e' "
    "group by substr(key, 3, 16) having count(*) > 1)",
    "its visibility row can't be read": "update rows_visibility set value = x'00'",
    "its visibility row is not in the index": "delete from rows_visibility where length(key) > 49",
    "the counter of its status does not have it": "delete from rows_visibility where length(key) = 34",
    "a counter of executions has": "update rows_visibility set value = x'020000000000000009' where length(key) = 34",
    "there is no such run, but a history node": "delete from rows_main where substr(key, 2, 1) = x'58'",
    "its namespace is gone": "delete from namespaces",
}


def break_tables(folder, statement):
    """Run the statement on every shard, or the cluster store; it hits the one that holds the workflow."""
    hit = 0
    pattern = "cluster.db" if statement.endswith("namespaces") else "history-*.tables.db"
    for path in folder.glob(pattern):
        with sqlite3.connect(path) as db:
            hit += db.execute(statement).rowcount
    assert hit > 0


@pytest.mark.parametrize("problem", BREAKS)
async def test_damage_is_found(problem):
    cluster = harness.Cluster()
    try:
        session = harness.Session(cluster)
        await session.connect()
        queue = harness.unique("check")
        async with session.worker(queue, [Plain]):
            await session.client.execute_workflow(
                Plain.run, "x", id=harness.unique("check"), task_queue=queue
            )
        await session.client.start_workflow(
            Plain.run, "x", id=harness.unique("check"), task_queue=harness.unique("nobody")
        )
        assert cluster.interrupt() == 0
        assert "checked 2 runs (1 open)" in cluster.check_data()
        break_tables(cluster.folder / "data", BREAKS[problem])
        with pytest.raises(AssertionError, match=problem):
            cluster.check_data()
    finally:
        cluster.stop()
