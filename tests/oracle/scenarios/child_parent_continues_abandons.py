"""child_parent_continues_abandons.py - the parent continues as new, its policy abandons the child."""
from kit.children import ABANDON, continues, parent_closes


def play(x):
    parent_closes(x, ABANDON, continues, None)
