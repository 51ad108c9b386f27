"""command_bad_search_attributes.py - search attributes that a workflow may not set, and values of the wrong type."""
from temporalio.api.common.v1 import WorkflowType

from kit.basic import TEXT, each
from kit.reads import json_value
from lab import command


def play(x):
    def upsert(name, value):
        return command("upsert_workflow_search_attributes", search_attributes={"indexed_fields": {name: value}})
    each(x, {
        "unknown of a child": command("start_child_workflow_execution", workflow_id="c", workflow_type=WorkflowType(name="t"),
                                      search_attributes={"indexed_fields": {"Nope": TEXT}}),
        "wrong type": upsert("TemporalChangeVersion", json_value(b'"x"')), "system": upsert("RunId", TEXT),
        "not a list": upsert("BuildIds", TEXT), "server's own": upsert("TemporalReportedProblems", json_value(b'["a"]')),
        "division": upsert("TemporalNamespaceDivision", TEXT), "time": upsert("TemporalScheduledStartTime", TEXT),
        "child": command("start_child_workflow_execution", workflow_id="c" + x.workflow_id, workflow_type=WorkflowType(name="t"),
                         search_attributes={"indexed_fields": {"TemporalChangeVersion": json_value(b'"x"')}}),
    })
