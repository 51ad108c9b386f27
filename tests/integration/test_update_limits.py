"""test_update_limits.py - the settings that concern updates, each at its limit, by raw calls."""

import threading
import time

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import UpdateWorkflowExecutionLifecycleStage as Stage
from temporalio.api.update.v1 import Input, Meta, Request, UpdateRef, WaitPolicy
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    PollWorkflowExecutionUpdateRequest,
    UpdateWorkflowExecutionRequest,
)

from harness import unique, wait_until
from limits import Limited, payloads, refused

ADMITTED = Stage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED
ACCEPTED = Stage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED
COMPLETED = Stage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED


@pytest.fixture(scope="module")
def limited(server):
    if not server.own:
        pytest.skip("needs processes of its own, not GNOMON_TEST_ADDRESS")
    limited = Limited()
    yield limited
    limited.stop()


def update(space, workflow_id, update_id, stage=COMPLETED, size=1, timeout=20):
    return space.call(
        "UpdateWorkflowExecution",
        UpdateWorkflowExecutionRequest(
            namespace=space.name,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id),
            wait_policy=WaitPolicy(lifecycle_stage=stage),
            request=Request(meta=Meta(update_id=update_id), input=Input(name="up", args=payloads(size))),
        ),
        timeout,
    )


def poll_update(space, workflow_id, update_id, stage=COMPLETED):
    return space.call(
        "PollWorkflowExecutionUpdate",
        PollWorkflowExecutionUpdateRequest(
            namespace=space.name,
            wait_policy=WaitPolicy(lifecycle_stage=stage),
            update_ref=UpdateRef(
                workflow_execution=WorkflowExecution(workflow_id=workflow_id), update_id=update_id
            ),
        ),
    )


def test_how_long_an_update_is_waited_for(limited):
    space = limited.namespace(history__longPollExpirationInterval="500ms")
    workflow_id = unique("w")
    space.start(workflow_id)
    began = time.monotonic()
    answer = update(space, workflow_id, "u")
    assert 0.45 < time.monotonic() - began < 10
    assert (answer.stage, answer.HasField("outcome")) == (ADMITTED, False)
    assert poll_update(space, workflow_id, "u").stage == ADMITTED


def test_updates_in_flight(limited):
    space = limited.namespace(
        history__maxInFlightUpdates=2, history__longPollExpirationInterval="100ms"
    )
    workflow_id = unique("w")
    space.start(workflow_id)
    for update_id in ("a", "b", "a"):
        assert update(space, workflow_id, update_id).stage == ADMITTED
    no = refused(update, space, workflow_id, "c")
    assert no.code == "RESOURCE_EXHAUSTED"
    assert no.text == "limit on number of concurrent in-flight updates has been reached (2)"


def test_bytes_of_updates_in_flight(limited):
    space = limited.namespace(
        history__maxInFlightUpdatePayloads=10_000, history__longPollExpirationInterval="100ms"
    )
    workflow_id = unique("w")
    space.start(workflow_id)
    assert update(space, workflow_id, "a", size=6_000).stage == ADMITTED
    no = refused(update, space, workflow_id, "b", size=6_000)
    assert no.code == "RESOURCE_EXHAUSTED"
    assert no.text == (
        "limit on total payload size of in-flight updates has been reached (10000 bytes)"
    )
    assert update(space, workflow_id, "b", size=1_000).stage == ADMITTED


def test_updates_of_a_run(limited):
    space = limited.namespace(
        history__maxTotalUpdates=3, history__longPollExpirationInterval="100ms"
    )
    workflow_id = unique("w")
    space.start(workflow_id)
    for update_id in ("a", "b", "c"):
        update(space, workflow_id, update_id)
    no = refused(update, space, workflow_id, "d")
    assert no.code == "FAILED_PRECONDITION"
    assert no.text.startswith(
        "The limit on the total number of distinct updates in this workflow has been reached (3)."
    )


def test_updates_can_be_forbidden(limited):
    space = limited.namespace(frontend__enableUpdateWorkflowExecution=False)
    workflow_id = unique("w")
    space.start(workflow_id)
    for call in (update, poll_update):
        no = refused(call, space, workflow_id, "u")
        assert no.code == "PERMISSION_DENIED"
        assert no.text == "UpdateWorkflowExecution operation is disabled on this namespace."
    shown = space.call("DescribeNamespace", DescribeNamespaceRequest(namespace=space.name))
    assert not shown.namespace_info.capabilities.sync_update
    assert shown.namespace_info.capabilities.async_update


def test_waiting_for_the_acceptance_can_be_forbidden(limited):
    space = limited.namespace(frontend__enableUpdateWorkflowExecutionAsyncAccepted=False)
    workflow_id = unique("w")
    space.start(workflow_id)
    no = refused(update, space, workflow_id, "u", ACCEPTED)
    assert no.code == "PERMISSION_DENIED"
    assert "waiting on update accepted is disabled" in no.text


def test_a_hundred_callers_wait_for_one_update(limited):
    space = limited.namespace(history__longPollExpirationInterval="2s")
    workflow_id = unique("w")
    space.start(workflow_id)
    stages, lock = [], threading.Lock()

    def wait(n):
        if n == 0:
            answer = update(space, workflow_id, "u")
        else:
            wait_until(lambda: known(space, workflow_id), 10, "the update")
            answer = poll_update(space, workflow_id, "u")
        with lock:
            stages.append(answer.stage)

    threads = [threading.Thread(target=wait, args=(n,)) for n in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
    assert stages == [ADMITTED] * 100


def known(space, workflow_id):
    try:
        return poll_update(space, workflow_id, "u", Stage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_UNSPECIFIED)
    except Exception:
        return False
