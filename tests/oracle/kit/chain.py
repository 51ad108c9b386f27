"""chain.py - from a run that continued as new to its successor."""


KIND = "continue_as_new_workflow_execution"


def follow(x):
    """The next run, in place of the one that has ended."""
    x.history("history of the run that ended")
    x.describe("describe the run that ended")
    x.run_id = x.events()[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
