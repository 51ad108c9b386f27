"""test_admin_many_shards.py - gnomon-admin where a cluster has more shards than SQLite attaches files."""

import harness
from test_admin import admin, connect, sql, wait_stopped
from workflows import Plain

SHARDS = 64


def look(cluster, ids):
    assert len(admin(cluster, "shard", "list").splitlines()) > SHARDS
    shown = sql(cluster, "select shard, json -> 'execution' ->> 'workflowId' from visibility")
    assert sorted(name for _, name in shown) == sorted(ids)
    spread = {int(shard) for shard, _ in shown}
    assert len(spread) > 10 and max(spread) > 10, spread  # 100 ids over 64 shards
    some = max(spread)
    here = [name for shard, name in shown if int(shard) == some]
    found = sql(cluster, f"select json ->> 'workflow_id' from rows where kind = 'execution' and shard = {some}")
    assert sorted(found) == sorted([name] for name in here)
    (runs, shards), = sql(cluster, "select count(*), count(distinct shard) from rows where kind = 'execution'")
    assert (runs, int(shards)) == ("100", len(spread))
    assert "checked 100 runs (100 open)" in admin(cluster, "verify")


async def test_every_shard_is_seen():
    cluster = harness.Cluster(environment={"GNOMON_HISTORY_SHARDS": str(SHARDS)})
    try:
        session = await connect(cluster)
        ids = [harness.unique("many") for _ in range(100)]
        for name in ids:
            await session.client.start_workflow(Plain.run, "x", id=name, task_queue="nobody")
        look(cluster, ids)
        admin(cluster, "backup", cluster.folder / "backup")
        cluster.process.kill()
        cluster.process.wait(10)
        wait_stopped(cluster)
        look(cluster, ids)
    finally:
        cluster.stop()
