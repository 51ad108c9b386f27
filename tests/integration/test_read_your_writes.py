"""test_read_your_writes.py - a List or Count sees every write that was acknowledged before it.

Users work side by side, each in a namespace of its own, so that each knows what every count must
be; a user starts an execution, changes its attribute, ends it, and looks after each step.
GNOMON_TEST_READS says how many reads a test makes.
"""

import asyncio
import os
import time

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.command.v1 import (
    Command,
    CompleteWorkflowExecutionCommandAttributes,
    UpsertWorkflowSearchAttributesCommandAttributes,
)
from temporalio.api.common.v1 import Payload, SearchAttributes, WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import CommandType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    CountWorkflowExecutionsRequest,
    DeleteWorkflowExecutionRequest,
    ListWorkflowExecutionsRequest,
    PollWorkflowTaskQueueRequest,
    RegisterNamespaceRequest,
    RespondWorkflowTaskCompletedRequest,
    SignalWorkflowExecutionRequest,
    StartWorkflowExecutionRequest,
    TerminateWorkflowExecutionRequest,
)
from temporalio.service import RPCError, RPCStatusCode

import harness

READS = int(os.environ.get("GNOMON_TEST_READS", "1000"))
USERS = 6
SECONDS = 120 + READS // 20


def keyword(value):
    return Payload(metadata={"encoding": b"json/plain", "type": b"Keyword"}, data=f'"{value}"'.encode())


class User:
    """What it reads, and how many of the reads were behind."""

    def __init__(self, client):
        self.service = client.workflow_service
        self.operator = client.operator_service
        self.namespace = harness.unique("reads")
        self.ended = {"Completed": 0, "Terminated": 0}
        self.reads, self.behind = 0, []

    async def call(self, method, request, gone_is_fine=False):
        """Asked again until it is answered: every write has an id, so that it happens once."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return await method(request)
            except RPCError as error:
                if error.status == RPCStatusCode.NOT_FOUND and gone_is_fine:
                    return None
                again = error.status in (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED)
                if not again or time.monotonic() > deadline:
                    raise

    async def prepare(self):
        await self.service.register_namespace(
            RegisterNamespaceRequest(
                namespace=self.namespace, workflow_execution_retention_period=Duration(seconds=86400)
            )
        )
        await self.operator.add_search_attributes(
            AddSearchAttributesRequest(namespace=self.namespace, search_attributes={"Read": 2})
        )

    def saw(self, query, seen, expected):
        self.reads += 1
        if seen != expected:
            self.behind.append((query, seen, expected))

    async def lists(self, query, expected):
        request = ListWorkflowExecutionsRequest(namespace=self.namespace, query=query, page_size=10)
        answer = await self.call(self.service.list_workflow_executions, request)
        self.saw(query, [e.execution.workflow_id for e in answer.executions], expected)

    async def counts(self, query, expected):
        request = CountWorkflowExecutionsRequest(namespace=self.namespace, query=query)
        answer = await self.call(self.service.count_workflow_executions, request)
        groups = {g.group_values[0].data.decode().strip('"'): g.count for g in answer.groups}
        self.saw(query, groups or answer.count, expected)

    async def start(self, name, kind):
        request = StartWorkflowExecutionRequest(
            namespace=self.namespace,
            workflow_id=name,
            request_id=name,
            workflow_type=WorkflowType(name=kind),
            task_queue=TaskQueue(name=name),
            search_attributes=SearchAttributes(indexed_fields={"Read": keyword("first")}),
        )
        await self.call(self.service.start_workflow_execution, request)

    async def step(self, name, command):
        """Carries out the workflow task, as a worker."""
        poll = PollWorkflowTaskQueueRequest(namespace=self.namespace, task_queue=TaskQueue(name=name))
        task = await self.call(self.service.poll_workflow_task_queue, poll)
        assert task.task_token
        answer = RespondWorkflowTaskCompletedRequest(
            namespace=self.namespace, task_token=task.task_token, commands=[command]
        )
        await self.call(self.service.respond_workflow_task_completed, answer)

    async def terminate(self, name):
        request = TerminateWorkflowExecutionRequest(
            namespace=self.namespace, workflow_execution=WorkflowExecution(workflow_id=name)
        )
        await self.call(self.service.terminate_workflow_execution, request, gone_is_fine=True)
        self.ended["Terminated"] += 1

    async def started(self, name, kind):
        await self.start(name, kind)
        await self.lists(f"WorkflowId = '{name}'", [name])
        await self.lists(f"WorkflowType = '{kind}' AND ExecutionStatus = 'Running'", [name])
        await self.counts("ExecutionStatus = 'Running'", 1)

    async def over(self, name, kind, status):
        both = sum(self.ended.values())
        await self.lists(f"WorkflowId = '{name}' AND ExecutionStatus = '{status}'", [name])
        await self.lists(f"WorkflowType = '{kind}' AND ExecutionStatus = 'Running'", [])
        await self.counts(f"WorkflowType = '{kind}' AND CloseTime IS NOT NULL", 1)
        await self.counts("ExecutionStatus = 'Running'", 0)
        await self.counts("", both)
        await self.counts(
            "GROUP BY ExecutionStatus", {s: n for s, n in self.ended.items() if n > 0}
        )

    async def work(self, until):
        """The whole life of one execution after the other."""
        for n in range(1000000):
            if self.reads >= until:
                break
            name, kind = f"{self.namespace}-{n}", f"Kind-{n}"
            await self.started(name, kind)
            attributes = SearchAttributes(indexed_fields={"Read": keyword(f"second-{n}")})
            await self.step(
                name,
                Command(
                    command_type=CommandType.COMMAND_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
                    upsert_workflow_search_attributes_command_attributes=UpsertWorkflowSearchAttributesCommandAttributes(
                        search_attributes=attributes
                    ),
                ),
            )
            await self.lists(f"Read = 'second-{n}'", [name])
            await self.lists("Read = 'first'", [])
            await self.counts(f"Read IN ('first', 'second-{n}') AND ExecutionStatus = 'Running'", 1)
            await self.call(
                self.service.signal_workflow_execution,
                SignalWorkflowExecutionRequest(
                    namespace=self.namespace,
                    workflow_execution=WorkflowExecution(workflow_id=name),
                    signal_name="go",
                    request_id=name,
                ),
            )
            await self.lists(f"Read = 'second-{n}' AND ExecutionStatus = 'Running'", [name])
            await self.step(
                name,
                Command(
                    command_type=CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
                    complete_workflow_execution_command_attributes=CompleteWorkflowExecutionCommandAttributes(),
                ),
            )
            self.ended["Completed"] += 1
            await self.over(name, kind, "Completed")

    async def come_and_go(self, until):
        """Executions that are started and terminated: no task that a dead process may lose."""
        for n in range(1000000):
            if self.reads >= until:
                break
            name, kind = f"{self.namespace}-{n}", f"Kind-{n}"
            await self.started(name, kind)
            await self.terminate(name)
            await self.over(name, kind, "Terminated")

    async def forget_all(self):
        """Deleted executions are counted no more."""
        done = ListWorkflowExecutionsRequest(namespace=self.namespace, page_size=1000)
        answer = await self.call(self.service.list_workflow_executions, done)
        for execution in answer.executions:
            request = DeleteWorkflowExecutionRequest(
                namespace=self.namespace, workflow_execution=execution.execution
            )
            await self.call(self.service.delete_workflow_execution, request, gone_is_fine=True)
        if not answer.next_page_token:
            await self.counts("", 0)
            await self.counts("GROUP BY ExecutionStatus", 0)
            await self.lists("", [])


async def users_of(client):
    users = [User(client) for _ in range(USERS)]
    await asyncio.gather(*[user.prepare() for user in users])
    return users


def check(users):
    behind = [read for user in users for read in user.behind]
    assert behind == []
    assert sum(user.reads for user in users) >= READS


@pytest.mark.seconds(SECONDS)
async def test_reads_see_the_writes_before_them(session):
    users = await users_of(session.client)
    await asyncio.gather(*[user.work(READS / USERS) for user in users])
    check(users)
    await users[0].forget_all()
    check(users)


@pytest.mark.seconds(SECONDS + 60)
async def test_reads_see_the_writes_before_them_while_shards_move():
    cluster = harness.Cluster(replicas={"history": 2})
    try:
        session = harness.Session(cluster)
        await session.connect()
        users = await users_of(session.client)
        work = [asyncio.ensure_future(user.come_and_go(READS / USERS)) for user in users]
        for part, victim in ((0.2, "history"), (0.5, "history-1"), (0.7, "history")):

            async def reached():
                return sum(user.reads for user in users) >= READS * part or all(w.done() for w in work)

            await harness.eventually(reached, SECONDS, "reads")
            cluster.wait_restarted(victim, cluster.kill(victim))
        await asyncio.gather(*work)
        check(users)
    finally:
        cluster.stop()
