#!/usr/bin/env python3
"""Check what no compiler does: who may include whom, banned calls, and each file's first line.

usage: check_rules.py FILE...
"""
import pathlib
import re
import subprocess
import sys

# The tools of admin/ are no services: they may look into one (gnomon-check reads history's rows).
SERVICES = ("frontend", "history", "matching", "timers")
# A folder may include its own level's siblings and everything below.
LEVELS = {
    "base": 0,
    "log": 1, "metrics": 1, "config": 1, "loop": 1, "pack": 1, "placement": 1, "cron": 1,
    "dynconf": 1,
    "grpc": 2, "mesh": 2, "proto": 2, "store": 2, "cluster": 2, "rpc": 2,
    "http": 2, "nexus": 2, "visibility": 2,
    "service": 3,
}
# Test scaffolding that stands beside what it tests.
SCAFFOLD = re.compile(r"_(test\.c|rig\.[ch]|suite\.[ch]|fixture\.[ch])$")
BANNED = re.compile(
    r"(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|gets|localtime|gmtime|rand|srand"
    r"|alloca|mktemp|tmpnam)\s*\("
)
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)

problems = []


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def place(path):
    """(service or 'common' or 'tests', level within common)."""
    parts = path.split("/")
    if parts[0] == "common" and len(parts) > 2:
        return "common", LEVELS.get(parts[1])
    return parts[0], None


def check_include(path, line, target):
    top, level = place(path)
    target_top, target_level = place(target)
    if "/" not in target or target.endswith(".pb-c.h"):  # generated
        return
    if top == "tests" or SCAFFOLD.search(path) and target_top == "tests":
        return
    if target_top == "tests":
        problems.append(f"{path}:{line}: only tests include {target}")
    elif top == "common" and target_top != "common":
        problems.append(f"{path}:{line}: common does not include {target}")
    elif top in SERVICES and target_top in SERVICES and top != target_top:
        problems.append(f"{path}:{line}: a service does not include another's {target}")
    elif top == "common" and level is not None and target_level is not None and target_level > level:
        problems.append(f"{path}:{line}: an arrow upwards: {target}")
    elif target.endswith("_int.h") and pathlib.Path(target).parent != pathlib.Path(path).parent:
        problems.append(f"{path}:{line}: {target} stays in its folder")


for path in sys.argv[1:]:
    text = pathlib.Path(path).read_text()
    name = path.rsplit("/", 1)[-1]
    if not text.startswith(f"/* {name} - "):
        problems.append(f"{path}:1: does not start with `/* {name} - `")
    top, level = place(path)
    if top == "common" and level is None:
        problems.append(f"{path}:1: its folder is not in the table of {sys.argv[0]}")
    for match in INCLUDE.finditer(text):
        check_include(path, text.count("\n", 0, match.start()) + 1, match.group(1))
    code = COMMENT_OR_STRING.sub(blank, text)
    for match in BANNED.finditer(code):
        problems.append(f"{path}:{code.count(chr(10), 0, match.start()) + 1}: {match.group(1)}() is banned")

keys = re.findall(r'CONFIG_\w+\(\w+, "([a-z.]+)"', pathlib.Path("common/config/config.def").read_text())
documented = pathlib.Path("docs/configuration.md").read_text()
problems += [f"docs/configuration.md: `{key}` is missing" for key in keys if f"`{key}`" not in documented]

result = subprocess.run(["scripts/gen_dynconf_doc.py", "--check"], stderr=subprocess.PIPE, text=True)
problems += result.stderr.split("\n")[:-1]

print("\n".join(problems) or f"{len(sys.argv) - 1} files keep the rules")
sys.exit(bool(problems))
