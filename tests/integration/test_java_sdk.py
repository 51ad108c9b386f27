"""test_java_sdk.py - the tests of java/, each reported here under its own name.

They run once, by JUnit's console launcher, as compiled by `scripts/setup test`.
"""

import pathlib
import re

import pytest

import junit_program

SOURCE = pathlib.Path(__file__).parent / "java" / "src" / "SdkTest.java"
NAMES = sorted(re.findall(r"^  @Test\n  void (\w+)\(", SOURCE.read_text(), re.M))


@pytest.fixture(scope="module")
def outcome(server, tmp_path_factory):
    target = junit_program.TOOLS / "java-sdk/target"
    reports = tmp_path_factory.mktemp("java")
    command = ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{target}/classes:{target}/dependency/*"]
    command += ["org.junit.platform.console.ConsoleLauncher", "execute", "--select-class", "SdkTest"]
    command += ["--disable-banner", "--details=summary", "--reports-dir", reports]
    return junit_program.Outcome(server.address, command, reports / "TEST-junit-jupiter.xml")


@pytest.mark.parametrize("name", NAMES)
def test_java_sdk(outcome, name):
    outcome.check(name)
