"""runs_continue_after_cancel.py - a cancelled run continues as new, with much that is pending; the next knows of none."""
from kit.activity import activity
from kit.basic import TEXT, end
from kit.children import ABANDON, await_type, start_child
from kit.reads import json_value
from kit.runs import follow
from lab import command, payloads, seconds
from temporalio.api.common.v1 import Memo, SearchAttributes


def play(x):
    x.start(memo=Memo(fields={"m": TEXT}), input=payloads("in"),
            search_attributes=SearchAttributes(indexed_fields={"BatcherUser": json_value(b'"b"')}))
    x.complete(x.poll(), activity(x, "a"), command("start_timer", timer_id="t", start_to_fire_timeout=seconds(60)),
               start_child(x, parent_close_policy=ABANDON),
               command("upsert_workflow_search_attributes",
                       search_attributes=SearchAttributes(indexed_fields={"BatcherUser": json_value(b'"c"')})))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
    task = x.poll_activity()
    x.cancel()
    x.complete(x.poll(), command("continue_as_new_workflow_execution"))
    x.history("first")
    x.describe("first")
    x.complete_activity(task)
    follow(x)
    end(x, x.poll(show=True))
