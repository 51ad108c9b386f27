"""describe_everything.py - a workflow with all that can be pending, described at each step of its life."""
from kit.activity import activity, application
from kit.basic import TEXT
from kit.children import await_type
from kit.links import link
from temporalio.api.common.v1 import (ActivityType, Header, Memo, Priority, RetryPolicy, SearchAttributes,
                                      WorkerVersionStamp, WorkflowType)
from temporalio.api.sdk.v1 import UserMetadata, WorkflowTaskCompletedMetadata
from temporalio.api.taskqueue.v1 import TaskQueue

from kit.reads import json_value
from lab import command, payloads, seconds


def play(x):
    x.start(show=True, memo=Memo(fields={"m": TEXT}), header=Header(fields={"h": TEXT}), links=[link()],
            user_metadata=UserMetadata(summary=TEXT, details=TEXT), priority=Priority(priority_key=2, fairness_key="f"),
            workflow_execution_timeout=seconds(300), workflow_run_timeout=seconds(200), workflow_task_timeout=seconds(60),
            search_attributes=SearchAttributes(indexed_fields={"BatcherUser": json_value(b'"b"')}))
    x.describe("before the first task")
    task = x.poll()
    x.describe("while its task is started")
    nobody = TaskQueue(name=x.queue + "-nobody")
    x.complete(
        task,
        activity(x, "started", heartbeat_timeout=seconds(90), schedule_to_close_timeout=seconds(120),
                 schedule_to_start_timeout=seconds(100), header=Header(fields={"h": TEXT}),
                 priority=Priority(priority_key=4),
                 retry_policy=RetryPolicy(initial_interval=seconds(5), maximum_interval=seconds(6),
                                          maximum_attempts=7, non_retryable_error_types=["Never"])),
        activity(x, "waiting", task_queue=nobody, activity_type=ActivityType(name="other")),
        command("start_timer", timer_id="t", start_to_fire_timeout=seconds(100)),
        command("start_child_workflow_execution", workflow_id=x.workflow_id + "-child",
                workflow_type=WorkflowType(name="child"), task_queue=nobody),
        command("upsert_workflow_search_attributes", search_attributes=SearchAttributes(
            indexed_fields={"BatcherUser": json_value(b'"c"')})),
        command("modify_workflow_properties", upserted_memo=Memo(fields={"n": TEXT})),
        sdk_metadata=WorkflowTaskCompletedMetadata(sdk_name="n", sdk_version="1"),
        worker_version_stamp=WorkerVersionStamp(build_id="b1"))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
    started = x.poll_activity()
    x.heartbeat(started, details=payloads("h1", "h2"))
    x.cancel()
    x.describe("with everything")
    x.fail_activity(started, application("once", details=payloads("d")))
    x.describe("while the activity backs off")
    x.terminate(reason="why")
    x.describe("closed")
