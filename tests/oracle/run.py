#!/usr/bin/env python3
"""run.py - a fresh cluster of ours, then compare.py with a reference server that runs already."""
import argparse
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port, process, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit("oracle: the cluster did not start, see oracle.log")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, type=pathlib.Path)
    parser.add_argument("--reference", required=True)
    parser.add_argument("rest", nargs="*")
    options = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="gnomon-oracle-") as data:
        environment = dict(os.environ, GNOMON_DATA_DIR=data, GNOMON_FRONTEND_PORT=str(port))
        for service in ("FRONTEND", "HISTORY", "MATCHING", "TIMERS"):
            environment[f"GNOMON_{service}_METRICS_PORT"] = "0"
        log = pathlib.Path(options.bin, "oracle.log").open("w")
        cluster = subprocess.Popen([options.bin / "gnomon-run"], env=environment, stdout=log, stderr=log)
        try:
            wait_for(port, cluster)
            return subprocess.run([sys.executable, HERE / "compare.py", options.reference, f"127.0.0.1:{port}",
                                   *options.rest]).returncode
        finally:
            cluster.send_signal(signal.SIGINT)
            try:
                cluster.wait(20)
            except subprocess.TimeoutExpired:
                cluster.kill()


if __name__ == "__main__":
    sys.exit(main())
