"""test_run.py - gnomon-run, with the real services and with scripts in their place."""

import os
import shutil
import signal
import socket
import subprocess
import textwrap
import time
import urllib.request

import pytest

import harness
from harness import BIN, SERVICES, Cluster, children_of, is_alive, wait_until

pytestmark = pytest.mark.skipif(harness.EXTERNAL is not None, reason="tests processes of our own")

GOOD = """\
    import os, signal, sys, time
    name = os.path.basename(sys.argv[0])
    def say(*words): # one write, whatever others say meanwhile
        os.write(1, (" ".join(words) + "\\n").encode())
    def stop(*_):
        say(name, "stops")
        sys.exit(0)
    signal.signal(signal.SIGTERM, stop)
    os.write(int(os.environ["GNOMON_READY_FD"]), b"ready\\n")
    while True:
        signal.pause()
"""


@pytest.fixture
def scripts(tmp_path):
    """A folder of services that are scripts: scripts(history=SOURCE) changes one of them."""

    def write(**changed):
        for name in SERVICES:
            path = tmp_path / f"gnomon-{name}"
            path.write_text("#!/usr/bin/python3\n" + textwrap.dedent(changed.get(name, GOOD)))
            path.chmod(0o755)
        return tmp_path

    return write


@pytest.fixture
def run_cluster():
    made = []

    def start(*args, **options):
        made.append(Cluster(*args, **options))
        return made[-1]

    yield start
    for cluster in made:
        cluster.kill_all()
        shutil.rmtree(cluster.folder, ignore_errors=True)


def test_starts_all_and_stops_in_order(scripts, run_cluster):
    cluster = run_cluster(scripts())
    assert sorted(cluster.pids()) == sorted(SERVICES)
    text = cluster.log_since(0)
    assert f"gRPC       {cluster.address}" in text
    assert all(f":{port}/metrics" in text for port in cluster.metrics_ports.values())
    pids = cluster.pids().values()
    assert len({os.getpgid(pid) for pid in pids}) == 4  # a process group each
    assert cluster.interrupt() == 0
    stops = [line.split()[0] for line in cluster.log_since(0).splitlines() if "stops" in line]
    assert stops[0] == "gnomon-frontend"
    assert sorted(stops[1:3]) == ["gnomon-matching", "gnomon-timers"]
    assert stops[3] == "gnomon-history"
    assert not any(is_alive(pid) for pid in pids)


def test_several_of_each_role(scripts, run_cluster):
    """Each has ports and a process group of its own, each is started again, all stop in order."""
    loud = GOOD.replace(
        'os.write(int(', 'say("up", name, os.environ["GNOMON_REPLICA"], '
        'os.environ["GNOMON_FRONTEND_PORT"] if "frontend" in name else "-", '
        'os.environ[name.replace("-", "_").upper() + "_METRICS_PORT"])\n    os.write(int(', 1
    )
    replicas = {"history": 2, "matching": 3, "timers": 1, "frontend": 2}
    cluster = run_cluster(scripts(**{name: loud for name in SERVICES}), replicas=replicas)
    names = {n + (f"-{i}" if i else "") for n, count in replicas.items() for i in range(count)}
    assert set(cluster.pids()) == names
    assert len({os.getpgid(pid) for pid in cluster.pids().values()}) == len(names)
    text = cluster.log_since(0)
    for name, count in replicas.items():
        for i in range(count):
            port = str(cluster.port + 100 * i) if name == "frontend" else "-"
            metrics = cluster.metrics_ports[name] + 100 * i
            assert f"up gnomon-{name} {i} {port} {metrics}\n" in text
            label = name if count == 1 else f"{name}-{i}"
            assert f"http://127.0.0.1:{metrics}/metrics ({label})" in text
    assert all(f"gRPC       {address}\n" in text for address in cluster.addresses)
    for name in ("history-1", "matching-2", "frontend"):
        cluster.wait_restarted(name, cluster.kill(name))
    assert "matching-2 was killed by signal 9" in cluster.log_since(0)
    assert "frontend-0 was killed by signal 9" in cluster.log_since(0)
    wait_until(lambda: cluster.log_since(0).count("up gnomon-") == len(names) + 3, 10, "all back")
    assert set(cluster.pids()) == names
    assert cluster.interrupt() == 0
    stops = [line.split()[0] for line in cluster.log_since(0).splitlines() if "stops" in line]
    assert stops[:2] == ["gnomon-frontend"] * 2
    assert sorted(stops[2:6]) == ["gnomon-matching"] * 3 + ["gnomon-timers"]
    assert stops[6:] == ["gnomon-history"] * 2


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_stop_it_too(scripts, run_cluster, sig):
    cluster = run_cluster(scripts())
    assert cluster.interrupt(sig) == 0


def test_a_killed_service_is_started_again(scripts, run_cluster):
    cluster = run_cluster(scripts())
    for name in SERVICES:
        old = cluster.kill(name)
        cluster.wait_restarted(name, old)
    assert "killed by signal 9" in cluster.log_since(0)
    assert cluster.interrupt() == 0


def test_restarts_back_off(scripts, run_cluster):
    """It runs well once; from then on it dies at once, and the pauses double."""
    folder = scripts()
    flag = folder / "flag"
    scripts(
        timers=f"""\
        import os, signal, sys
        if os.path.exists("{flag}"):
            sys.exit(1)
        open("{flag}", "w").close()
        os.write(int(os.environ["GNOMON_READY_FD"]), b"ready\\n")
        while True:
            signal.pause()
        """
    )
    cluster = run_cluster(folder)
    cluster.kill("timers")

    def pauses():
        lines = [x for x in cluster.log_since(0).splitlines() if "starting it again" in x]
        return [int(x.split(" in ")[1].split()[0]) for x in lines]

    wait_until(lambda: len(pauses()) >= 5, 20, "five restarts")
    assert pauses()[:5] == [100, 200, 400, 800, 1600]
    assert set(cluster.pids()) >= {"history", "matching", "frontend"}
    assert cluster.interrupt() == 0


def test_a_service_that_cannot_start_ends_the_whole(scripts, run_cluster):
    cluster = run_cluster(
        scripts(matching="import sys; print('no such luck', file=sys.stderr); sys.exit(2)"), wait=False
    )
    assert cluster.process.wait(20) == 1
    text = cluster.log_since(0)
    assert "no such luck" in text
    assert "matching ended with status 2 before it was ready: stopping" in text
    assert "starting it again" not in text and "is ready." not in text


def test_a_missing_executable_ends_the_whole(scripts, run_cluster):
    folder = scripts()
    (folder / "gnomon-timers").unlink()
    cluster = run_cluster(folder, wait=False)
    assert cluster.process.wait(20) == 1
    assert "gnomon-timers: No such file or directory" in cluster.log_since(0)


def test_services_die_with_the_supervisor(scripts, run_cluster):
    cluster = run_cluster(scripts())
    pids = cluster.pids().values()
    cluster.process.kill()
    wait_until(lambda: not any(is_alive(pid) for pid in pids), 10, "all four gone")


def test_a_service_that_does_not_stop_is_killed_by_a_second_signal(scripts, run_cluster):
    stubborn = GOOD.replace("sys.exit(0)", "return")
    cluster = run_cluster(scripts(frontend=stubborn))
    pids = cluster.pids()
    cluster.process.send_signal(signal.SIGINT)
    wait_until(lambda: "gnomon-frontend stops" in cluster.log_since(0), 10, "it is asked")
    assert is_alive(pids["frontend"])
    assert cluster.interrupt(seconds=15) == 1
    assert not any(is_alive(pid) for pid in pids.values())


def test_one_cluster_per_data_folder(scripts, run_cluster):
    cluster = run_cluster(scripts())
    second = subprocess.run(
        [str(BIN / "gnomon-run"), "--bin", str(cluster.bin)],
        env=cluster.environment,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert second.returncode == 1
    assert second.stderr == (
        f"gnomon-run: another one already runs on the data in {cluster.folder}/data\n"
    )
    assert cluster.interrupt() == 0


def run_for_its_complaint(environment, *words):
    done = subprocess.run(
        [str(BIN / "gnomon-run"), *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=20,
    )
    return done.returncode, done.stderr


def test_taken_ports_are_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for key in ("frontend.port", "history.metrics.port"):
            variable = "GNOMON_" + key.upper().replace(".", "_")
            others = {
                f"GNOMON_{s.upper()}_METRICS_PORT": "0" for s in SERVICES
            } | {"GNOMON_FRONTEND_PORT": "0", "GNOMON_FRONTEND_HTTP_PORT": "0", "GNOMON_UI_PORT": "0"}
            status, text = run_for_its_complaint(
                {**others, "GNOMON_DATA_DIR": str(tmp_path), variable: str(port)}
            )
            assert status == 1
            assert text == (
                f"gnomon-run: {key}: cannot listen on 127.0.0.1 port {port}: Address already in use\n"
            )


def test_a_broken_configuration_is_named(tmp_path):
    path = tmp_path / "gnomon.conf"
    path.write_text("frontend.port = 99999\n")
    assert run_for_its_complaint({}, "--config", str(path)) == (
        2,
        f'{path}:1: frontend.port: not in 0..65535: "99999"\n',
    )
    assert run_for_its_complaint({}, "--config", str(tmp_path / "none")) == (
        2,
        f"{tmp_path}/none: No such file or directory\n",
    )
    status, text = run_for_its_complaint({"GNOMON_HISTORY_SHARDS": "7"})
    assert (status, text) == (2, 'history.shards: not a divisor of 256: "7"\n')
    status, text = run_for_its_complaint({}, "--history", "17")
    assert (status, text) == (2, 'GNOMON_RUN_HISTORY: not in 1..16: "17"\n')
    status, text = run_for_its_complaint({"GNOMON_FRONTEND_PORT": "65500"}, "--frontend", "2")
    assert (status, text) == (2, "run.port.step: the ports of frontend-1 would go beyond 65535\n")
    status, text = run_for_its_complaint({}, "--no-such-option")
    assert status == 2 and text.startswith("usage: gnomon-run")


# -- the real services --------------------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_refuses_a_broken_configuration(tmp_path, service):
    path = tmp_path / "gnomon.conf"
    path.write_text("log.level = loud\n")
    done = subprocess.run(
        [str(BIN / f"gnomon-{service}"), "--config", str(path)],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 2
    assert 'log.level: not debug, info, warn or error: "loud"' in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_real_services_start_answer_and_find_their_data_again(run_cluster):
    cluster = run_cluster()
    cli = harness.Cli(cluster.address)
    for name, port in cluster.metrics_ports.items():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            assert answer.status == 200, name
    namespace = cli.json("operator", "namespace", "describe", "-n", "default")
    started = cli.json(
        "workflow", "start", "--type", "T", "--task-queue", "q", "--workflow-id", "kept"
    )
    assert cluster.interrupt() == 0
    assert not children_of(cluster.process.pid)

    cluster.start()
    cluster.wait_ready()
    assert cli.json("operator", "namespace", "describe", "-n", "default") == namespace
    info = cli.json("workflow", "describe", "-w", "kept")["workflowExecutionInfo"]
    assert info["execution"]["runId"] == started["runId"]
    assert info["status"] == "WORKFLOW_EXECUTION_STATUS_RUNNING"
    listed = cli.json("workflow", "list")
    assert [e["execution"]["workflowId"] for e in listed] == ["kept"]
    assert cluster.interrupt() == 0


def test_real_services_come_back_after_a_kill_of_everything(run_cluster):
    cluster = run_cluster()
    cli = harness.Cli(cluster.address)
    started = cli.json(
        "workflow", "start", "--type", "T", "--task-queue", "q", "--workflow-id", "kept"
    )
    pids = cluster.pids().values()
    cluster.process.kill()
    wait_until(lambda: not any(is_alive(pid) for pid in pids), 10, "all gone")
    cluster.process.wait(10)
    cluster.start()
    cluster.wait_ready()
    info = cli.json("workflow", "describe", "-w", "kept")["workflowExecutionInfo"]
    assert info["execution"]["runId"] == started["runId"]
    assert cluster.interrupt() == 0


def test_a_frontend_without_history_answers_unavailable(run_cluster):
    """Alone, with nobody behind it: quickly, and by itself well again."""
    import grpc
    from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest
    from temporalio.api.common.v1 import WorkflowExecution

    cluster = run_cluster()
    assert cluster.interrupt() == 0  # leaves a data folder with the namespace in it
    lone = subprocess.Popen(
        [str(BIN / "gnomon-frontend")],
        env=cluster.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    method = "/temporal.api.workflowservice.v1.WorkflowService/DescribeWorkflowExecution"
    body = DescribeWorkflowExecutionRequest(
        namespace="default", execution=WorkflowExecution(workflow_id="nobody")
    ).SerializeToString()
    try:

        def answer():
            with harness.raw_channel(cluster.address) as call:
                try:
                    call(method, body, timeout=10)
                except grpc.RpcError as error:
                    return error.code(), error.details()
            return None

        def listening():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", cluster.port)) == 0

        wait_until(listening, 15, "the port")
        before = time.monotonic()
        assert answer()[0] == grpc.StatusCode.UNAVAILABLE
        assert time.monotonic() - before < 7
        history = subprocess.Popen([str(BIN / "gnomon-history")], env=cluster.environment)
        try:
            wait_until(lambda: answer()[0] == grpc.StatusCode.NOT_FOUND, 20, "history is found")
        finally:
            history.send_signal(signal.SIGTERM)
            assert history.wait(15) == 0
    finally:
        lone.send_signal(signal.SIGTERM)
        assert lone.wait(15) == 0


def test_make_run_starts_and_ctrl_c_stops_everything(tmp_path):
    """As a person does it, in a terminal of its own."""
    import pty

    ports = harness.free_ports(7)
    names = ["FRONTEND_PORT", "FRONTEND_HTTP_PORT", "UI_PORT", *[f"{s.upper()}_METRICS_PORT" for s in SERVICES]]
    environment = {
        **os.environ,
        **{f"GNOMON_{n}": str(p) for n, p in zip(names, ports)},
        "GNOMON_DATA_DIR": str(tmp_path / "data"),
    }
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(harness.ROOT)
        os.execvpe("make", ["make", f"BUILD={BIN.parent}", "run"], environment)
    text = b""
    deadline = time.monotonic() + 240
    try:
        while b"Gnomon is ready." not in text:
            assert time.monotonic() < deadline, text[-3000:]
            try:
                chunk = os.read(terminal, 4096)
            except OSError:
                chunk = b""
            assert chunk, text[-3000:]
            text += chunk
        os.write(terminal, b"\x03")  # Ctrl-C
        while True:
            try:
                chunk = os.read(terminal, 4096)
            except OSError:
                break
            if not chunk:
                break
            text += chunk
        _, status = os.waitpid(pid, 0)
        pid = 0
        assert os.waitstatus_to_exitcode(status) == 0, text[-3000:].decode()
    finally:
        os.close(terminal)
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    with socket.socket() as s:
        assert s.connect_ex(("127.0.0.1", ports[0])) != 0
