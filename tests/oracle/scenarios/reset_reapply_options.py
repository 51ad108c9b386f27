"""reset_reapply_options.py - which events come again, by both ways to say so."""
from kit.basic import anew
from kit.reset import reset


def play(x):
    for label, options in {
        "type signal": {"reset_reapply_type": 1},
        "type none": {"reset_reapply_type": 2},
        "type all": {"reset_reapply_type": 3},
        "exclude signals": {"reset_reapply_exclude_types": [1]},
        "exclude updates": {"reset_reapply_exclude_types": [2]},
        "exclude all": {"reset_reapply_exclude_types": [1, 2, 3, 4]},
        "type none, exclude updates": {"reset_reapply_type": 2, "reset_reapply_exclude_types": [2]},
        "exclude an unknown": {"reset_reapply_exclude_types": [77]},
    }.items():
        anew(x)
        x.complete(x.poll())
        x.signal("one")
        x.complete(x.poll())
        x.cancel()
        x.complete(x.poll())
        reset(x, 4, label=label, **options)
        x.outline(f"outline: {label}")
