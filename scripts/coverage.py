#!/usr/bin/env python3
"""Sum what gcov counts in a folder of objects: executed lines per source folder.

usage: coverage.py OBJECT_FOLDER
"""
import collections
import json
import os
import pathlib
import subprocess
import sys

root = pathlib.Path.cwd()
files = [str(p.resolve()) for p in pathlib.Path(sys.argv[1]).rglob("*.gcda")]
if not files:
    sys.exit("coverage.py: no counts; were the tests run?")
lines = collections.defaultdict(dict)  # source -> line -> executed
for start in range(0, len(files), 50):
    done = subprocess.run(
        ["gcov", "--json-format", "--stdout", *files[start : start + 50]],
        capture_output=True, text=True, check=True, cwd=root,
    )
    for text in done.stdout.splitlines():
        for source in json.loads(text)["files"]:
            name = os.path.relpath(os.path.join(root, source["file"]), root)
            if name.startswith("..") or "_test.c" in name or name.startswith(("build", "tests")):
                continue
            for line in source["lines"]:
                number = line["line_number"]
                lines[name][number] = lines[name].get(number, False) or line["count"] > 0

folders = collections.defaultdict(lambda: [0, 0])
for name, found in lines.items():
    for key in (os.path.dirname(name), "all"):
        folders[key][0] += sum(found.values())
        folders[key][1] += len(found)
for name in sorted(folders, key=lambda n: (n == "all", n)):
    done, whole = folders[name]
    print(f"{100 * done / whole:5.1f} %  {done:6} of {whole:6} lines  {name}")
