"""operations.py - operations on pending activities: what is asked, and of which."""
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.activity import activity
from lab import seconds  # noqa: F401 for the scenarios


def _ask(x, method, label, show, **more):
    execution = more.pop("execution", x.execution())
    request = getattr(api, method + "Request")(namespace="default", execution=execution, **more)
    return x.call(method, request, label=label or method, show=show)


def pause(x, label="pause", **more):
    """id= or type=."""
    return _ask(x, "PauseActivity", label, True, **{"identity": "operator", "reason": "maintenance", **more})


def unpause(x, label="unpause", **more):
    return _ask(x, "UnpauseActivity", label, True, **{"identity": "operator", **more})


def reset(x, label="reset", **more):
    return _ask(x, "ResetActivity", label, True, **{"identity": "operator", **more})


def options(x, *paths, label="options", **more):
    mask = {"update_mask": FieldMask(paths=paths)} if paths else {}
    return _ask(x, "UpdateActivityOptions", label, True, **{"identity": "operator", **mask, **more})


def activities(x, *ids, **changes):
    """A workflow with these pending; no workflow task is out."""
    x.start()
    x.complete(x.poll(), *[activity(x, activity_id=i, **changes) for i in ids or ("a",)])
