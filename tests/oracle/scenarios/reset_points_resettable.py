"""reset_points_resettable.py - the first task of a build is no point to reset to while a child or a signal is pending."""
from kit.activity import activity
from kit.children import await_no_child, await_type, start_child
from lab import command
from temporalio.api.common.v1 import WorkerVersionStamp


def build(name):
    return {"worker_version_stamp": WorkerVersionStamp(build_id=name)}


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, "a"), **build("first"))
    x.signal()
    x.complete(x.poll(), start_child(x), **build("with an activity"))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
    x.complete(x.poll(), **build("with a child"))
    x.signal()
    task = x.poll()
    x.complete(x.poll(queue=x.queue + "-c"), command("complete_workflow_execution"))
    await_no_child(x)
    x.complete(task, **build("with its end in the buffer"))
    x.describe()
