"""junit_program.py - run a program of tests once, and tell what its JUnit report says of each."""

import os
import pathlib
import subprocess
import xml.etree.ElementTree as xml

import harness

TOOLS = pathlib.Path(os.environ.get("GNOMON_TEST_TOOLS", harness.CLI.parent))


class Outcome:
    """What became of each test of a program."""

    def __init__(self, address, command, report):
        """`command` writes its report to the file `report`, or prints it where that is None."""
        done = subprocess.run(
            [str(word) for word in command],
            env={**os.environ, "GNOMON_TEST_ADDRESS": address},
            capture_output=True,
            text=True,
            timeout=240,
        )
        self.output = done.stdout + done.stderr
        text = report.read_text() if report else done.stdout
        self.cases = {case.get("name").removesuffix("()"): case for case in xml.fromstring(text).iter("testcase")}

    def check(self, name):
        case = self.cases.get(name)
        assert case is not None, self.output[-6000:]
        wrong = [bad for kind in ("failure", "error", "skipped") for bad in case.iter(kind)]
        assert not wrong, "\n".join(f"{bad.get('message')}\n{bad.text}" for bad in wrong)[-6000:]
