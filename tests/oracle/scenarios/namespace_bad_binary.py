"""namespace_bad_binary.py - a worker whose binary is marked as bad: its answer fails the task, its polls are refused."""
import time

from kit.namespaces import name_of, register
from temporalio.api.namespace.v1 import BadBinaries, BadBinaryInfo, NamespaceConfig, UpdateNamespaceInfo
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

SECONDS = 2.5  # the reference's copy of the namespaces is so old at most


def play(x):
    x.namespace = name_of(x)
    register(x, x.namespace)
    time.sleep(SECONDS)
    x.start()
    task = x.poll()
    x.call("UpdateNamespace", api.UpdateNamespaceRequest(namespace=x.namespace, config=NamespaceConfig(
        bad_binaries=BadBinaries(binaries={"bad": BadBinaryInfo(reason="why")})),
        update_info=UpdateNamespaceInfo(description="else the reference keeps nothing of it")))
    time.sleep(SECONDS)
    x.complete(task, binary_checksum="bad")
    x.call("PollWorkflowTaskQueue", api.PollWorkflowTaskQueueRequest(
        namespace=x.namespace, task_queue=TaskQueue(name=x.queue), identity="worker", binary_checksum="bad"),
        label="poll of a bad one")
    task = x.poll()
    x.complete(task, binary_checksum="bad", label="once more")
    x.history()
    x.call("UpdateNamespace", api.UpdateNamespaceRequest(namespace=x.namespace, delete_bad_binary="bad"))
    time.sleep(SECONDS)
    x.complete(task, binary_checksum="bad", label="forgiven")
    x.history()
