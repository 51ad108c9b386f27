"""child_parent_completes_cancels.py - the parent completes, its policy cancels the child."""
from kit.children import REQUEST_CANCEL, completes, parent_closes


def play(x):
    parent_closes(x, REQUEST_CANCEL, completes, "WORKFLOW_EXECUTION_CANCEL_REQUESTED")
