"""external_other_namespace.py - requests to an execution of another namespace."""
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.basic import each
from kit.children import CANCEL, SIGNAL, execution, start_child
from lab import command, seconds


def play(x):
    x.call("RegisterNamespace", api.RegisterNamespaceRequest(
        namespace=x.workflow_id, workflow_execution_retention_period=seconds(86400)))
    each(x, {
        "signal": command(SIGNAL, execution=execution("w"), signal_name="s", namespace=x.workflow_id),
        "cancel": command(CANCEL, workflow_id="w", namespace=x.workflow_id),
        "child": start_child(x, namespace=x.workflow_id),
    })
