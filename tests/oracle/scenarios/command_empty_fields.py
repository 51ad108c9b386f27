"""command_empty_fields.py - commands whose fields are there and empty: children, signals, markers, continuations, ends."""
from temporalio.api.common.v1 import Header, Memo, Payload, Payloads, Priority, RetryPolicy, SearchAttributes
from temporalio.api.failure.v1 import Failure

from kit.basic import anew
from kit.chain import KIND
from kit.children import await_type, both, execution, other, start_child
from lab import command


def play(x):
    x.start()
    name, run_id = other(x)
    x.complete(x.poll(),
               start_child(x, input=Payloads(), header=Header(), memo=Memo(), search_attributes=SearchAttributes(),
                           retry_policy=RetryPolicy(), priority=Priority()))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
    x.complete(x.poll(),
               command("signal_external_workflow_execution", execution=execution(name, run_id), signal_name="s",
                       input=Payloads(), header=Header()),
               command("record_marker", marker_name="m", details={"d": Payloads()}, header=Header(), failure=Failure()),
               command("modify_workflow_properties", upserted_memo=Memo(fields={"empty": Payload()})))
    await_type(x, "EXTERNAL_WORKFLOW_EXECUTION_SIGNALED")
    both(x)
    x.terminate()
    for label, closing in {
            "continues": command(KIND, input=Payloads(), header=Header(), memo=Memo(), search_attributes=SearchAttributes(),
                                 failure=Failure(), last_completion_result=Payloads(), retry_policy=RetryPolicy()),
            "completes": command("complete_workflow_execution", result=Payloads()),
            "fails": command("fail_workflow_execution", failure=Failure()),
            "fails without": command("fail_workflow_execution"),
            "cancels": command("cancel_workflow_execution", details=Payloads())}.items():
        anew(x)
        x.complete(x.poll(), closing, label=label)
        x.history(label)
        if label == "continues":
            x.run_id = x.events()[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
            x.history("the next run")
            x.describe("the next run")
