"""stage.py - the scenarios by name, and playing one on one server."""
import importlib
import pathlib
import time
import traceback

import settings
from lab import Lab
from settings import SEED

HERE = pathlib.Path(__file__).resolve().parent
EXPECTED = HERE / "expected"


def names(parts=()):
    """Those whose name contains one of `parts`; all without."""
    found = sorted(path.stem for path in (HERE / "scenarios").glob("*.py"))
    return [name for name in found if not parts or any(part in name for part in parts)]


def is_slow(name):
    """Slow ones are played beside a reference server only."""
    return getattr(importlib.import_module("scenarios." + name), "SLOW", False)


def play(address, name):
    """What the server at `address` answers, line by line, and the seconds that it took."""
    began = time.monotonic()
    lab = Lab(address, name, settings.namespace_of(settings.of(name)))
    try:
        if name.startswith(SEED):
            importlib.import_module("chance.driver").play(lab, int(name.removeprefix(SEED)))
        else:
            importlib.import_module("scenarios." + name).play(lab)
    except Exception:
        last = traceback.format_exc().strip().splitlines()
        lab.say("== the scenario broke: " + last[-1] + " at " + " ".join(last[-3].split()))
    finally:
        lab.close()
    return lab.lines, time.monotonic() - began


def play_steadily(address, name, like=None):
    """What a server answers twice, or what it answers `like` once: on a busy machine one play may be late."""
    answers, began = [like], time.monotonic()
    for _ in range(5):
        lines, _ = play(address, name)
        if lines in answers and not is_broken(lines):
            break
        answers.append(lines)
    return lines, time.monotonic() - began


def is_broken(lines):
    return any(line.startswith(("== TIMED OUT", "== the scenario broke", "== ILLEGAL HISTORY")) for line in lines)


def expected(name):
    """What the reference answered when it was recorded; None when it was not."""
    path = EXPECTED / (name + ".txt")
    return path.read_text().splitlines() if path.exists() else None


def record(name, lines):
    EXPECTED.mkdir(exist_ok=True)
    (EXPECTED / (name + ".txt")).write_text("\n".join(lines) + "\n")
