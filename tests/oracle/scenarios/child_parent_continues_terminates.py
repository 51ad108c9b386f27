"""child_parent_continues_terminates.py - the parent continues as new, its policy terminates the child."""
from kit.children import TERMINATE, continues, parent_closes


def play(x):
    parent_closes(x, TERMINATE, continues, "WORKFLOW_EXECUTION_TERMINATED")
