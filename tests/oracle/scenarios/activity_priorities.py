"""activity_priorities.py - the priority of an activity is its own, where it has one, and the workflow's for the rest."""
from temporalio.api.common.v1 import Priority

from kit.activity import activity
from kit.basic import anew, end
from lab import command


def play(x):
    cases = {"none": None, "empty": Priority(), "key": Priority(priority_key=1), "fairness": Priority(fairness_key="own"),
             "weight": Priority(fairness_weight=7), "all": Priority(priority_key=2, fairness_key="k", fairness_weight=0.5)}
    for label, priority in cases.items():
        anew(x, priority=Priority(priority_key=4, fairness_key="wf", fairness_weight=3))
        x.complete(x.poll(show=label == "none"), activity(x, priority=priority))
        x.describe(f"described: {label}")
        x.poll_activity(show=True, label=f"polled: {label}")
        x.terminate()
    anew(x, priority=Priority(fairness_key="wf"))
    x.complete(x.poll(), command("continue_as_new_workflow_execution"))
    x.run_id = x.events()[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    end(x)
