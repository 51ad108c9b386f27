"""bad_binary.py - runs that went on with a binary which their namespace then calls bad."""
import time

from temporalio.api.namespace.v1 import BadBinaries, BadBinaryInfo, NamespaceConfig, UpdateNamespaceInfo
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.namespaces import name_of, register

SECONDS = 2.5  # the reference's copy of the namespaces is so old at most


def own_namespace(x):
    x.namespace = name_of(x)
    register(x, x.namespace)
    time.sleep(SECONDS)


def mark(x, *checksums, reason="why"):
    """The namespace calls them bad, and all know."""
    bad = {checksum: BadBinaryInfo(reason=reason) for checksum in checksums}
    x.call("UpdateNamespace", api.UpdateNamespaceRequest(
        namespace=x.namespace, config=NamespaceConfig(bad_binaries=BadBinaries(binaries=bad)),
        update_info=UpdateNamespaceInfo(description="else the reference keeps nothing of it")))
    time.sleep(SECONDS)


def follow(x):
    """Wait until the run has ended, and go on with the one that took its place."""
    x.await_close()
    x.run_id = x.call("DescribeWorkflowExecution", api.DescribeWorkflowExecutionRequest(
        namespace="default", execution=x.execution(run_id="")), raises=True).workflow_execution_info.execution.run_id
