#!/usr/bin/env python3
"""Write the table of the dynamic configuration's keys in docs/configuration.md from settings.def.

usage: gen_dynconf_doc.py [--check]     --check: only compare, exit 1 on a difference
"""
import pathlib
import re
import sys

SETTINGS = pathlib.Path("common/dynconf/settings.def")
DOCUMENT = pathlib.Path("docs/configuration.md")
BEGIN, END = "<!-- dynamic keys: begin -->\n", "<!-- dynamic keys: end -->\n"
LINE = re.compile(r'^DYNCONF\((\w+), (\w+), (\w+), "([^"]+)", (.+?), "([^"]*)"\)$', re.M)
SCOPES = {
    "GLOBAL": "",
    "NAMESPACE": "namespace",
    "NAMESPACE_ID": "namespaceID",
    "TASK_QUEUE": "namespace, taskQueueName, taskType",
    "SHARD_ID": "shardID",
    "DESTINATION": "namespace, destination",
}


def duration(text):
    """`20 * NS_PER_S` as 20s."""
    number, unit = re.fullmatch(r"(\d+) \* NS_PER_(M?S)", text).groups()
    number = int(number)
    if unit == "MS":
        return f"{number}ms"
    for size, letter in ((86400, "d"), (3600, "h"), (60, "m")):
        if number and number % size == 0:
            return f"{number // size}{letter}"
    return f"{number}s"


def default(kind, text):
    if kind == "DURATION":
        return "0s" if text == "0" else duration(text)
    if kind == "BOOL":
        return {"0": "false", "1": "true"}[text]
    if kind == "RETRY":
        return "1s, 100, 2, 0"
    return {"STRING": "empty", "TREE": "none"}.get(kind, text)


def table():
    text = SETTINGS.read_text()
    found = LINE.findall(text)
    if len(found) != len(re.findall(r"^DYNCONF\(", text, re.M)):
        sys.exit(f"{SETTINGS}: a line that this program cannot read")
    rows = ["| key | type | default | constraints | meaning |", "| --- | --- | --- | --- | --- |"]
    for _, kind, scope, key, absent, meaning in sorted(found, key=lambda f: f[3].lower()):
        rows.append(f"| `{key}` | {kind.lower()} | {default(kind, absent)} | {SCOPES[scope]} | {meaning} |")
    return "\n".join(rows) + "\n"


document = DOCUMENT.read_text()
before, rest = document.split(BEGIN)
_, after = rest.split(END)
wanted = before + BEGIN + table() + END + after
if "--check" in sys.argv:
    if wanted != document:
        sys.exit(f"{DOCUMENT}: not what {SETTINGS} says; run scripts/gen_dynconf_doc.py")
else:
    DOCUMENT.write_text(wanted)
