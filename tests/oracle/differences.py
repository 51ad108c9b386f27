"""differences.py - the list of differences that stand (differences.txt), and comparing with it in hand.

An entry is a paragraph: a line `scenario-pattern | line-pattern`, or several, and below it, indented, the reason.
The first pattern is a shell's, the second a regular expression for a whole line without its indentation. A line
that only one of the servers has is excused by an entry that matches both; an entry that excuses nothing is an error.
"""
import difflib
import fnmatch
import pathlib
import re

PATH = pathlib.Path(__file__).resolve().parent / "differences.txt"


class Entry:
    def __init__(self, text):
        self.text = text
        scenario, _, line = text.partition(" | ")
        self.scenario, self.line, self.used = scenario.strip(), re.compile(line.strip()), False

    def excuses(self, name, line):
        fits = fnmatch.fnmatchcase(name, self.scenario) and self.line.fullmatch(line.strip()) is not None
        self.used |= fits
        return fits


class Differences:
    def __init__(self, path=PATH):
        self.entries, reasoned = [], True
        for line in path.read_text().splitlines():
            if line.startswith("#") or not line.strip():
                continue
            if line[0].isspace():
                reasoned = True
            elif " | " in line:
                self.entries.append(Entry(line))
                reasoned = False
            else:
                raise SystemExit(f"{path.name}: neither an entry nor a reason: {line}")
        if not reasoned:
            raise SystemExit(f"{path.name}: no reason below: {self.entries[-1].text}")

    def compare(self, name, theirs, ours):
        """The lines of a diff, without those that are excused."""
        for side in (theirs, ours):
            if side is None:
                return ["nothing is recorded: run.py --record " + name]
        blocks = difflib.SequenceMatcher(None, theirs, ours, autojunk=False).get_opcodes()
        found = []
        for kind, a, b, c, d in blocks:
            lines = [] if kind == "equal" else theirs[a:b] + ours[c:d]
            if all([any([e.excuses(name, line) for e in self.entries]) for line in lines]):
                continue
            found.append(f"@@ line {a + 1}, after {theirs[a - 1].strip() if a else 'the start'}")
            found += ["- " + line for line in theirs[a:b]] + ["+ " + line for line in ours[c:d]]
        return found

    def unused(self, played, known):
        """Entries that nothing needed although all `known` scenarios that they are for were played."""
        return [e.text for e in self.entries
                if not e.used and set(fnmatch.filter(known, e.scenario)) <= set(played)]
