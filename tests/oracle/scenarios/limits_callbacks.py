"""limits_callbacks.py - how many completion callbacks a run may have, and how long their addresses and headers may be."""
from temporalio.api.common.v1 import Callback
from temporalio.api.enums.v1 import WorkflowIdConflictPolicy
from temporalio.api.workflow.v1 import OnConflictOptions

SETTINGS = {
    "callback.allowedAddresses": [{"Pattern": "127.0.0.1:*", "AllowInsecure": True}, {"Pattern": "*.example.com"}],
    "callback.maxPerExecution": 2, "frontend.callbackURLMaxLength": 40, "frontend.callbackHeaderMaxLength": 20,
}


def to(url="http://127.0.0.1:9/x", **header):
    return Callback(nexus=Callback.Nexus(url=url, header=header))


def play(x):
    for label, callbacks in {
        "three": [to()] * 3, "a long address": [to("http://127.0.0.1:9/" + "x" * 30)], "a large header": [to(a="x" * 20)],
        "another port": [to("http://127.0.0.2:9/x")], "not secure": [to("http://a.example.com/x")],
        "no name before the pattern": [to("https://example.com")],
    }.items():
        x.start(label=label, completion_callbacks=callbacks)
    x.start(label="two", completion_callbacks=[to(a="x" * 19), to("https://a.example.com/x")])
    use = WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
    x.start(label="one more attached", completion_callbacks=[to()], workflow_id_conflict_policy=use, show=True,
            on_conflict_options=OnConflictOptions(attach_request_id=True, attach_completion_callbacks=True))
    x.describe()
    x.history()
