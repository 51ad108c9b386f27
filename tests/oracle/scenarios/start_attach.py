"""start_attach.py - starts that meet a running workflow attach their request ids and links to it."""
from temporalio.api.workflow.v1 import OnConflictOptions

from kit.basic import end
from kit.links import link


def play(x):
    ids = ["one", "two", "three", "four", "five"]  # shown in their order
    use = {"workflow_id_conflict_policy": 2, "show": True}
    both = OnConflictOptions(attach_request_id=True, attach_links=True)
    x.start(show=True, request_id="first")
    x.start(label="attach all", request_id=ids[0], on_conflict_options=both, links=[link()], **use)
    x.start(label="once more", request_id=ids[0], on_conflict_options=both, links=[link()], **use)
    x.start(label="an id", request_id=ids[1], on_conflict_options=OnConflictOptions(attach_request_id=True), **use)
    x.start(label="links", request_id=ids[2], on_conflict_options=OnConflictOptions(attach_links=True), links=[link()],
            **use)
    x.start(label="nothing", request_id=ids[3], on_conflict_options=OnConflictOptions(), **use)
    x.start(label="without options", **use)
    x.start(label="callbacks without the id", show=True,
            on_conflict_options=OnConflictOptions(attach_completion_callbacks=True))
    x.describe()
    x.history()
    task = x.poll(show=True)
    x.start(label="in the buffer", request_id=ids[4], on_conflict_options=both, **use)
    x.describe("describe with a buffer")
    x.complete(task)
    x.history("history after the task")
    end(x)
    x.start(label="attached to a closed run", request_id=ids[4], on_conflict_options=both, **use)
