"""properties_nil.py - nil values: they unset in a change, and are left out of a child and of the next run."""
from temporalio.api.common.v1 import Memo, Payload, WorkflowType
from temporalio.api.enums.v1 import EventType
from temporalio.api.taskqueue.v1 import TaskQueue

from kit.basic import TEXT
from kit.reads import json_value
from lab import command


def play(x):
    memo = Memo(fields={"a": json_value(b"null"), "c": TEXT, "d": Payload(metadata={"encoding": b"binary/null"})})
    attributes = {"indexed_fields": {"BatcherUser": json_value(b"[]"), "TemporalScheduledById": json_value(b'"k"')}}
    x.start(memo=Memo(fields={"a": TEXT, "b": TEXT}))
    x.complete(x.poll(), command("modify_workflow_properties", upserted_memo=memo), force_create_new_workflow_task=True)
    x.history()
    x.describe()
    x.complete(x.poll(), command("start_child_workflow_execution", workflow_id="c" + x.workflow_id, memo=memo,
                                 task_queue=TaskQueue(name=x.queue + "c"), search_attributes=attributes,
                                 workflow_type=WorkflowType(name="t")))
    x.await_events(1, event_type=EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED)
    x.history("with a child")
    x.complete(x.poll(), command("continue_as_new_workflow_execution", workflow_type=WorkflowType(name="wf-type"),
                                 task_queue=TaskQueue(name=x.queue), memo=memo, search_attributes=attributes))
    x.show("the last event", x.events()[-1])
    x.run_id = ""
    x.describe("the next run")
