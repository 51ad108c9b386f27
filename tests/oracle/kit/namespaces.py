"""namespaces.py - a namespace of the scenario's own: registered, changed, shown, deleted."""
import uuid

import grpc
from google.protobuf.duration_pb2 import Duration
from temporalio.api.operatorservice.v1 import DeleteNamespaceRequest, DeleteNamespaceResponse
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

DAY = Duration(seconds=86400)


def name_of(x):
    return f"{x.name}-{uuid.uuid4()}"


def register(x, name, label=None, **fields):
    fields = {"workflow_execution_retention_period": DAY, **fields}
    return x.call("RegisterNamespace", api.RegisterNamespaceRequest(namespace=name, **fields), label=label)


def show(x, label, answer):
    """What is the namespace's own, not the server's."""
    if answer is None:
        return
    answer.namespace_info.ClearField("capabilities")
    answer.namespace_info.ClearField("limits")
    answer.namespace_info.ClearField("supports_schedules")
    x.show(label, answer)


def describe(x, name, label="described", **more):
    answer = x.call("DescribeNamespace", api.DescribeNamespaceRequest(namespace=name, **more), label=label)
    show(x, label, answer)
    return answer


def update(x, name, label, **fields):
    show(x, label, x.call("UpdateNamespace", api.UpdateNamespaceRequest(namespace=name, **fields), label=label))


def delete(x, label, **fields):
    stub = x.channel.unary_unary("/temporal.api.operatorservice.v1.OperatorService/DeleteNamespace",
                                 request_serializer=lambda m: m.SerializeToString(),
                                 response_deserializer=DeleteNamespaceResponse.FromString)
    try:
        return stub(DeleteNamespaceRequest(**fields), timeout=20)
    except grpc.RpcError as error:
        x.show_error(label, error)
        return None
