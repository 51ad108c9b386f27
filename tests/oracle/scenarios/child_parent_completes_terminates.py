"""child_parent_completes_terminates.py - the parent completes, its policy terminates the child."""
from kit.children import TERMINATE, completes, parent_closes


def play(x):
    parent_closes(x, TERMINATE, completes, "WORKFLOW_EXECUTION_TERMINATED")
