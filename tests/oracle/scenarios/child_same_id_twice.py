"""child_same_id_twice.py - two children of one id asked for by one task."""
from kit.children import await_type, start_child


def play(x):
    x.start()
    x.complete(x.poll(), start_child(x), start_child(x), show=True)
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
    await_type(x, "START_CHILD_WORKFLOW_EXECUTION_FAILED")
    x.complete(x.poll())
    for event in x.events():  # which of the two came first is open
        name = event.WhichOneof("attributes")
        if name == "start_child_workflow_execution_failed_event_attributes":
            cause = event.start_child_workflow_execution_failed_event_attributes.cause
            x.say(f"== failed for the cause {cause}")
