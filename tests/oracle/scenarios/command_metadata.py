"""command_metadata.py - user metadata and headers of commands, in the events that they make."""
from temporalio.api.common.v1 import Header, Memo
from temporalio.api.sdk.v1 import UserMetadata

from kit.activity import activity
from kit.basic import TEXT
from kit.reads import json_value
from kit.task import OOPS
from lab import command, payloads, seconds


def play(x):
    meta = UserMetadata(summary=TEXT, details=TEXT)
    header = Header(fields={"h": TEXT})
    x.start()
    x.complete(x.poll(), command("start_timer", timer_id="t", start_to_fire_timeout=seconds(60), user_metadata=meta),
               command("record_marker", marker_name="m", user_metadata=meta, header=header, failure=OOPS,
                       details={"a": payloads("1")}),
               command("upsert_workflow_search_attributes", user_metadata=meta,
                       search_attributes={"indexed_fields": {"BatcherUser": json_value(b'"v"')}}),
               command("modify_workflow_properties", upserted_memo=Memo(fields={"m": TEXT}), user_metadata=meta),
               activity(x, user_metadata=meta, header=header), force_create_new_workflow_task=True)
    x.history()
    x.complete(x.poll(), command("cancel_timer", timer_id="t", user_metadata=meta),
               command("complete_workflow_execution", user_metadata=meta, result=payloads("r")))
    for event in x.events()[-2:]:
        x.show("last", event)
