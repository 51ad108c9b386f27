"""update_with_start_on_conflict.py - what a start with an update would attach to a running workflow is not attached."""
from kit.posts import SETTINGS, receiving, show_callbacks
from kit.updates import ACCEPTED, Asked, accept, answer, update_with_start
from temporalio.api.common.v1 import Link
from temporalio.api.enums.v1 import WorkflowIdConflictPolicy
from temporalio.api.workflow.v1 import OnConflictOptions

SETTINGS = SETTINGS
USE = WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING


def play(x):
    with receiving(x) as receiver:
        link = Link(batch_job=Link.BatchJob(job_id="b"))
        with_all = dict(workflow_id_conflict_policy=USE, completion_callbacks=[receiver.to("u")], links=[link],
                        on_conflict_options=OnConflictOptions(attach_request_id=True, attach_completion_callbacks=True,
                                                              attach_links=True))
        update_with_start(x, "bad", label="callbacks without a request id", workflow_id_conflict_policy=USE,
                          on_conflict_options=OnConflictOptions(attach_completion_callbacks=True))
        asked = Asked(x, update_with_start, "one", ACCEPTED, label="it starts", **with_all)
        task = x.poll()
        answer(x, task, accept(task, "one"))
        asked.tell()
        asked = Asked(x, update_with_start, "two", ACCEPTED, label="it runs", **with_all)
        task = x.poll()
        answer(x, task, accept(task, "two"))
        asked.tell()
        show_callbacks(x)
        x.history()
        x.terminate()
        receiver.tell(1)
