"""child_parent_fails_terminates.py - the parent fails, its policy terminates the child."""
from kit.children import TERMINATE, fails, parent_closes


def play(x):
    parent_closes(x, TERMINATE, fails, "WORKFLOW_EXECUTION_TERMINATED")
