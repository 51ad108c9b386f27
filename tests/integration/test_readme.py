"""test_readme.py - the example of README.md, as a reader would run it."""

import re
import subprocess
import sys

from harness import ROOT, unique


def test_the_worked_example(server, tmp_path):
    (source,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    assert '"localhost:7233"' in source and '"greeting-1"' in source
    source = source.replace("localhost:7233", server.address).replace("greeting-1", unique("readme"))
    path = tmp_path / "hello.py"
    path.write_text(source)
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "approved: False\nHello, world!\n"
