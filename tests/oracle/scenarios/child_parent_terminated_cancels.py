"""child_parent_terminated_cancels.py - the parent is terminated, its policy cancels the child."""
from kit.children import REQUEST_CANCEL, parent_closes, terminated


def play(x):
    parent_closes(x, REQUEST_CANCEL, terminated, "WORKFLOW_EXECUTION_CANCEL_REQUESTED")
