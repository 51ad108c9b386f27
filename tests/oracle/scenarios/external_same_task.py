"""external_same_task.py - many requests to one other execution by one task; each is answered."""
from kit.children import CANCEL, SIGNAL, await_type, execution, looking_at, other
from lab import command, payloads


def play(x):
    name, run_id = other(x)
    x.start()
    x.complete(x.poll(), *(command(SIGNAL, execution=execution(name), signal_name="s", input=payloads(str(n)))
                           for n in range(5)), command(CANCEL, workflow_id=name), command(CANCEL, workflow_id=name))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_SIGNALED", 5)
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED", 2)
    for event in sorted(x.events(), key=lambda e: (e.event_type, e.event_id)):
        attributes = event.external_workflow_execution_signaled_event_attributes
        if attributes.initiated_event_id:
            x.say(f"== signaled {attributes.workflow_execution.workflow_id} {attributes.workflow_execution.run_id}")
    with looking_at(x, name, run_id):
        await_type(x, "WORKFLOW_EXECUTION_SIGNALED", 5)
        x.describe("the other")
        inputs = [e.workflow_execution_signaled_event_attributes.input for e in x.events()]
        x.say(f"== {sorted(i.payloads[0].data for i in inputs if i.payloads)}")
