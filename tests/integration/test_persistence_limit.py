"""test_persistence_limit.py - clients are refused while history asks too much of its store."""

import pytest
from temporalio.api.batch.v1 import BatchOperationTermination
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import BatchOperationState
from temporalio.api.workflowservice.v1 import DescribeBatchOperationRequest, StartBatchOperationRequest

from harness import unique, wait_until
from limits import Limited, refused


@pytest.fixture(scope="module")
def limited():
    limited = Limited()
    yield limited
    limited.stop()


def test_the_store_of_history_is_asked_at_a_rate(limited):
    space = limited.namespace()
    limited.apply({"history.persistenceMaxQPS": 2})

    def start_many():
        for _ in range(1000):
            space.start()

    why = refused(start_many)
    assert why.code == "RESOURCE_EXHAUSTED" and why.text == "System Persistence Max QPS Reached."
    assert (why.exhausted.cause, why.exhausted.scope) == (4, 2)  # PERSISTENCE_LIMIT, SYSTEM
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
