"""test_task_queue_describe.py - what an operator is told of a task queue: its backlog, its rates, its pollers."""

import asyncio

from temporalio.api.enums.v1 import DescribeTaskQueueMode, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue, TaskQueueVersionSelection
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, PollWorkflowTaskQueueRequest

import workflows as w
from harness import NAMESPACE, eventually

WORKFLOW = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
ACTIVITY = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
NEXUS = TaskQueueType.TASK_QUEUE_TYPE_NEXUS
ENHANCED = DescribeTaskQueueMode.DESCRIBE_TASK_QUEUE_MODE_ENHANCED
MANY = 1300  # more than matching keeps of one queue


async def describe(session, queue, **more):
    return await session.client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(namespace=NAMESPACE, task_queue=TaskQueue(name=queue), **more)
    )


async def backlog(session, queue):
    return (await describe(session, queue, task_queue_type=WORKFLOW, report_stats=True)).stats


async def start_many(session, queue, count):
    gate = asyncio.Semaphore(100)

    async def one(n):
        async with gate:
            await session.client.start_workflow(w.Steps.run, args=[n, 0], id=f"{queue}-{n}", task_queue=queue)

    await asyncio.gather(*(one(n) for n in range(count)))


async def poll(session, queue):
    return await session.client.workflow_service.poll_workflow_task_queue(
        PollWorkflowTaskQueueRequest(namespace=NAMESPACE, task_queue=TaskQueue(name=queue), identity="poller")
    )


async def test_a_small_backlog(session, queue):
    await start_many(session, queue, 3)
    stats = await backlog(session, queue)
    assert stats.approximate_backlog_count == 3
    assert stats.approximate_backlog_age.ToNanoseconds() > 0
    found = await describe(session, queue, task_queue_type=WORKFLOW, report_stats=True, include_task_queue_status=True)
    assert found.stats_by_priority_key[3].approximate_backlog_count == 3
    assert found.task_queue_status.backlog_count_hint == 3
    assert found.stats.tasks_add_rate > 0
    assert not found.HasField("config") and found.versioning_info.current_version == "__unversioned__"
    assert not (await describe(session, queue, task_queue_type=WORKFLOW)).HasField("stats")

    assert (await poll(session, queue)).task_token
    found = await describe(session, queue, task_queue_type=WORKFLOW, report_stats=True)
    assert found.stats.approximate_backlog_count == 2 and found.stats.tasks_dispatch_rate > 0
    assert [p.identity for p in found.pollers] == ["poller"]
    other = await describe(session, queue, task_queue_type=ACTIVITY, report_stats=True)
    assert other.stats.approximate_backlog_count == 0 and not other.pollers
    nexus = await describe(session, queue, task_queue_type=NEXUS, report_stats=True, include_task_queue_status=True)
    assert nexus.stats.approximate_backlog_count == 0 and not nexus.pollers and not nexus.stats.tasks_add_rate


async def test_the_old_way_to_ask(session, queue):
    await start_many(session, queue, 2)
    assert (await poll(session, queue)).task_token
    found = await describe(
        session, queue, api_mode=ENHANCED, report_stats=True, report_pollers=True, report_task_reachability=True
    )
    assert list(found.versions_info) == [""]
    info = found.versions_info[""]
    assert sorted(info.types_info) == [WORKFLOW, ACTIVITY] and info.task_reachability == 1
    assert info.types_info[WORKFLOW].stats.approximate_backlog_count == 1
    assert [p.identity for p in info.types_info[WORKFLOW].pollers] == ["poller"]
    found = await describe(
        session,
        queue,
        api_mode=ENHANCED,
        report_stats=True,
        task_queue_types=[WORKFLOW],
        versions=TaskQueueVersionSelection(build_ids=["x"], unversioned=True),
    )
    assert sorted(found.versions_info) == ["", "x"]
    assert list(found.versions_info["x"].types_info) == [WORKFLOW]
    assert found.versions_info["x"].types_info[WORKFLOW].stats.approximate_backlog_count == 0


async def test_a_backlog_beyond_the_window_is_counted_exactly(session, own_server, queue):
    await start_many(session, queue, MANY)
    assert (await backlog(session, queue)).approximate_backlog_count == MANY
    for service in "matching", "history":
        old = own_server.kill(service)
        own_server.wait_restarted(service, old)
        assert (await backlog(session, queue)).approximate_backlog_count == MANY
    for _ in range(10):
        assert (await poll(session, queue)).task_token

    async def counted():
        return (await backlog(session, queue)).approximate_backlog_count == MANY - 10

    await eventually(counted, 10, "ten tasks are gone")


async def test_the_cli_describes(session, queue, cli):
    await start_many(session, queue, 2)
    assert (await poll(session, queue)).task_token
    text = cli.run("task-queue", "describe", "--task-queue", queue)
    assert "poller" in text, text
    found = cli.json("task-queue", "describe", "--task-queue", queue)
    assert "poller" in str(found), found
    cli.run("task-queue", "config", "set", "--task-queue", queue, "--task-queue-type", "activity",
            "--queue-rps-limit", "5", "--queue-rps-limit-reason", "slow")  # fmt: skip
    found = cli.json("task-queue", "config", "get", "--task-queue", queue, "--task-queue-type", "activity")
    assert "slow" in str(found) and "5" in str(found), found
