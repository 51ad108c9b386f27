"""test_persistence_limit.py - clients are refused while a process asks too much of its store."""

import concurrent.futures

import grpc
import pytest
from temporalio.api.batch.v1 import BatchOperationTermination
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import BatchOperationState
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeBatchOperationRequest,
    DescribeNamespaceRequest,
    PollWorkflowTaskQueueRequest,
    StartBatchOperationRequest,
)

from harness import unique, wait_until
from limits import Limited, Refused, Space, refused


@pytest.fixture(scope="module")
def limited():
    limited = Limited()
    yield limited
    limited.stop()


def check_persistence_limit(why):
    assert why.code == "RESOURCE_EXHAUSTED" and why.text == "System Persistence Max QPS Reached."
    assert (why.exhausted.cause, why.exhausted.scope) == (4, 2)  # PERSISTENCE_LIMIT, SYSTEM


def test_the_store_of_history_is_asked_at_a_rate(limited):
    space = limited.namespace()
    limited.apply({"history.persistenceMaxQPS": 2})

    def start_many():
        for _ in range(1000):
            space.start()

    why = refused(start_many)
    check_persistence_limit(why)
    limited.apply({})  # history.persistenceMaxQPS is 0 in the tests
    for _ in range(20):
        space.start()


def test_a_batch_job_waits_for_the_store_and_fails_nothing(limited):
    space = limited.namespace()
    ids = [unique("w") for _ in range(30)]
    for workflow_id in ids:
        space.start(workflow_id)
    limited.apply({"history.persistenceMaxQPS": 10})
    job = unique("job")
    space.call(
        "StartBatchOperation",
        StartBatchOperationRequest(
            namespace=space.name,
            job_id=job,
            reason="more than the store does in a second",
            executions=[WorkflowExecution(workflow_id=id) for id in ids],
            termination_operation=BatchOperationTermination(),
        ),
    )
    # It is refused again and again meanwhile, as everybody is.
    assert refused(lambda: [space.describe(ids[0]) and space.start() for _ in range(1000)]).exhausted.cause == 4
    limited.apply({})

    def ended():
        told = space.call("DescribeBatchOperation", DescribeBatchOperationRequest(namespace=space.name, job_id=job))
        return told if told.state == BatchOperationState.BATCH_OPERATION_STATE_COMPLETED else None

    told = wait_until(ended, 30, "the end of the job")
    assert (told.total_operation_count, told.complete_operation_count, told.failure_operation_count) == (30, 30, 0)


def describe(limited, name):
    return limited.stub.DescribeNamespace(DescribeNamespaceRequest(namespace=name), timeout=10)


def test_frontends_ask_the_cluster_store_at_a_rate(limited):
    space = limited.namespace()
    limited.apply({"frontend.persistenceMaxQPS": 2})
    check_persistence_limit(refused(lambda: [describe(limited, space.name) for _ in range(100)]))

    def start_where_nothing_is():
        """A name that nobody knows is looked for in the store; one that is known costs nothing."""
        for _ in range(100):
            try:
                Space(limited, unique("nowhere")).start()
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.NOT_FOUND:
                    raise

    check_persistence_limit(refused(start_where_nothing_is))
    for _ in range(20):
        space.start()
    limited.apply({})
    for _ in range(20):
        describe(limited, space.name)


def test_matching_asks_the_cluster_store_at_a_rate(limited):
    space = limited.namespace()
    limited.apply({"matching.persistenceMaxQPS": 2})

    def poll(queue):
        request = PollWorkflowTaskQueueRequest(
            namespace=space.name, task_queue=TaskQueue(name=queue), identity="i"
        )
        return space.call("PollWorkflowTaskQueue", request, timeout=2.5)  # empty a second before

    queues = [unique("q") for _ in range(30)]
    with concurrent.futures.ThreadPoolExecutor(len(queues)) as pool:
        polls = [pool.submit(poll, queue) for queue in queues]
        errors = [polls[n].exception() for n in range(len(queues))]
    check_persistence_limit(Refused(next(error for error in errors if error)))
    # A queue that is known needs nothing.
    known = next(queue for queue, error in zip(queues, errors) if not error)
    space.queue = known
    for _ in range(5):
        space.start()
        space.poll()
    limited.apply({})
