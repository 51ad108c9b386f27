"""namespace_delete.py - a namespace is deleted: its new name, its state, its old name; what cannot be deleted."""
import time

from kit.namespaces import delete, describe, name_of, register
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from lab import seconds

SECONDS = 2.5  # the reference's copy of the namespaces is so old at most


def play(x):
    delete(x, "nothing")
    delete(x, "both", namespace="a", namespace_id="b")
    delete(x, "nobody", namespace="nobody-of-that-name")
    delete(x, "no such id", namespace_id="00000000-0000-4000-8000-000000000000")
    delete(x, "no id at all", namespace_id="junk")
    delete(x, "long", namespace="n" * 1001)
    delete(x, "system", namespace="temporal-system")
    delete(x, "system by id", namespace_id="32049b68-7872-4094-8e63-d0dd59896a83")
    name = name_of(x)
    register(x, name)
    x.quiet = True
    namespace_id = describe(x, name).namespace_info.id
    x.quiet = False
    time.sleep(SECONDS)
    answer = delete(x, "delete", namespace=name, namespace_delete_delay=seconds(3600))
    x.say(f"renamed: {answer.deleted_namespace == f'{name}-deleted-{namespace_id[:5]}'}")
    again = x.call("DescribeNamespace", api.DescribeNamespaceRequest(id=namespace_id))
    x.say(f"shown so: {again.namespace_info.name == answer.deleted_namespace}, state {again.namespace_info.state}")
    describe(x, name, "the old name")
    register(x, name, "the name is free")
    listed = x.call("ListNamespaces", api.ListNamespacesRequest(page_size=1000))
    x.say(f"listed: {answer.deleted_namespace in [one.namespace_info.name for one in listed.namespaces]}")
    everything = api.ListNamespacesRequest(page_size=1000, namespace_filter={"include_deleted": True})
    listed = x.call("ListNamespaces", everything)
    x.say(f"listed with the deleted: {answer.deleted_namespace in [one.namespace_info.name for one in listed.namespaces]}")
    twice = delete(x, "once more", namespace_id=namespace_id, namespace_delete_delay=seconds(0))
    x.say(f"the same name: {twice is not None and twice.deleted_namespace == answer.deleted_namespace}")
