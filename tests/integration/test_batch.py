"""test_batch.py - batch operations: each kind of them, by filter and by list; what is told of them; what may not
be asked for; and that a job goes on where it was when its process dies."""

import asyncio

import pytest
from temporalio.api.batch.v1 import (
    BatchOperationCancellation,
    BatchOperationDeletion,
    BatchOperationReset,
    BatchOperationResetActivities,
    BatchOperationSignal,
    BatchOperationTermination,
    BatchOperationUnpauseActivities,
    BatchOperationUpdateActivityOptions,
    BatchOperationUpdateWorkflowExecutionOptions,
)
from temporalio.api.common.v1 import ResetOptions, WorkflowExecution
from temporalio.api.enums.v1 import BatchOperationState, BatchOperationType, ResetType
from temporalio.api.workflowservice.v1 import (
    DescribeBatchOperationRequest,
    ListBatchOperationsRequest,
    PauseActivityRequest,
    StartBatchOperationRequest,
    StopBatchOperationRequest,
)
from temporalio.service import RPCError, RPCStatusCode

import test_activity_operations as o
import workflows as w
from harness import NAMESPACE, eventually, unique, wait_until
from history_checker import types_of

RUNNING = BatchOperationState.BATCH_OPERATION_STATE_RUNNING
COMPLETED = BatchOperationState.BATCH_OPERATION_STATE_COMPLETED
FAILED = BatchOperationState.BATCH_OPERATION_STATE_FAILED
FAST = {
    "worker.batcherRPS": 5000,
    "worker.batcherConcurrency": 50,
    "frontend.MaxConcurrentBatchOperationPerNamespace": 10,
}


@pytest.fixture
def fast(own_server):
    own_server.set_dynamic(FAST)
    yield own_server
    own_server.set_dynamic({})


def request(query="", ids=(), job=None, reason="tidy up", **operation):
    return StartBatchOperationRequest(
        namespace=NAMESPACE,
        job_id=job or unique("job"),
        reason=reason,
        visibility_query=query,
        executions=[WorkflowExecution(workflow_id=id) for id in ids],
        **operation,
    )


async def start(session, *words, **more):
    made = request(*words, **more)
    await session.client.workflow_service.start_batch_operation(made)
    return made.job_id


async def describe(session, job):
    return await session.client.workflow_service.describe_batch_operation(
        DescribeBatchOperationRequest(namespace=NAMESPACE, job_id=job)
    )


async def finished(session, job, seconds=60):
    async def over():
        found = await describe(session, job)
        return found if found.state != RUNNING else None

    return await eventually(over, seconds, f"the end of {job}")


async def stop(session, job, reason="enough"):
    await session.client.workflow_service.stop_batch_operation(
        StopBatchOperationRequest(namespace=NAMESPACE, job_id=job, reason=reason)
    )


async def refused(call, status):
    with pytest.raises(RPCError) as caught:
        await call
    assert caught.value.status == status, caught.value
    return caught.value.message


async def begin(session, prefix, count, workflow="Nobody"):
    starts = (
        session.client.start_workflow(workflow, id=f"{prefix}-{n}", task_queue=prefix) for n in range(count)
    )
    return await asyncio.gather(*starts)


def all_of(prefix):
    return f"WorkflowId STARTS_WITH '{prefix}-'"


async def count(session, query):
    return (await session.client.count_workflows(query)).count


def counts(found):
    return found.total_operation_count, found.complete_operation_count, found.failure_operation_count


async def test_terminate_by_filter(session, fast, queue):
    handles = await begin(session, queue, 300)
    await handles[3].terminate()  # closed before: not of the job
    job = await start(session, all_of(queue), termination_operation=BatchOperationTermination(identity="me"))
    found = await finished(session, job)
    assert (found.job_id, found.state, found.reason, found.identity) == (job, COMPLETED, "tidy up", "me")
    assert found.operation_type in (13, BatchOperationType.BATCH_OPERATION_TYPE_TERMINATE)
    assert found.start_time.ToNanoseconds() <= found.close_time.ToNanoseconds()
    assert counts(found) == (299, 299, 0)
    assert await count(session, f"{all_of(queue)} AND ExecutionStatus = 'Terminated'") == 300
    events = await session.events(handles[7].id)
    terminated = events[-1].workflow_execution_terminated_event_attributes
    assert (terminated.reason, terminated.identity) == ("tidy up", "me")


async def test_signal_and_cancel_by_list(session, fast, queue):
    handles = await begin(session, queue, 4)
    ids = [handle.id for handle in handles]
    signal = BatchOperationSignal(signal="hello", identity="me")
    found = await finished(session, await start(session, ids=[*ids, "nobody-there"], signal_operation=signal))
    assert (found.state, counts(found)) == (COMPLETED, (5, 5, 0)), "what is gone needs nothing"
    for id in ids:
        assert types_of(await session.events(id)).count("WorkflowExecutionSignaled") == 1
    cancel = BatchOperationCancellation(identity="me")
    found = await finished(session, await start(session, ids=ids, cancellation_operation=cancel))
    assert counts(found) == (4, 4, 0)
    for id in ids:
        assert types_of(await session.events(id)).count("WorkflowExecutionCancelRequested") == 1
    for handle in handles:
        await handle.terminate()


async def test_delete(session, fast, queue):
    handles = await begin(session, queue, 30)
    for handle in handles[:10]:
        await handle.terminate()
    job = await start(session, all_of(queue), deletion_operation=BatchOperationDeletion())
    assert counts(await finished(session, job)) == (30, 30, 0)
    assert await count(session, all_of(queue)) == 0
    session.started.clear()


@pytest.mark.parametrize("how", ["first", "last", "type"])
async def test_reset(session, fast, queue, how):
    async with session.worker(queue, [w.Collects]):
        handles = await begin(session, queue, 3, w.Collects.run)
        for handle in handles:
            for item in ("a", "b"):
                await handle.signal(w.Collects.add, item)
            assert await handle.query(w.Collects.items_now) == ["a", "b"]
        operation = {
            "first": BatchOperationReset(identity="me", options=ResetOptions(first_workflow_task={})),
            "last": BatchOperationReset(identity="me", options=ResetOptions(last_workflow_task={})),
            "type": BatchOperationReset(reset_type=ResetType.RESET_TYPE_LAST_WORKFLOW_TASK),
        }[how]
        job = await start(session, ids=[handle.id for handle in handles], reset_operation=operation)
        assert counts(await finished(session, job)) == (3, 3, 0)
        for handle in handles:
            new = session.client.get_workflow_handle(handle.id)
            await new.signal(w.Collects.finish)
            assert await new.result() == ["a", "b"]
            assert (await new.describe()).run_id != handle.first_execution_run_id


async def test_reset_to_a_build_id(session, fast, queue):
    async with session.worker(queue, [w.Collects], build_id="bad-build"):
        handle = (await begin(session, queue, 1, w.Collects.run))[0]
        assert await handle.query(w.Collects.items_now) == []
        points = (await handle.describe()).raw_description.workflow_execution_info.auto_reset_points.points
        assert [point.build_id for point in points] == ["bad-build"]
        to = lambda build: BatchOperationReset(options=ResetOptions(build_id=build))
        job = await start(session, f"WorkflowId = '{handle.id}'", reset_operation=to("other"))
        assert counts(await finished(session, job)) == (1, 0, 1)
        job = await start(session, f"WorkflowId = '{handle.id}'", reset_operation=to("bad-build"))
        found = await finished(session, job)
        assert found.failure_operation_count == 0
        new = session.client.get_workflow_handle(handle.id)
        assert (await new.describe()).run_id != handle.first_execution_run_id
        await new.terminate()


@pytest.mark.seconds(180)
async def test_a_reset_by_filter_meets_each_run_once(session, fast, queue):
    """More of them than a page has: what was open and is closed by the reset comes again in the order of the list."""
    total = 270
    async with session.worker(queue, [w.Collects], max_cached_workflows=600):
        handles = await begin(session, queue, total, w.Collects.run)
        await handles[0].signal(w.Collects.finish)
        await handles[0].result()
        for handle in handles[1:]:
            await handle.query(w.Collects.items_now)  # its first workflow task is done
        operation = BatchOperationReset(options=ResetOptions(first_workflow_task={}))
        job = await start(session, all_of(queue), reset_operation=operation)
        assert counts(await finished(session, job)) == (total, total, 0)
        assert await count(session, all_of(queue)) == 2 * total
        terminate = BatchOperationTermination()
        await finished(session, await start(session, all_of(queue), termination_operation=terminate))
    session.started[:] = session.started[::30]


async def test_activities(session, fast, queue):
    """An activity that backs off is given other options, is reset, and unpaused: by jobs."""
    service = session.client.workflow_service
    async with session.worker(queue, [w.Activity], [o.fail_first]):
        handle = await o.start(session, queue, "fail_first", start_to_close=10, retry=o.LONG)
        one = await o.until(session, queue, lambda a: a.attempt == 2, "the second attempt waits")
        update = BatchOperationUpdateActivityOptions(type="fail_first", identity="me")
        update.activity_options.heartbeat_timeout.seconds = 7
        update.update_mask.paths.append("heartbeat_timeout")
        this = f"WorkflowId = '{queue}'"
        found = await finished(session, await start(session, this, update_activity_options_operation=update))
        assert counts(found) == (1, 1, 0)
        assert (await o.pending(session, queue)).activity_options.heartbeat_timeout.seconds == 7
        await service.pause_activity(PauseActivityRequest(**o.of(queue, id=one.activity_id)))
        await o.until(session, queue, lambda a: a.paused, "it is paused")
        reset = BatchOperationResetActivities(match_all=True, keep_paused=True)
        found = await finished(session, await start(session, this, reset_activities_operation=reset))
        assert counts(found) == (1, 1, 0)
        one = await o.pending(session, queue)
        assert one.paused and one.attempt == 1
        unpause = BatchOperationUnpauseActivities(type="fail_first", reset_attempts=False)
        found = await finished(session, await start(session, this, unpause_activities_operation=unpause))
        assert counts(found) == (1, 1, 0)
        # The first attempt again, which fails; then nobody waits an hour.
        await o.until(session, queue, lambda a: a.attempt == 2, "it has failed once more")
        await handle.terminate()


async def test_update_options(session, fast, queue):
    handles = await begin(session, queue, 3)
    operation = BatchOperationUpdateWorkflowExecutionOptions(identity="me")
    operation.workflow_execution_options.priority.priority_key = 2
    operation.update_mask.paths.append("priority")
    job = await start(session, all_of(queue), update_workflow_options_operation=operation)
    assert counts(await finished(session, job)) == (3, 3, 0)
    for handle in handles:
        info = (await handle.describe()).raw_description.workflow_execution_info
        assert info.priority.priority_key == 2
        await handle.terminate()


async def test_jobs_are_limited_stopped_and_listed(session, own_server, queue):
    own_server.set_dynamic({"worker.batcherRPS": 1})
    try:
        handles = await begin(session, queue, 10)
        signal = BatchOperationSignal(signal="s")
        job = await start(session, all_of(queue), signal_operation=signal)

        async def begun():
            return (await describe(session, job)).complete_operation_count

        await eventually(begun, 20, "the first of them")
        text = await refused(start(session, all_of(queue), signal_operation=signal), RPCStatusCode.RESOURCE_EXHAUSTED)
        assert text == "Max concurrent batch operations is reached"
        found = await describe(session, job)
        assert (found.state, found.total_operation_count) == (RUNNING, 10)
        assert not found.HasField("close_time")
        await stop(session, job)
        found = await describe(session, job)
        assert found.state == FAILED and found.HasField("close_time")
        assert await refused(stop(session, job), RPCStatusCode.NOT_FOUND) == "workflow execution already completed"
        text = await refused(
            start(session, all_of(queue), job=job, signal_operation=signal), RPCStatusCode.ALREADY_EXISTS
        )
        assert text.startswith(f"Workflow execution already finished. WorkflowId: {job}")
        other = await start(session, ids=[handles[0].id], signal_operation=signal)
        await finished(session, other)

        listed, token = [], b""
        while True:
            page = await session.client.workflow_service.list_batch_operations(
                ListBatchOperationsRequest(namespace=NAMESPACE, page_size=1, next_page_token=token)
            )
            listed += page.operation_info
            token = page.next_page_token
            if not token:
                break
        states = {info.job_id: info.state for info in listed}
        assert len(states) == len(listed)
        assert (states[job], states[other]) == (FAILED, COMPLETED)
        assert [info.job_id for info in listed].index(other) < [info.job_id for info in listed].index(job)
        for handle in handles:
            await handle.terminate()
    finally:
        own_server.set_dynamic({})


async def test_what_is_refused(session, queue):
    terminate = {"termination_operation": BatchOperationTermination()}
    required = (
        "must provide required parameters: BatchType,Reason,Namespace, AND one of "
        "(Query OR Executions OR TargetExecutions)"
    )
    no_activity = "Either activity type must be set, or match all should be set to true"
    cases = [
        (request("A = 1"), required),
        (request(**terminate), required),
        (request("A = 1", reason="", **terminate), required),
        (request("A = 1", ids=["x"], **terminate), "visibility query, executions, and target executions are"),
        (request("()", **terminate), "invalid visibility query: "),
        (request(ids=["x"], signal_operation=BatchOperationSignal()), "must provide signal name"),
        (request(ids=["x"], reset_operation=BatchOperationReset()), "unknown batch reset type Unspecified"),
        (
            request(ids=["x"], reset_operation=BatchOperationReset(options=ResetOptions())),
            "batch reset missing target",
        ),
        (
            request(ids=["x"], unpause_activities_operation=BatchOperationUnpauseActivities(type="")),
            no_activity,
        ),
        (
            request(ids=["x"], unpause_activities_operation=BatchOperationUnpauseActivities()),
            "activity filter must be set",
        ),
        (
            request(ids=["x"], update_activity_options_operation=BatchOperationUpdateActivityOptions()),
            "Either activity type must be set, or restore original should be set to true",
        ),
        (
            request(
                ids=["x"],
                update_workflow_options_operation=BatchOperationUpdateWorkflowExecutionOptions(),
            ),
            "must provide UpdateOptions",
        ),
    ]
    for made, text in cases:
        call = session.client.workflow_service.start_batch_operation(made)
        assert (await refused(call, RPCStatusCode.INVALID_ARGUMENT)).startswith(text), made
    made = request(ids=["x"], **terminate)
    made.job_id = ""
    call = session.client.workflow_service.start_batch_operation(made)
    assert await refused(call, RPCStatusCode.INVALID_ARGUMENT) == "JobId is not set on request."
    assert await refused(stop(session, "j", ""), RPCStatusCode.INVALID_ARGUMENT) == "Reason is not set on request."
    text = await refused(describe(session, "no-such-job"), RPCStatusCode.NOT_FOUND)
    assert text == "workflow not found for ID: no-such-job"


@pytest.mark.seconds(180)
async def test_a_job_outlives_its_process(session, own_server, queue):
    own_server.set_dynamic({**FAST, "worker.batcherRPS": 1000})
    try:
        handles = []
        for first in range(0, 2000, 500):
            part = (
                session.client.start_workflow("Nobody", id=f"{queue}-{n}", task_queue=queue)
                for n in range(first, first + 500)
            )
            handles += await asyncio.gather(*part)
        signal = BatchOperationSignal(signal="once")
        job = await start(session, all_of(queue), signal_operation=signal)

        async def begun():
            return (await describe(session, job)).complete_operation_count > 300

        await eventually(begun, 30, "a page and more")
        old = own_server.kill("history")
        own_server.wait_restarted("history", old)

        async def over():
            try:
                found = await describe(session, job)
            except RPCError:
                return None
            return found if found.state != RUNNING else None

        found = await eventually(over, 90, "the end of the job")
        assert (found.state, counts(found)) == (COMPLETED, (2000, 2000, 0))
        for handle in handles[::40]:
            assert types_of(await session.events(handle.id)).count("WorkflowExecutionSignaled") == 1
        job = await start(session, all_of(queue), termination_operation=BatchOperationTermination())
        assert counts(await finished(session, job, 90)) == (2000, 2000, 0)
        assert await count(session, f"{all_of(queue)} AND ExecutionStatus = 'Running'") == 0
        session.started[:] = session.started[::40]
    finally:
        own_server.set_dynamic({})


async def begin_many(session, prefix, total):
    """Started 500 at a time; nobody works on them, and none is checked in the end."""
    for first in range(0, total, 500):
        await asyncio.gather(
            *(
                session.client.start_workflow("Nobody", id=f"{prefix}-{n}", task_queue=prefix)
                for n in range(first, min(first + 500, total))
            )
        )
    session.started[:] = session.started[::100]


async def after_a_kill(session, job, seconds):
    async def over():
        try:
            found = await describe(session, job)
        except RPCError:  # its owner is being placed
            return None
        return found if found.state != RUNNING else None

    return await eventually(over, seconds, f"the end of {job}")


@pytest.mark.seconds(280)
async def test_two_large_jobs_outlive_their_process_twice(session, own_server, queue):
    """5,000 executions are signaled by one job and canceled by another at the same time, and history dies twice: each
    has one signal and one request to cancel."""
    total = 5000
    own_server.set_dynamic({**FAST, "worker.batcherRPS": 1500})
    try:
        await begin_many(session, queue, total)
        signal = BatchOperationSignal(signal="once", identity="me")
        cancel = BatchOperationCancellation(identity="me")
        jobs = [
            await start(session, all_of(queue), signal_operation=signal),
            await start(session, all_of(queue), cancellation_operation=cancel),
        ]
        for done in (500, 2500):

            async def begun():
                try:
                    return (await describe(session, jobs[0])).complete_operation_count > done
                except RPCError:
                    return False

            await eventually(begun, 60, f"{done} of them")
            old = own_server.kill("history")
            own_server.wait_restarted("history", old)
        for job in jobs:
            found = await after_a_kill(session, job, 120)
            assert (found.state, counts(found)) == (COMPLETED, (total, total, 0))

        async def once(n):
            types = types_of(await session.events(f"{queue}-{n}"))
            assert types.count("WorkflowExecutionSignaled") == 1, n
            assert types.count("WorkflowExecutionCancelRequested") == 1, n

        for first in range(0, total, 500):
            await asyncio.gather(*(once(n) for n in range(first, first + 500, 5)))
        job = await start(session, all_of(queue), deletion_operation=BatchOperationDeletion())
        assert counts(await finished(session, job, 120)) == (total, total, 0)
        assert await count(session, all_of(queue)) == 0
        session.started.clear()
    finally:
        own_server.set_dynamic({})


def test_the_cli(cli, fast):
    queue = unique("cli-batch")
    for n in range(4):
        cli.run("workflow", "start", "--type", "Nobody", "--task-queue", queue, "--workflow-id", f"{queue}-{n}")

    def job_of(*words):
        """Start a job by these words; wait for its end."""
        before = {job["jobId"] for job in cli.json("batch", "list", "--limit", "1000")}
        cli.run("workflow", *words, "--query", all_of(queue), "--yes")
        (job,) = {job["jobId"] for job in cli.json("batch", "list", "--limit", "1000")} - before

        def over():
            described = cli.json("batch", "describe", "--job-id", job)
            return described if "RUNNING" not in described["state"].upper() else None

        return wait_until(over, 30, f"the end of {words}")

    def events(n):
        return cli.run("workflow", "show", "--workflow-id", f"{queue}-{n}", "--output", "json")

    done = job_of("signal", "--name", "s", "--reason", "r")
    assert "COMPLETED" in done["state"].upper(), done
    assert events(0).count("EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED") == 1
    job_of("cancel", "--reason", "r")
    assert events(1).count("EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED") == 1
    job_of("terminate", "--reason", "r")
    assert "EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED" in events(2)
    job_of("delete", "--reason", "r")
    assert "not found" in cli.run("workflow", "describe", "--workflow-id", f"{queue}-3", ok=False)
    assert cli.run("batch", "terminate", "--job-id", done["jobId"] if "jobId" in done else "x", "--reason", "r", ok=False)
