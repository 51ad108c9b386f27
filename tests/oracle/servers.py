"""servers.py - the two servers of a comparison: a fresh cluster of ours, and the reference program."""
import contextlib
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def cluster(folder):
    """A cluster of the executables in `folder`; gives its address. What it stored is checked at the end."""
    os.environ["GNOMON_TEST_BIN"] = str(folder.resolve())  # the harness reads it when it is imported
    sys.path.append(str(ROOT / "tests" / "integration"))
    import harness
    one = harness.Cluster()
    try:
        yield one.address
    finally:
        one.stop()


@contextlib.contextmanager
def reference(program):
    """The reference program (make build/tools/oracle); gives its address. It ends when its input closes."""
    one = subprocess.Popen([program.resolve()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
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
