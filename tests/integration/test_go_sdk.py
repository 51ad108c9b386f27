"""test_go_sdk.py - the tests of go/, with the Go SDK, each reported here under its own name.

They run once, in parallel, in the program that `scripts/setup test` builds.
"""

import os
import pathlib
import re
import subprocess

import pytest

import harness

PROGRAM = pathlib.Path(os.environ.get("GNOMON_TEST_GO", harness.CLI.parent / "go-sdk.test"))
SOURCES = pathlib.Path(__file__).parent / "go"
NAMES = sorted(
    name
    for source in SOURCES.glob("*_test.go")
    for name in re.findall(r"^func (Test\w+)\(t \*testing\.T\)", source.read_text(), re.M)
)
ENDED = re.compile(r"^--- (PASS|FAIL|SKIP): (\w+) ", re.M)


@pytest.fixture(scope="module")
def outcome(server):
    """What became of each test, and the output of all."""
    assert os.access(PROGRAM, os.X_OK), f"no program of the Go SDK's tests at {PROGRAM}"
    done = subprocess.run(
        [str(PROGRAM), "-test.v", "-test.parallel", "8", "-test.timeout", "200s"],
        env={**os.environ, "GNOMON_TEST_ADDRESS": server.address},
        capture_output=True,
        text=True,
        timeout=240,
    )
    return dict((name, result) for result, name in ENDED.findall(done.stdout)), done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_go_sdk(outcome, name):
    results, output = outcome
    mine = re.findall(rf"^=== (?:RUN|CONT|NAME) +{name}$(.*?)(?=^===|^---|\Z)", output, re.M | re.S)
    assert results.get(name) == "PASS", "\n".join(mine)[-6000:] or output[-6000:]
