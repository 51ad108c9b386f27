"""search_attributes_typed.py - a namespace's own search attributes show their types wherever a client left them out."""
import grpc
from temporalio.api.common.v1 import SearchAttributes
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, service_pb2_grpc

from kit.chain import KIND, follow
from kit.children import await_type, both, start_child
from kit.reads import json_value
from lab import command

SETTINGS = {"frontend.namespaceRPS.visibility": 10001}  # a namespace of its own, for its attributes
OWN = {"TypedKeyword": "KEYWORD", "TypedInt": "INT", "TypedDouble": "DOUBLE", "TypedBool": "BOOL",
       "TypedTime": "DATETIME", "TypedText": "TEXT", "TypedList": "KEYWORD_LIST"}
VALUES = {"TypedKeyword": b'"k"', "TypedInt": b"7", "TypedDouble": b"1.5", "TypedBool": b"true",
          "TypedTime": b'"2026-01-02T03:04:05Z"', "TypedText": b'"some words"', "TypedList": b'["a","b"]'}


def attributes(**fields):
    return SearchAttributes(indexed_fields={name: json_value(json) for name, json in fields.items()})


def play(x):
    with grpc.insecure_channel(x.address) as channel:
        service_pb2_grpc.OperatorServiceStub(channel).AddSearchAttributes(AddSearchAttributesRequest(
            namespace=x.namespace, search_attributes={
                name: IndexedValueType.Value("INDEXED_VALUE_TYPE_" + kind) for name, kind in OWN.items()}))
    x.start(search_attributes=attributes(**VALUES))
    x.complete(
        x.poll(),
        command("upsert_workflow_search_attributes", search_attributes=attributes(TypedInt=b"8", TypedText=b"null")),
        start_child(x, search_attributes=attributes(TypedKeyword=b'"child"')))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
    both(x)
    x.complete(x.poll(), command(KIND, search_attributes=attributes(TypedDouble=b"2.5", TypedList=b"null")))
    follow(x)
    x.history()
    x.describe()
    x.listed()
    x.terminate()
