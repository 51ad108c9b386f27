"""external_bad.py - signals and cancellations of others whose attributes are refused."""
from kit.basic import each
from kit.children import CANCEL, SIGNAL, execution
from lab import command


def play(x):
    each(x, {
        "signal nobody": command(SIGNAL, signal_name="s"),
        "signal no id": command(SIGNAL, execution=execution("", "r"), signal_name="s"),
        "signal bad run": command(SIGNAL, execution=execution("w", "r"), signal_name="s"),
        "signal no name": command(SIGNAL, execution=execution("w")),
        "signal long id": command(SIGNAL, execution=execution("w" * 1001), signal_name="s"),
        "cancel no id": command(CANCEL),
        "cancel bad run": command(CANCEL, workflow_id="w", run_id="r"),
        "cancel long id": command(CANCEL, workflow_id="w" * 1001),
    })
