"""test_worker_shutdown.py - a worker that says it goes: its polls end at once, where the setting is on."""

import concurrent.futures

import pytest
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeTaskQueueRequest,
    PollActivityTaskQueueRequest,
    PollWorkflowTaskQueueRequest,
    ShutdownWorkerRequest,
)

from harness import unique, wait_until
from limits import Limited


@pytest.fixture(scope="module")
def limited():
    limited = Limited()
    yield limited
    limited.stop()


class Worker:
    """Holds a poll of each kind, from threads of its own."""

    def __init__(self, space, pool, seconds=30):
        self.space, self.pool, self.seconds = space, pool, seconds
        self.key = unique("worker")
        self.polls = [
            self.poll("PollWorkflowTaskQueue", PollWorkflowTaskQueueRequest),
            self.poll("PollActivityTaskQueue", PollActivityTaskQueueRequest),
        ]

    def poll(self, method, request):
        queue = TaskQueue(name=self.space.queue)
        return self.pool.submit(
            self.space.call,
            method,
            request(namespace=self.space.name, task_queue=queue, identity=self.key, worker_instance_key=self.key),
            timeout=self.seconds,
        )

    def kinds(self):
        """For how many kinds of tasks matching knows the worker as a poller."""
        kinds = (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)
        queue = TaskQueue(name=self.space.queue)
        told = [
            self.space.call(
                "DescribeTaskQueue",
                DescribeTaskQueueRequest(namespace=self.space.name, task_queue=queue, task_queue_type=kind),
            )
            for kind in kinds
        ]
        return sum(self.key in [poller.identity for poller in answer.pollers] for answer in told)

    def shut_down(self, **fields):
        self.space.call(
            "ShutdownWorker",
            ShutdownWorkerRequest(
                namespace=self.space.name,
                identity=self.key,
                worker_instance_key=self.key,
                task_queue=self.space.queue,
                **fields,
            ),
        )


def capability(space):
    told = space.call("DescribeNamespace", DescribeNamespaceRequest(namespace=space.name))
    return told.namespace_info.capabilities.worker_poll_complete_on_shutdown


def started(*workers):
    for worker in workers:
        wait_until(lambda: worker.kinds() == 2, 10, "both polls are held")


def test_the_polls_of_a_worker_that_goes_end(limited):
    space = limited.namespace(frontend__enableCancelWorkerPollsOnShutdown=True)
    assert capability(space)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        goes, stays = Worker(space, pool), Worker(space, pool)
        started(goes, stays)
        goes.shut_down()
        for poll in goes.polls:
            assert not poll.result(5).task_token
        assert (goes.kinds(), stays.kinds()) == (0, 2)
        # A poll that was on its way is answered at once, and not with a task.
        late = goes.poll("PollWorkflowTaskQueue", PollWorkflowTaskQueueRequest)
        assert not late.result(5).task_token
        space.start()
        assert stays.polls[0].result(10).task_token
        stays.shut_down(task_queue_types=[TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY])
        assert not stays.polls[1].result(5).task_token
        assert stays.kinds() == 1


def test_by_default_they_stay(limited):
    space = limited.namespace()
    assert not capability(space)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        worker = Worker(space, pool, seconds=5)
        started(worker)
        worker.shut_down()
        space.start()
        assert worker.polls[0].result(10).task_token
