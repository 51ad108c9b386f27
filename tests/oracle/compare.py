#!/usr/bin/env python3
"""compare.py - play the same scenarios on two servers and show where their answers differ.

    compare.py REFERENCE OURS [--only PART-OF-NAME ...] [--jobs N] [--dump FOLDER]

Histories, descriptions, polled tasks and errors are compared with every attribute; lab.py says what is masked.
Exit status 1 when anything differs.
"""
import argparse
import concurrent.futures
import difflib
import logging
import pathlib
import sys
import traceback

import lab
import scenarios
import scenarios_activity
import scenarios_children
import scenarios_continue
import scenarios_more
import scenarios_query
import scenarios_retry
import scenarios_sdk
import scenarios_task

MODULES = (scenarios, scenarios_retry, scenarios_activity, scenarios_task, scenarios_query, scenarios_more, scenarios_sdk,
           scenarios_continue, scenarios_children)


def collect(only):
    found = {}
    for module in MODULES:
        for name, function in vars(module).items():
            if name.startswith("s_") and callable(function):
                if not only or any(part in name for part in only):
                    found[name[2:]] = function
    return found


def play(address, name, function):
    one = lab.Lab(address, name)
    try:
        function(one)
    except Exception:
        last = traceback.format_exc().strip().splitlines()
        one.say("== the scenario broke: " + last[-1] + " at " + " ".join(last[-3].split()))
    return one.lines


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("reference")
    parser.add_argument("ours")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--jobs", type=int, default=6)
    parser.add_argument("--dump")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)  # failing activities and workflows are what is played
    wanted = collect(options.only)
    with concurrent.futures.ThreadPoolExecutor(2 * options.jobs) as pool:
        played = {(name, side): pool.submit(play, address, name, function)
                  for name, function in wanted.items()
                  for side, address in (("reference", options.reference), ("ours", options.ours))}
        different = 0
        for name in wanted:
            theirs, ours = played[name, "reference"].result(), played[name, "ours"].result()
            if options.dump:
                folder = pathlib.Path(options.dump)
                folder.mkdir(parents=True, exist_ok=True)
                (folder / (name + ".reference")).write_text("\n".join(theirs) + "\n")
                (folder / (name + ".ours")).write_text("\n".join(ours) + "\n")
            diff = list(difflib.unified_diff(theirs, ours, "reference", "ours", n=3, lineterm=""))
            broken = any("TIMED OUT" in line or "scenario broke" in line for line in theirs + ours)
            different += bool(diff) or broken
            print(f"{'DIFFERS' if diff else 'BROKEN' if broken else 'same'} {name} ({len(theirs)} lines)", flush=True)
            print("\n".join("    " + line for line in diff[2:]), flush=True)
    print(f"{len(wanted) - different} same, {different} different")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
