"""servers.py - the two servers of a comparison: a fresh cluster of ours, and the reference program."""
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import settings

ROOT = pathlib.Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def cluster(folder, entries):
    """A cluster of the executables in `folder` with `entries` of dynamic configuration; gives its address. What it
    stored is checked at the end."""
    os.environ["GNOMON_TEST_BIN"] = str(folder.resolve())  # the harness reads it when it is imported
    sys.path.append(str(ROOT / "tests" / "integration"))
    import harness
    one = harness.Cluster(dynamic=entries)
    try:
        yield one.address
    finally:
        one.stop()


@contextlib.contextmanager
def reference(program, entries):
    """The reference program (scripts/setup oracle); gives its address. It ends when its input closes."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        write(file, entries)
        with _reference(program, file.name) as address:
            yield address


def write(file, entries):
    """The dynamic configuration of a reference server; YAML has JSON within."""
    json.dump({**settings.REFERENCE, **entries}, file)
    file.flush()


@contextlib.contextmanager
def _reference(program, path):
    one = subprocess.Popen([program.resolve(), "-settings", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                           text=True)
    try:
        words = one.stdout.readline().split()
        if words[:1] != ["ADDRESS"]:
            raise SystemExit(f"{program} did not start")
        yield words[1]
    finally:
        one.stdin.close()
        try:
            one.wait(20)
        except subprocess.TimeoutExpired:
            one.kill()
            one.wait()
