"""test_readme.py - the example of README.md, as a reader would run it."""

import re
import signal
import subprocess
import sys

from harness import ROOT, unique


def assert_ended_well(done):
    """The SDK's own threads sometimes abort or crash the interpreter while it ends, after all work is
    done; that is no word about the server. What was printed is compared by the caller."""
    at_exit = done.returncode == -signal.SIGSEGV or (
        done.returncode == -signal.SIGABRT and "runtime state: finalizing" in done.stderr
    )
    assert done.returncode == 0 or at_exit, done.stderr


def test_the_worked_example(server, tmp_path):
    (source,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    assert '"localhost:7233"' in source and '"greeting-1"' in source
    source = source.replace("localhost:7233", server.address).replace("greeting-1", unique("readme"))
    path = tmp_path / "hello.py"
    path.write_text(source)
    done = subprocess.run(
        [sys.executable, "-u", str(path)], capture_output=True, text=True, timeout=60
    )
    assert_ended_well(done)
    assert done.stdout == "approved: False\nHello, world!\n"
