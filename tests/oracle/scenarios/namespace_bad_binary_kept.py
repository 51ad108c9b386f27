"""namespace_bad_binary_kept.py - runs that a bad binary went on with and that stay: closed, with a child, not resettable."""
from kit.bad_binary import mark, own_namespace
from kit.basic import anew
from kit.children import await_type, start_child
from lab import command


def finish(x):
    x.complete(x.poll(), command("complete_workflow_execution"), binary_checksum="good", label="completes")
    x.outline()
    x.describe("closed")


def play(x):
    own_namespace(x)
    x.start()
    x.complete(x.poll(), binary_checksum="good")
    x.signal()
    x.complete(x.poll(), start_child(x), binary_checksum="bad")
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
    with_child = x.workflow_id, x.run_id, x.queue
    anew(x)
    x.complete(x.poll(), command("complete_workflow_execution"), binary_checksum="bad")
    closed = x.workflow_id, x.run_id
    mark(x, "bad")
    x.workflow_id, x.run_id = closed
    x.signal(label="a signal to a closed run")
    x.describe("closed run")
    x.workflow_id, x.run_id, x.queue = with_child
    x.signal(label="a signal to a run with a child")
    x.complete(x.poll(), binary_checksum="good", label="goes on")
    x.signal()
    finish(x)
