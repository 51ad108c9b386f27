#!/usr/bin/env python3
"""run.py - `make bench`: a fresh cluster on free ports under load, beside a reference if asked.

    run.py --out build/release [--reference host:port | PROGRAM] [-- options of gnomon-bench]

Starts gnomon-run on an empty data folder (fsync on), drives it with gnomon-bench, prints a table
and stops it. A reference is a running server's address, or a program that prints
`ADDRESS host:port NAMESPACE name` and ends with its standard input; both get the same load in one
run, and the table says how many times less (or more) this server takes.
"""
import argparse
import os
import pathlib
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

WIDTH = 64
READY_S = 60
STOP_S = 20
RATES = ("frontend.rps", "frontend.namespaceRPS", "frontend.namespaceRPS.visibility", "frontend.namespaceCount",
         "frontend.persistenceMaxQPS", "history.persistenceMaxQPS", "matching.persistenceMaxQPS")

# row of the bench's output, text, digits, True when more is better
ROWS = [
    ("load.workflows_per_s", "workflows per second, under load", 1, True),
    ("load.p50_ms", "  p50, ms", 1, False),
    ("load.p99_ms", "  p99, ms", 1, False),
    ("load.server_cpu_ms_each", "  server CPU, ms per workflow", 3, False),
    ("load.cpu_ms_each.gnomon-frontend", "    frontend", 3, False),
    ("load.cpu_ms_each.gnomon-history", "    history", 3, False),
    ("load.cpu_ms_each.gnomon-matching", "    matching", 3, False),
    ("load.written_kb_each", "  written to disk, KB per workflow", 1, False),
    ("load.rss_peak_mb", "  memory, MB", 1, False),
    ("alone.p50_ms", "one at a time: p50, ms", 2, False),
    ("alone.p99_ms", "  p99, ms", 2, False),
    ("alone.server_cpu_ms_each", "  server CPU, ms per workflow", 3, False),
    ("idle.rss_mb", "memory idle, MB", 1, False),
    ("growth.signals.first_cpu_ms", "10,000 signals to one workflow, just begun: CPU, ms", 3, False),
    ("growth.signals.first_history_cpu_ms", "  of history alone", 3, False),
    ("growth.signals.first_ms", "  latency, ms", 3, False),
    ("growth.signals.last_cpu_ms", "10,000 signals to one workflow, nearly full: CPU, ms", 3, False),
    ("growth.signals.last_history_cpu_ms", "  of history alone", 3, False),
    ("growth.signals.last_ms", "  latency, ms", 3, False),
    ("growth.events.first_cpu_ms", "100 events to one of 50,000, just begun: CPU, ms", 3, False),
    ("growth.events.first_history_cpu_ms", "  of history alone", 3, False),
    ("growth.events.first_ms", "  latency, ms", 3, False),
    ("growth.events.last_cpu_ms", "100 events to one of 50,000, nearly full: CPU, ms", 3, False),
    ("growth.events.last_history_cpu_ms", "  of history alone", 3, False),
    ("growth.events.last_ms", "  latency, ms", 3, False),
    ("growth.activities.first_cpu_ms", "an activity of one with 2,000, its first tenth: CPU, ms", 3, False),
    ("growth.activities.first_history_cpu_ms", "  of history alone", 3, False),
    ("growth.activities.first_ms", "  latency, ms", 3, False),
    ("growth.activities.last_cpu_ms", "an activity of one with 2,000, its last tenth: CPU, ms", 3, False),
    ("growth.activities.last_history_cpu_ms", "  of history alone", 3, False),
    ("growth.activities.last_ms", "  latency, ms", 3, False),
    ("growth.updates.first_cpu_ms", "an update of one with 1,900, just begun: CPU, ms", 3, False),
    ("growth.updates.first_history_cpu_ms", "  of history alone", 3, False),
    ("growth.updates.first_ms", "  latency, ms", 3, False),
    ("growth.updates.last_cpu_ms", "an update of one with 1,900, nearly full: CPU, ms", 3, False),
    ("growth.updates.last_history_cpu_ms", "  of history alone", 3, False),
    ("growth.updates.last_ms", "  latency, ms", 3, False),
    ("growth.children.first_cpu_ms", "10 children more of one with 1,900 pending, just begun: CPU, ms", 3, False),
    ("growth.children.first_history_cpu_ms", "  of history alone", 3, False),
    ("growth.children.first_ms", "  latency, ms", 3, False),
    ("growth.children.last_cpu_ms", "10 children more of one with 1,900 pending, nearly full: CPU, ms", 3, False),
    ("growth.children.last_history_cpu_ms", "  of history alone", 3, False),
    ("growth.children.last_ms", "  latency, ms", 3, False),
]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port, process, what):
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"bench: {what} ended with status {process.returncode}")
        with socket.socket() as s:
            s.settimeout(1)
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        try:
            process.wait(0.05)  # pace, and learn at once if it dies
        except subprocess.TimeoutExpired:
            pass
    sys.exit(f"bench: {what} is not ready after {READY_S} s")


def stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def drive(out, address, options, tree=None, namespace="default"):
    command = [str(out / "tests/bench/gnomon-bench"), "--address", address,
               "--namespace", namespace, *options]
    if tree:
        command += ["--tree", str(tree)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    figures = {}
    for line in done.stdout.splitlines():
        name, value = line.split()
        figures[name] = float(value)
    if done.returncode != 0:
        print(done.stdout, end="")
        sys.exit(f"bench: {address} did not pass")
    return figures


def measure_ours(out, options):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="gnomon-bench-", dir=os.environ.get("TMPDIR")))
    port = free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GNOMON_")}
    environment.update(GNOMON_DATA_DIR=str(folder / "data"), GNOMON_RUN_DIR=str(folder / "run"),
                       GNOMON_FRONTEND_PORT=str(port),
                       GNOMON_FRONTEND_HTTP_PORT="0", GNOMON_UI_PORT="0", GNOMON_LOG_LEVEL="warn")
    for service in ("FRONTEND", "HISTORY", "MATCHING", "TIMERS"):
        environment[f"GNOMON_{service}_METRICS_PORT"] = "0"
    environment.update({k: v for k, v in os.environ.items() if k.startswith("GNOMON_HISTORY_") or
                        k.startswith("GNOMON_FRONTEND_THREADS")})
    # By default a frontend serves 2,400 requests a second, which is 300 workflows.
    rates = folder / "dynamic.yaml"
    rates.write_text("".join(f"{key}: [{{value: 1000000}}]\n" for key in RATES))
    environment["DYNAMIC_CONFIG_FILE_PATH"] = str(rates)
    process = subprocess.Popen([str(out / "gnomon-run")], env=environment,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        wait_for_port(port, process, "gnomon-run")
        return drive(out, f"127.0.0.1:{port}", options, tree=process.pid)
    finally:
        stop(process)
        shutil.rmtree(folder, ignore_errors=True)


def read_address(process):
    """`ADDRESS host:port NAMESPACE name`, as the first line that the reference prints."""
    deadline = time.monotonic() + READY_S
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            if not selector.select(1):
                continue
            words = process.stdout.readline().split()
            if not words:
                break
            if len(words) == 4 and words[0] == "ADDRESS":
                return words[1], words[3]
    sys.exit("bench: the reference printed no address")


def measure_reference(out, reference, options):
    if not os.path.exists(reference):
        return drive(out, reference, options)
    process = subprocess.Popen([reference], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
    try:
        address, namespace = read_address(process)
        return drive(out, address, options, tree=process.pid, namespace=namespace)
    finally:
        process.stdin.close()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def show(ours, reference):
    print(f"{'':{WIDTH}} {'ours':>12}" + (f" {'reference':>12} {'better by':>10}" if reference else ""))
    for name, text, digits, more_is_better in ROWS:
        if name not in ours:
            continue
        line = f"{text:{WIDTH}} {ours[name]:12.{digits}f}"
        if reference and name in reference:
            a, b = ours[name], reference[name]
            ratio = (a / b if more_is_better else b / a) if a and b else 0
            line += f" {b:12.{digits}f} " + (f"{ratio:9.1f}x" if ratio else f"{'-':>10}")
        print(line)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--reference")
    parser.add_argument("options", nargs="*")
    args = parser.parse_args()
    reference = measure_reference(args.out, args.reference, args.options) if args.reference else {}
    show(measure_ours(args.out, args.options), reference)


if __name__ == "__main__":
    main()
