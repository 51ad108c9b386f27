"""start_everything.py - a start with every field that a client can set, and search attributes."""
from temporalio.api.common.v1 import Header, Memo, Payload, Priority, SearchAttributes
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.failure.v1 import Failure
from temporalio.api.sdk.v1 import UserMetadata

from kit.basic import TEXT, end
from lab import payloads, seconds


def play(x):
    x.start(show=True, input=payloads("in", "two"), memo=Memo(fields={"m": TEXT, "n": TEXT}),
            search_attributes=SearchAttributes(indexed_fields={"CustomKeywordField": Payload(
                metadata={"encoding": b"json/plain", "type": b"Keyword"}, data=b'"k"')}),
            header=Header(fields={"h": TEXT}), user_metadata=UserMetadata(summary=TEXT, details=TEXT),
            priority=Priority(priority_key=2), workflow_task_timeout=seconds(7))
    x.start(show=True, label="start without search attributes", input=payloads("in", "two"), memo=Memo(fields={"m": TEXT}),
            header=Header(fields={"h": TEXT}), user_metadata=UserMetadata(summary=TEXT, details=TEXT),
            priority=Priority(priority_key=2, fairness_key="f", fairness_weight=2.0), workflow_task_timeout=seconds(7),
            workflow_run_timeout=seconds(100), workflow_execution_timeout=seconds(50),
            last_completion_result=payloads("last"), continued_failure=Failure(message="earlier"))
    x.describe()
    task = x.poll(show=True)
    end(x, task)
    x.listed(status=WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED)
