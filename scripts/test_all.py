#!/usr/bin/env python3
"""Run every part of the tests through make, one after the other, and close with one line.

Each part prints lines `<name>: N passed, N failed`; they are summed. A part that fails without such a
line counts as one failure, one that passes without as one pass.

usage: test_all.py MAKE_ARGUMENT... -- PART...   (a part: a make target, with VARIANT=... if need be)
"""
import re
import subprocess
import sys
import time

COUNTS = re.compile(r": (\d+) passed, (\d+) failed\b")

split = sys.argv.index("--")
common, parts = sys.argv[1:split], sys.argv[split + 1 :]
passed = failed = 0
summary = []
for part in parts:
    started = time.monotonic()
    print(f"== {part}", flush=True)
    process = subprocess.Popen(
        ["make", "--no-print-directory", *common, *part.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    counts = []
    for line in process.stdout:
        print(line, end="", flush=True)
        counts += COUNTS.findall(line)
    status = process.wait()
    good, bad = (sum(int(c[i]) for c in counts) for i in (0, 1))
    if status != 0 and bad == 0:
        bad += 1
    if status == 0 and not counts:
        good += 1
    passed, failed = passed + good, failed + bad
    summary.append(f"  {part}: {good} passed, {bad} failed, {time.monotonic() - started:.0f} s")
print("== all parts", *summary, sep="\n")
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
