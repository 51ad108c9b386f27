"""cluster_probes.py - what is asked of a server before it is used: health by name, search attributes of no namespace."""
import grpc
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

NAMES = ("", "temporal.api.workflowservice.v1.WorkflowService", "temporal.api.operatorservice.v1.OperatorService",
         "temporal.api.adminservice.v1.AdminService", "temporal.server.api.adminservice.v1.AdminService",
         "grpc.health.v1.Health", "nobody")


def play(x):
    check = x.channel.unary_unary("/grpc.health.v1.Health/Check")
    for name in NAMES:
        try:
            x.say(f"'{name}': {check(bytes([10, len(name)]) + name.encode(), timeout=10).hex()}")
        except grpc.RpcError as error:
            x.show_error(f"'{name}'", error)
    listed = x.channel.unary_unary("/grpc.health.v1.Health/List")(b"", timeout=10)
    x.say(f"listed: {[name for name in NAMES if bytes([10, len(name)]) + name.encode() + bytes([18, 2, 8, 1]) in listed]}")
    answer = x.call("GetSearchAttributes", api.GetSearchAttributesRequest())
    for name, kind in sorted(answer.keys.items()):
        x.say(f"{name} {kind}")
