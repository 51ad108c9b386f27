"""start_metadata.py - what a start says about a run goes to its activities and children: priority, links, metadata; nil values go nowhere."""
from temporalio.api.common.v1 import Memo, Priority, SearchAttributes
from temporalio.api.sdk.v1 import UserMetadata

from kit.activity import activity
from kit.basic import TEXT
from kit.links import link
from kit.reads import json_value


def play(x):
    x.start(show=True, user_metadata=UserMetadata(summary=TEXT, details=TEXT), links=[link()],
            priority=Priority(priority_key=2, fairness_key="fk", fairness_weight=2.0),
            memo=Memo(fields={"m": TEXT, "nil": json_value(b"null")}),
            search_attributes=SearchAttributes(indexed_fields={
                "TemporalScheduledById": json_value(b'"k"'), "TemporalChangeVersion": json_value(b"null"),
                "BatcherUser": json_value(b"[]")}))
    x.history()
    x.describe()
    x.listed()
    x.complete(x.poll(show=True), activity(x), activity(x, "b", priority=Priority(priority_key=5)),
               activity(x, "c", priority=Priority(fairness_key="other", fairness_weight=.5)))
    x.history()
    x.describe()
    for task in sorted((x.poll_activity() for _ in range(3)), key=lambda a: a.activity_id):
        x.show("activity", task)
