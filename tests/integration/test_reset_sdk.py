"""test_reset_sdk.py - resets with the Python SDK's workers and the temporal CLI, and under kill -9 of history."""

import asyncio

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest

import workflows as w
from harness import NAMESPACE, eventually, unique
from history_checker import types_of
from test_cli import worker_thread  # noqa: F401


async def reset(session, workflow_id, event_id, run_id="", request_id=None):
    answer = await session.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=NAMESPACE,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
            reason="again",
            workflow_task_finish_event_id=event_id,
            request_id=request_id or unique("reset"),
        ),
        retry=True,
    )
    return answer.run_id


async def task_ends(session, workflow_id, run_id=""):
    return [
        e.event_id
        for e in await session.events(workflow_id, run_id)
        if e.HasField("workflow_task_completed_event_attributes")
    ]


@pytest.mark.seconds(60)
async def test_a_worker_replays_what_is_before_the_fork(session, queue):
    async with session.worker(queue, [w.Steps], [w.square]):
        handle = await session.client.start_workflow(
            w.Steps.run, args=[5, 4], id=queue, task_queue=queue
        )
        result = await handle.result()
        ends = await task_ends(session, queue)
        for event_id in ends:  # each reset replays, and comes to the same result
            run_id = await reset(session, queue, event_id, run_id=handle.first_execution_run_id)
            again = session.client.get_workflow_handle(queue, run_id=run_id)
            assert await again.result() == result
            types = types_of((await again.fetch_history()).events)
            assert "WorkflowTaskFailed" in types and types[-1] == "WorkflowExecutionCompleted"


@pytest.mark.seconds(60)
async def test_signals_come_again_to_a_cached_workflow(session, queue):
    async with session.worker(queue, [w.Collects]):
        handle = await session.client.start_workflow(w.Collects.run, id=queue, task_queue=queue)
        for word in ("a", "b", "c"):
            await handle.signal(w.Collects.add, word)
        assert await handle.query(w.Collects.items_now) == ["a", "b", "c"]
        await reset(session, queue, 4)
        current = session.client.get_workflow_handle(queue)
        assert await current.query(w.Collects.items_now) == ["a", "b", "c"]
        await current.signal(w.Collects.add, "d")
        await current.signal(w.Collects.finish)
        assert await current.result() == ["a", "b", "c", "d"]


@pytest.mark.seconds(240)
async def test_history_dies_amid_resets(session, own_server, queue):
    """A repeated request makes one run, whenever the process dies; nothing is torn."""
    async with session.worker(queue, [w.Collects], max_concurrent_workflow_tasks=50):
        handles = [
            await session.client.start_workflow(w.Collects.run, id=f"{queue}-{n}", task_queue=queue)
            for n in range(30)
        ]
        for handle in handles:
            await handle.signal(w.Collects.add, "kept")

        async def first_task_done(handle):
            return bool(await task_ends(session, handle.id))

        for handle in handles:
            await eventually(lambda h=handle: first_task_done(h), 60, "the first task")

        async def patiently(handle):
            request_id = unique("reset")
            for _ in range(100):
                try:
                    return await reset(
                        session, handle.id, 4, handle.first_execution_run_id, request_id
                    )
                except Exception:
                    await asyncio.sleep(0.2)
            raise AssertionError("never reset")

        resets = [asyncio.ensure_future(patiently(h)) for h in handles]
        await asyncio.sleep(0)
        for _ in range(2):
            old = own_server.kill("history")
            own_server.wait_restarted("history", old)
        runs = await asyncio.gather(*resets)
        for handle, run_id in zip(handles, runs):
            current = session.client.get_workflow_handle(handle.id)
            assert (await current.describe()).run_id == run_id
            await current.signal(w.Collects.finish)
            assert await current.result() == ["kept"]


@pytest.mark.seconds(120)
def test_the_cli_resets_by_type(cli, worker_thread):
    queue, name = worker_thread, unique("cli-reset")
    cli.run(
        "workflow", "start", "--type", "Collects", "--task-queue", queue, "--workflow-id", name
    )

    def signal(word, value=None):
        more = ["--input", f'"{value}"'] if value else []
        cli.run("workflow", "signal", "--workflow-id", name, "--name", word, *more)

    def items():
        found = cli.json("workflow", "query", "--workflow-id", name, "--type", "items_now")
        return found["queryResult"][0] or []

    def reset_by(*words):
        cli.run("workflow", "reset", "--workflow-id", name, "--reason", "why", *words)

    signal("add", "one")
    assert items() == ["one"]
    signal("add", "two")
    assert items() == ["one", "two"]
    reset_by("--type", "FirstWorkflowTask")
    assert items() == ["one", "two"]
    shown = cli.json("workflow", "show", "--workflow-id", name)["events"]
    assert sum(e["eventType"] == "EVENT_TYPE_WORKFLOW_TASK_FAILED" for e in shown) == 1
    reset_by("--type", "LastWorkflowTask")
    assert items() == ["one", "two"]
    reset_by("--event-id", "4", "--reapply-exclude", "Signal")
    assert items() == []
    signal("add", "three")
    assert items() == ["three"]
    described = cli.json("workflow", "describe", "--workflow-id", name)
    points = described["workflowExecutionInfo"]["autoResetPoints"]["points"]
    assert points[0]["resettable"] and points[0]["firstWorkflowTaskCompletedId"]
    reset_by("--event-id", points[0]["firstWorkflowTaskCompletedId"])  # as a batch does by build id
    assert items() == ["three"]
    signal("finish")
    found = cli.json("workflow", "result", "--workflow-id", name)
    assert found["status"] == "COMPLETED"
