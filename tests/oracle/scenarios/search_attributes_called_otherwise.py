"""search_attributes_called_otherwise.py - a client says another type of a search attribute than it has: its value counts."""
import grpc
from temporalio.api.common.v1 import SearchAttributes
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, service_pb2_grpc

from kit.reads import json_value
from lab import command

SETTINGS = {"frontend.namespaceRPS.visibility": 10002}  # a namespace of its own, for its attributes
OWN = {"CalledText": "TEXT", "CalledKeyword": "KEYWORD", "CalledDouble": "DOUBLE", "CalledTime": "DATETIME"}


def said(kind, json):
    payload = json_value(json)
    payload.metadata["type"] = kind
    return payload


def play(x):
    with grpc.insecure_channel(x.address) as channel:
        service_pb2_grpc.OperatorServiceStub(channel).AddSearchAttributes(AddSearchAttributesRequest(
            namespace=x.namespace, search_attributes={
                name: IndexedValueType.Value("INDEXED_VALUE_TYPE_" + kind) for name, kind in OWN.items()}))
    x.start(search_attributes=SearchAttributes(indexed_fields={
        "CalledText": said(b"Keyword", b'"some words"'), "CalledDouble": said(b"Int", b"7"),
        "CalledTime": said(b"Keyword", b'"2026-01-02T03:04:05Z"'), "CalledKeyword": said(b"Nonsense", b'"k"')}))
    x.complete(x.poll(), command("upsert_workflow_search_attributes", search_attributes=SearchAttributes(
        indexed_fields={"CalledKeyword": said(b"Text", b'"other words"')})))
    x.history()
    x.describe()
    x.listed()
    x.terminate()
