"""child_everything.py - a child with every field set, whose parent is terminated."""
from temporalio.api.common.v1 import Header, Memo, Priority, RetryPolicy
from temporalio.api.enums.v1 import WorkflowIdReusePolicy
from temporalio.api.sdk.v1 import UserMetadata

from kit.basic import TEXT
from kit.children import REQUEST_CANCEL, await_type, both, child_of, looking_at, start_child
from lab import payloads, seconds


def play(x):
    x.start(priority=Priority(priority_key=2, fairness_key="f"), memo=Memo(fields={"m": TEXT}))
    x.complete(x.poll(), start_child(
        x, namespace="default", input=payloads("a", "b"), workflow_execution_timeout=seconds(60),
        workflow_run_timeout=seconds(90), workflow_task_timeout=seconds(7), control="c",
        parent_close_policy=REQUEST_CANCEL, header=Header(fields={"h": TEXT}), memo=Memo(fields={"n": TEXT}),
        workflow_id_reuse_policy=WorkflowIdReusePolicy.Value("WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE"),
        retry_policy=RetryPolicy(maximum_attempts=1), priority=Priority(priority_key=4),
        user_metadata=UserMetadata(summary=TEXT)))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
    both(x)
    x.terminate()
    with looking_at(x, child_of(x)):
        await_type(x, "WORKFLOW_EXECUTION_CANCEL_REQUESTED")
    both(x)
