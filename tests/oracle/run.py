#!/usr/bin/env python3
"""run.py - plays the scenarios and compares: with the recorded expectations, and with the reference itself.

    run.py --ours SERVER [NAME ...]                       ours with what is recorded, without the slow scenarios
    run.py --ours SERVER --reference SERVER [NAME ...]    ours with the reference, and that with what is recorded
    run.py --ours SERVER --reference SERVER --seeds FIRST COUNT   random scripts, without expectations
    run.py --record --reference SERVER [NAME ...]         write down what the reference answers (twice)
    run.py --settings FILE                                the dynamic configuration that a running reference needs

SERVER is HOST:PORT of one that runs, or what starts one: a folder of executables for ours, a program for the
reference. NAME is a part of scenarios' names; without it all are played. --dump FOLDER keeps what was answered.
The last line is `oracle: N passed, N failed, N passed when played again`; status 1 when anything failed, or when more
had to be played again than AGAIN_PART of them, where ours is compared with what is recorded.
"""
import argparse
import concurrent.futures
import contextlib
import logging
import pathlib
import re
import sys

import servers
import settings
import stage
from differences import Differences


def server(text, start, entries):
    """A context of the address meant by `text`; what is started has these `entries` of dynamic configuration."""
    if re.fullmatch(r"[\w.\-\[\]:]+:\d+", text):
        return contextlib.nullcontext(text)
    return start(pathlib.Path(text), entries)


@contextlib.contextmanager
def both(options, names):
    """The addresses of the servers that take part, by side, with the scenarios' settings."""
    entries = settings.entries(names)
    with contextlib.ExitStack() as stack:
        addresses = {}
        if options.reference:
            addresses["reference"] = stack.enter_context(server(options.reference, servers.reference, entries))
        if options.ours and not options.record:
            addresses["ours"] = stack.enter_context(server(options.ours, servers.cluster, entries))
        for address in addresses.values():
            settings.register(address, names)
        yield addresses


def diff_recorded(name, now):
    """What the reference answers today against what it answered when it was recorded."""
    return Differences.compare(NOTHING, name, stage.expected(name), now)


TRIES, AGAIN_MAX = 2, 20  # more than these differ in truth
AGAIN_PART = 0.02  # of the scenarios: more than these are not a busy machine's fault
NOTHING = Differences(pathlib.Path("/dev/null"))


def judge(name, sides, differences, options):
    """What is wrong with one scenario, as lines."""
    wrong = []
    for side, (lines, _) in sides.items():
        if stage.is_broken(lines):
            wrong += [f"on {side}: {line}" for line in lines if stage.is_broken([line])]
        if options.dump:
            options.dump.mkdir(parents=True, exist_ok=True)
            (options.dump / f"{name}.{side}").write_text("\n".join(lines) + "\n")
    theirs = sides["reference"][0] if "reference" in sides else stage.expected(name)
    if options.record:
        if not wrong:
            stage.record(name, theirs)
        return wrong
    if "reference" in sides and not name.startswith(settings.SEED):
        changed = diff_recorded(name, theirs)
        wrong += ["the recorded expectation is not what the reference answers:"] * bool(changed) + changed
    if "ours" in sides:
        wrong += differences.compare(name, theirs, sides["ours"][0])
    return wrong


def submit(pool, side, address, name, options):
    if side == "ours" or name.startswith(settings.SEED):
        return pool.submit(stage.play, address, name)
    return pool.submit(stage.play_steadily, address, name, None if options.record else stage.expected(name))


def tell(name, wrong, seconds, options, remark=""):
    if wrong or options.verbose or remark:
        print(f"{'FAILED' if wrong else 'passed'} {name} ({seconds:.1f} s){remark}", flush=True)
        print("".join(f"    {line}\n" for line in wrong), end="", flush=True)


def play_all(names, addresses, differences, options):
    """How many failed, what each took, and how many passed at their second playing only. What differs is played once more, alone, when all is over: on a busy machine
    a scenario may be late, what is a difference differs each time."""
    again, took, failed, late = [], {}, 0, 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs * len(addresses)) as pool:
        played = {name: {side: submit(pool, side, address, name, options) for side, address in addresses.items()}
                  for name in names}
        for name, futures in played.items():
            sides = {side: future.result() for side, future in futures.items()}
            took[name] = max(seconds for _, seconds in sides.values())
            wrong = judge(name, sides, differences, options)
            if wrong and not options.record:
                again.append(name)
            else:
                failed += bool(wrong)
                tell(name, wrong, took[name], options)
    for name in again:
        for _ in range(TRIES if len(again) <= AGAIN_MAX else 1):
            sides = {side: stage.play(address, name) for side, address in addresses.items()}
            wrong = judge(name, sides, differences, options)
            if not wrong:
                break
        failed += bool(wrong)
        late += not wrong
        tell(name, wrong, max(seconds for _, seconds in sides.values()), options, "" if wrong else ", played again")
    return failed, took, late


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours")
    parser.add_argument("--reference")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--jobs", type=int, default=16)
    parser.add_argument("--dump", type=pathlib.Path)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--settings", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--seeds", nargs=2, type=int, metavar=("FIRST", "COUNT"))
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    if options.settings:
        with options.settings.open("w") as file:
            servers.write(file, settings.entries([*stage.names(), settings.SEED]))
        return 0
    if not (options.reference if options.record else options.ours):
        parser.error("--record needs --reference; a comparison needs --ours")
    logging.disable(logging.CRITICAL)  # failing activities and workflows are what is played
    if options.seeds:
        names = [f"{settings.SEED}{options.seeds[0] + n}" for n in range(options.seeds[1])]
    else:
        names = stage.names(options.names)
    if not names:
        parser.error("no scenario has such a name")
    if not options.reference and not options.names and not options.seeds:
        names = [name for name in names if not stage.is_slow(name)]
    differences = Differences()
    with both(options, names) as addresses:
        failed, took, late = play_all(names, addresses, differences, options)
    unused = [] if options.record or options.seeds else differences.unused(names, stage.names())
    print("".join(f"FAILED differences.txt: nothing needs {text}\n" for text in unused), end="")
    slowest = sorted(took, key=took.get)[-3:]
    print("slowest: " + ", ".join(f"{name} {took[name]:.1f} s" for name in reversed(slowest)))
    too_late = not options.reference and late > max(1, AGAIN_PART * len(names))
    if too_late:
        print(f"FAILED: {late} had to be played again; {AGAIN_PART:.0%} may")
    print(f"oracle: {len(names) - failed} passed, {failed + len(unused)} failed, {late} passed when played again")
    return 1 if failed or unused or too_late else 0


if __name__ == "__main__":
    sys.exit(main())
