"""external_no_such_namespace.py - requests to an execution of a namespace that is unknown."""
from kit.children import SIGNAL, execution
from lab import command


def play(x):
    x.start()
    x.complete(x.poll(), command(SIGNAL, execution=execution("w"), signal_name="s", namespace="no-such-namespace"))
    x.outline()
    x.describe()
