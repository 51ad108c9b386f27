"""operator_refused.py - what the operator's service and the lists refuse, and in which words."""
import grpc
from temporalio.api.operatorservice.v1 import request_response_pb2 as operator
from temporalio.api.workflowservice.v1 import request_response_pb2 as api


def ask(x, label, service, kind, method, **fields):
    name = service.capitalize().replace("service", "Service")
    stub = x.channel.unary_unary(f"/temporal.api.{service}.v1.{name}/{method}",
                                 request_serializer=lambda m: m.SerializeToString(),
                                 response_deserializer=getattr(kind, method + "Response").FromString)
    try:
        stub(getattr(kind, method + "Request")(**fields), timeout=10)
        x.say(f"== {label}: OK")
    except grpc.RpcError as error:
        x.show_error(label, error)


def play(x):
    def operate(label, method, **fields):
        ask(x, label, "operatorservice", operator, method, **fields)

    def list_of(label, method, **fields):
        ask(x, label, "workflowservice", api, method, **fields)

    namespace = {"namespace": x.namespace}
    for label, attributes in {
        "no type": {"X": 0}, "no such type": {"X": 99}, "a system attribute": {"WorkflowId": 2},
        "one of the server's": {"BuildIds": 7}, "its prefix": {"TemporalFoo": 2}, "none": {},
    }.items():
        operate(f"added: {label}", "AddSearchAttributes", search_attributes=attributes, **namespace)
    operate("added: no namespace", "AddSearchAttributes", search_attributes={"X": 2})
    operate("added: no such namespace", "AddSearchAttributes", search_attributes={"X": 2}, namespace="nobody")
    for label, names in {"none": [], "unknown": ["nobody"], "a system attribute": ["WorkflowId"]}.items():
        operate(f"removed: {label}", "RemoveSearchAttributes", search_attributes=names, **namespace)
    operate("removed: no namespace", "RemoveSearchAttributes", search_attributes=["X"])
    operate("listed: no namespace", "ListSearchAttributes")
    operate("listed: no such namespace", "ListSearchAttributes", namespace="nobody")
    operate("deleted: no namespace", "DeleteNamespace")
    operate("deleted: both", "DeleteNamespace", namespace="nobody", namespace_id="x")
    operate("deleted: no such namespace", "DeleteNamespace", namespace="nobody")
    operate("deleted: the server's own", "DeleteNamespace", namespace="temporal-system")
    list_of("archived", "ListArchivedWorkflowExecutions", **namespace)
    list_of("archived: too many", "ListArchivedWorkflowExecutions", page_size=10001, **namespace)
    list_of("listed nowhere", "ListWorkflowExecutions")
    list_of("counted nowhere", "CountWorkflowExecutions")
    list_of("listed with a negative page", "ListWorkflowExecutions", page_size=-1, **namespace)
    list_of("listed with a large page", "ListWorkflowExecutions", page_size=100000, **namespace)
    list_of("scanned with a negative page", "ScanWorkflowExecutions", page_size=-1, **namespace)
    list_of("no namespace described", "DescribeNamespace")
