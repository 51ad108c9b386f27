"""test_children.py - executions that act on each other: children, signals, cancellations."""

import asyncio

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import TerminatedError
from temporalio.workflow import ParentClosePolicy

import child_workflows as w
import harness
from harness import all_executions, eventually
from history_checker import check, types_of


async def start(session, queue, workflow, *args, suffix=""):
    return await session.client.start_workflow(
        workflow.run, args=args, id=queue + suffix, task_queue=queue
    )


def child_of(session, queue):
    return session.client.get_workflow_handle(f"{queue}/child")


async def child_started(session, queue):
    async def started():
        return "ChildWorkflowExecutionStarted" in types_of(await session.events(queue))

    await eventually(started, 20, "the child")


async def status_of(handle):
    return (await handle.describe()).status


# -- what the parent sees -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "what, timeout, answer",
    [
        ("say", 0, ["returned", "say 7"]),
        ("fail", 0, ["ApplicationError", "Broken: the child fails"]),
        ("wait", 1, ["TimeoutError"]),
        ("chain", 0, ["returned", "chain 1"]),
        ("nest", 0, ["returned", "nest 0 < 1 < 2 < 3 < 4 < 5 < 6 < 7"]),
    ],
)
async def test_the_parent_sees_how_its_child_ends(session, queue, what, timeout, answer):
    n = 3 if what == "chain" else 7
    async with session.worker(queue, w.ALL):
        handle = await start(session, queue, w.Asks, what, n, timeout)
        got = await handle.result()
    assert got[: len(answer)] == answer
    described = await handle.describe()
    assert not described.raw_description.pending_children
    check(await session.events(f"{queue}/child"), closed=True)


async def test_a_child_knows_its_parent_and_root(session, queue):
    async with session.worker(queue, w.ALL):
        handle = await start(session, queue, w.Asks, "nest", 2, 0)
        await handle.result()
    grandchild = session.client.get_workflow_handle(f"{queue}/child/2")
    info = (await grandchild.describe()).raw_description.workflow_execution_info
    assert info.parent_execution.workflow_id == f"{queue}/child"
    assert info.root_execution.workflow_id == queue
    assert info.root_execution.run_id == handle.first_execution_run_id
    started = (await grandchild.fetch_history()).events[0]
    a = started.workflow_execution_started_event_attributes
    assert a.parent_workflow_execution.workflow_id == f"{queue}/child"
    assert a.parent_workflow_namespace == "default" and a.parent_initiated_event_id == 5
    assert a.root_workflow_execution.workflow_id == queue


async def test_a_terminated_child(session, queue):
    async with session.worker(queue, w.ALL):
        handle = await start(session, queue, w.Asks, "wait", 0, 0)
        await child_started(session, queue)
        pending = (await handle.describe()).raw_description.pending_children
        assert [p.workflow_id for p in pending] == [f"{queue}/child"] and pending[0].run_id
        await child_of(session, queue).terminate("enough")
        assert (await handle.result())[0] == "TerminatedError"


async def test_a_canceled_child(session, queue):
    async with session.worker(queue, w.ALL):
        handle = await start(session, queue, w.Cancels)
        assert await handle.result() == "CancelledError"
    assert await status_of(child_of(session, queue)) == WorkflowExecutionStatus.CANCELED
    types = types_of(await session.events(f"{queue}/child"))
    assert types.count("WorkflowExecutionCancelRequested") == 1


async def test_two_children_of_one_id(session, queue):
    async with session.worker(queue, w.ALL):
        handle = await start(session, queue, w.Twice)
        assert await handle.result() == f"{queue}/child: stop"
    assert "StartChildWorkflowExecutionFailed" in types_of(await session.events(queue))


# -- the parent closes ------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["complete", "fail", "continue", "terminate"])
@pytest.mark.parametrize("policy", [1, 2, 3], ids=["terminate", "abandon", "cancel"])
async def test_the_parent_closes(session, queue, policy, end):
    child = child_of(session, queue)
    async with session.worker(queue, w.ALL):
        parent = await start(session, queue, w.Parent, policy)
        await child_started(session, queue)
        if end == "terminate":
            await parent.terminate()
        else:
            await parent.signal(w.Parent.finish, end)
        try:
            assert await parent.result() == ("again" if end == "continue" else "done")
        except WorkflowFailureError as e:
            assert end == ("terminate" if isinstance(e.cause, TerminatedError) else "fail")
        if policy == ParentClosePolicy.ABANDON:
            await child.signal(w.Child.tell, "stop")
            assert await child.result() == "stop"
        else:
            with pytest.raises(WorkflowFailureError):
                await child.result()
    events = await session.events(f"{queue}/child")
    check(events, closed=True)
    last = types_of(events)[-1]
    if policy == ParentClosePolicy.TERMINATE:
        a = events[-1].workflow_execution_terminated_event_attributes
        assert last == "WorkflowExecutionTerminated" and a.reason == "by parent close policy"
    elif policy == ParentClosePolicy.ABANDON:
        assert last == "WorkflowExecutionCompleted"
    else:
        assert last == "WorkflowExecutionCanceled"


# -- signals and cancellations ------------------------------------------------------------------------


async def test_signals_to_another_workflow_come_in_order(session, queue):
    words = [str(n) for n in range(20)]
    async with session.worker(queue, w.ALL):
        target = await start(session, queue, w.Child, "wait", suffix="-target")
        sender = await start(session, queue, w.Sends, target.id, "", ",".join([*words, "stop"]))
        assert await sender.result() == "sent"
        assert await target.result() == ",".join([*words, "stop"])
        events = await session.events(target.id)
    signaled = [e for e in events if e.HasField("workflow_execution_signaled_event_attributes")]
    assert len(signaled) == 21
    a = signaled[0].workflow_execution_signaled_event_attributes
    assert a.external_workflow_execution.workflow_id == queue and a.identity == "history-service"


async def test_another_workflow_is_canceled(session, queue):
    async with session.worker(queue, w.ALL):
        target = await start(session, queue, w.Child, "wait", suffix="-target")
        sender = await start(session, queue, w.Sends, target.id, target.first_execution_run_id, "cancel")
        assert await sender.result() == "sent"
        with pytest.raises(WorkflowFailureError):
            await target.result()
    assert await status_of(target) == WorkflowExecutionStatus.CANCELED


@pytest.mark.parametrize("what", ["cancel", "hello"])
async def test_nobody_is_there(session, queue, what):
    async with session.worker(queue, w.ALL):
        sender = await start(session, queue, w.Sends, f"{queue}-nobody", "", what)
        assert "not found" in (await sender.result()).lower().replace("external_workflow_execution_", "")
    types = types_of(await session.events(queue))
    assert [t for t in types if t.endswith("Failed")] == [
        "RequestCancelExternalWorkflowExecutionFailed"
        if what == "cancel"
        else "SignalExternalWorkflowExecutionFailed"
    ]


async def test_two_workflows_signal_each_other(session, queue):
    async with session.worker(queue, w.ALL):
        one = await start(session, queue, w.PingPong, f"{queue}-two", False, 25, suffix="-one")
        two = await start(session, queue, w.PingPong, f"{queue}-one", True, 25, suffix="-two")
        expected = list(range(25))
        assert await asyncio.gather(one.result(), two.result()) == [expected, expected]


async def test_a_memo_is_changed(session, queue):
    async with session.worker(queue, w.ALL):
        handle = await session.client.start_workflow(
            w.Remembers.run, id=queue, task_queue=queue, memo={"changed": 1, "gone": 1, "kept": 1}
        )
        assert await handle.result() == ["added", "changed", "kept"]
    assert await (await handle.describe()).memo() == {"added": [1, 2], "changed": 2, "kept": 1}
    infos = [i async for i in all_executions(session.client) if i.execution.workflow_id == queue]
    assert len(infos) == 1 and sorted(infos[0].memo.fields) == ["added", "changed", "kept"]


# -- many ---------------------------------------------------------------------------------------------


@pytest.mark.seconds(120)
async def test_two_hundred_children_of_one_parent(session, queue):
    async with session.worker(queue, w.ALL, max_concurrent_workflow_tasks=50):
        handle = await start(session, queue, w.Many, 200)
        assert await handle.result() == sum(range(200))
    types = types_of(await session.events(queue))
    for each in ("Started", "Completed"):
        assert types.count(f"ChildWorkflowExecution{each}") == 200
    assert types.count("StartChildWorkflowExecutionInitiated") == 200


@pytest.mark.seconds(200)
async def test_history_dies_amid_parents_and_children(session, own_server, queue):
    """Every child runs once, every parent sees each of its children once."""
    async with session.worker(queue, w.ALL, max_concurrent_workflow_tasks=50):
        handles = [await start(session, queue, w.Many, 20, suffix=f"-{n}") for n in range(10)]

        async def under_way():
            return "ChildWorkflowExecutionCompleted" in types_of(await session.events(handles[-1].id))

        await eventually(under_way, 60, "children under way")
        old = own_server.kill("history")
        own_server.wait_restarted("history", old)
        results = await asyncio.wait_for(asyncio.gather(*[h.result() for h in handles]), 150)
    assert results == [sum(range(20))] * 10
    for handle in handles:
        types = types_of(await session.events(handle.id))
        assert types.count("ChildWorkflowExecutionStarted") == 20
        assert types.count("ChildWorkflowExecutionCompleted") == 20


@pytest.fixture
def two_histories(own_server):
    cluster = harness.Cluster(replicas={"history": 2})
    yield cluster
    cluster.stop()


@pytest.mark.seconds(200)
async def test_executions_of_two_processes_act_on_each_other(two_histories, queue):
    """Parents and children, senders and targets are spread over two histories; each dies once."""
    session = harness.Session(two_histories)
    await session.connect()
    async with session.worker(queue, w.ALL, max_concurrent_workflow_tasks=50):
        many = [await start(session, queue, w.Many, 20, suffix=f"-{n}") for n in range(6)]
        pairs = []
        for n in range(6):
            a, b = f"-{n}a", f"-{n}b"
            pairs.append(await start(session, queue, w.PingPong, queue + b, False, 10, suffix=a))
            pairs.append(await start(session, queue, w.PingPong, queue + a, True, 10, suffix=b))
        for name in ("history", "history-1"):
            old = two_histories.kill(name)
            two_histories.wait_restarted(name, old)
        results = await asyncio.wait_for(asyncio.gather(*[h.result() for h in many]), 90)
        heard = await asyncio.wait_for(asyncio.gather(*[h.result() for h in pairs]), 90)
    assert results == [sum(range(20))] * 6
    assert heard == [list(range(10))] * 12
    await session.check_histories()
