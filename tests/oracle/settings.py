"""settings.py - what scenarios ask of the dynamic configuration.

A scenario says `SETTINGS = {key: value}`. Scenarios with equal settings share a namespace of their own, and the values
hold for that namespace alone, so that one server serves all. A key that knows no namespaces cannot be set.
"""
import hashlib
import importlib
import json
import time

import grpc
from google.protobuf import duration_pb2
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

SERVICE = "/temporal.api.workflowservice.v1.WorkflowService/"
DAY_S = 24 * 3600
REFERENCE = {"system.forceSearchAttributesCacheRefreshOnRead": [{"value": True}]}  # as without a file


SEED = "seed-"  # the name of a random script is its seed; chance/ plays it


def of(name):
    module = "chance.driver" if name.startswith(SEED) else "scenarios." + name
    return getattr(importlib.import_module(module), "SETTINGS", {})


def namespace_of(settings):
    """The namespace where these settings hold; always the same."""
    if not settings:
        return "default"
    return "set-" + hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def entries(names):
    """The dynamic configuration that these scenarios need: lists of values with constraints, by key."""
    found = {}
    for settings in {namespace_of(of(name)): of(name) for name in names}.values():
        for key, value in settings.items():
            found.setdefault(key, []).append({"value": value, "constraints": {"namespace": namespace_of(settings)}})
    return found


def register(address, names):
    """The namespaces of these scenarios, once the server at `address` knows them."""
    wanted = {namespace_of(of(name)) for name in names} - {"default"}
    with grpc.insecure_channel(address) as channel:
        for namespace in sorted(wanted):
            _ask(channel, "RegisterNamespace", api.RegisterNamespaceRequest(
                namespace=namespace, workflow_execution_retention_period=duration_pb2.Duration(seconds=DAY_S)),
                {grpc.StatusCode.ALREADY_EXISTS})
        for namespace in sorted(wanted):
            _ask(channel, "ListWorkflowExecutions", api.ListWorkflowExecutionsRequest(namespace=namespace), set())


def _ask(channel, method, request, settled, timeout=30.0):
    """Again and again, until the answer is OK or one of `settled`."""
    stub = channel.unary_unary(SERVICE + method, request_serializer=lambda m: m.SerializeToString(),
                               response_deserializer=getattr(api, method + "Response").FromString)
    end = time.monotonic() + timeout
    while True:
        try:
            stub(request, timeout=10)
            return
        except grpc.RpcError as error:
            if error.code() in settled:
                return
            if time.monotonic() > end:
                raise
        time.sleep(0.1)
