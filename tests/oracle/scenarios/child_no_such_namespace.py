"""child_no_such_namespace.py - a child in, and a cancellation for, a namespace that is unknown."""
from kit.basic import each
from kit.children import CANCEL, start_child
from lab import command


def play(x):
    each(x, {"child": start_child(x, namespace="no-such-namespace"),
             "cancel": command(CANCEL, workflow_id="w", namespace="no-such-namespace")})
