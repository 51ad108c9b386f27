"""child_parent_completes_abandons.py - the parent completes, its policy abandons the child."""
from kit.children import ABANDON, completes, parent_closes


def play(x):
    parent_closes(x, ABANDON, completes, None)
