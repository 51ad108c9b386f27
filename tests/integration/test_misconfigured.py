"""test_misconfigured.py - what a service cannot run with: one clear line, exit status 2, nothing left behind."""

import os
import shutil
import sqlite3
import subprocess

import pytest

import harness
from harness import BIN, SERVICES, Cli, Cluster

pytestmark = pytest.mark.skipif(harness.EXTERNAL is not None, reason="tests processes of our own")


def environment(tmp_path, **changed):
    ports = {f"GNOMON_{service.upper()}_METRICS_PORT": "0" for service in SERVICES}
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("GNOMON_")},
        **ports,
        "GNOMON_FRONTEND_PORT": "0",
        "GNOMON_FRONTEND_HTTP_PORT": "0",
        "GNOMON_UI_PORT": "0",
        "GNOMON_DATA_DIR": str(tmp_path / "data"),
        "GNOMON_RUN_DIR": str(tmp_path / "run"),
        **changed,
    }


def complaint(service, env):
    """The lines on stderr that are not about what went well; the service ends by itself with status 2."""
    done = subprocess.run(
        [str(BIN / f"gnomon-{service}")], env=env, capture_output=True, text=True, timeout=30
    )
    lines = [line for line in done.stderr.splitlines() if "level=info" not in line]
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert len(lines) == 1, done.stderr
    return lines[0]


# variables, the line; {tmp} is the test's folder, which holds a file named `file`
CASES = {
    "no-number": ({"GNOMON_FRONTEND_PORT": "abc"}, 'GNOMON_FRONTEND_PORT: not a whole number: "abc"'),
    "port-too-high": (
        {"GNOMON_FRONTEND_PORT": "65536"},
        'GNOMON_FRONTEND_PORT: not in 0..65535: "65536"',
    ),
    "port-negative": ({"GNOMON_FRONTEND_PORT": "-1"}, 'GNOMON_FRONTEND_PORT: not in 0..65535: "-1"'),
    "port-empty": ({"GNOMON_FRONTEND_PORT": ""}, 'GNOMON_FRONTEND_PORT: not a whole number: ""'),
    "unknown-key": ({"GNOMON_FRONTEND_PROT": "7233"}, "GNOMON_FRONTEND_PROT: no such key"),
    "two-ports-alike": (
        {"GNOMON_FRONTEND_PORT": "7000", "GNOMON_TIMERS_METRICS_PORT": "7000"},
        "frontend.port and timers.metrics.port: both are 7000",
    ),
    "no-address": ({"GNOMON_BIND_IP": "localhost"}, 'bind.ip: not an IP address: "localhost"'),
    "mesh-beyond-loopback": (
        {"GNOMON_MESH_LISTEN": "tcp://0.0.0.0:0"},
        "gnomon-{service}: mesh.listen: tcp://0.0.0.0:0 is beyond loopback, and plain TCP neither hides what it "
        "carries nor tells who speaks: set mesh.insecure = true (GNOMON_MESH_INSECURE) where only this cluster's "
        "processes can reach it",
    ),
    "mesh-no-address": (
        {"GNOMON_MESH_LISTEN": "tcp://history:7300", "GNOMON_MESH_INSECURE": "true"},
        "gnomon-{service}: mesh.listen: not tcp://ADDRESS:PORT with an IP address (an IPv6 one in brackets): "
        '"tcp://history:7300"',
    ),
    "mesh-told-nowhere": (
        {"GNOMON_MESH_ADVERTISE": "history"},
        "gnomon-{service}: mesh.advertise: is for mesh.listen = tcp://..., which is not set",
    ),
    "no-level": ({"GNOMON_LOG_LEVEL": ""}, 'log.level: not debug, info, warn or error: ""'),
    "no-format": ({"GNOMON_LOG_FORMAT": "xml"}, 'log.format: neither text nor json: "xml"'),
    "no-back-end": ({"GNOMON_STORE": "postgres"}, 'store: no such back end: "postgres"'),
    "seven-shards": ({"GNOMON_HISTORY_SHARDS": "7"}, 'history.shards: not a divisor of 256: "7"'),
    "no-shards": ({"GNOMON_HISTORY_SHARDS": "0"}, 'GNOMON_HISTORY_SHARDS: not in 1..256: "0"'),
    "no-data-dir": ({"GNOMON_DATA_DIR": ""}, "data.dir: must not be empty"),
    "data-dir-is-a-file": ({"GNOMON_DATA_DIR": "{tmp}/file"}, "gnomon-{service}: {tmp}/file is not a folder"),
    "data-dir-below-a-file": (
        {"GNOMON_DATA_DIR": "{tmp}/file/data"},
        "gnomon-{service}: cannot make the folder {tmp}/file/data: Not a directory",
    ),
    "data-dir-too-long": (
        {"GNOMON_DATA_DIR": "/" + "x" * 255},
        'GNOMON_DATA_DIR: longer than 255 bytes: "/' + "x" * 255 + '"',
    ),
    "run-dir-too-long": (
        {"GNOMON_RUN_DIR": "/tmp/" + "x" * 70},
        "gnomon-{service}: run.dir /tmp/" + "x" * 70 + " is too long: at most 67 characters",
    ),
    "run-dir-is-a-file": ({"GNOMON_RUN_DIR": "{tmp}/file"}, "gnomon-{service}: {tmp}/file is not a folder"),
    "run-dir-of-everybody": (
        {"GNOMON_RUN_DIR": "{tmp}/open"},
        "gnomon-{service}: run.dir {tmp}/open must be a folder of this user that others cannot write",
    ),
}


@pytest.mark.parametrize("service", ["frontend", "timers"])
@pytest.mark.parametrize("name", CASES)
def test_a_wrong_value_is_named(tmp_path, name, service):
    (tmp_path / "file").write_text("")
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    variables, line = CASES[name]
    env = environment(tmp_path, **{k: v.replace("{tmp}", str(tmp_path)) for k, v in variables.items()})
    assert complaint(service, env) == line.format(tmp=tmp_path, service=service)


def test_a_cluster_store_that_cannot_be_opened(tmp_path):
    (tmp_path / "data" / "cluster.db").mkdir(parents=True)
    assert complaint("history", environment(tmp_path)) == (
        f"gnomon-history: cannot open {tmp_path}/data/cluster.db: unable to open database file"
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A data folder with some workflows in it, of a cluster that has ended in order."""
    cluster = Cluster()
    cli = Cli(cluster.address)
    try:
        for n in range(16):
            cli.run("workflow", "start", "--type", "T", "--task-queue", "q", "--workflow-id", f"w{n}")
        assert cluster.interrupt() == 0
        folder = tmp_path_factory.mktemp("written") / "data"
        shutil.copytree(cluster.folder / "data", folder)
    finally:
        cluster.kill_all()
        shutil.rmtree(cluster.folder, ignore_errors=True)
    return folder


def sql(path, text):
    with sqlite3.connect(path) as db:
        db.execute(text)
    db.close()


def overwrite(path):
    path.write_bytes(b"\xa5" * path.stat().st_size)


def cut(path):
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size // 2 + 100)


DAMAGES = {
    "log-overwritten": ("history-1.log.db", overwrite, "file is not a database"),
    "tables-overwritten": ("history-1.tables.db", overwrite, "file is not a database"),
    "log-cut": ("history-1.log.db", cut, "malformed"),
    "tables-cut": ("history-1.tables.db", cut, "malformed"),
    "log-lost": ("history-1.log.db", os.unlink, "tables at "),
    "tables-lost": ("history-1.tables.db", os.unlink, "is missing"),
    "log-of-a-later-version": (
        "history-1.log.db",
        lambda path: sql(path, "PRAGMA user_version = 9"),
        "history-1.log.db has schema version 9, this is 1",
    ),
    "tables-of-a-later-version": (
        "history-1.tables.db",
        lambda path: sql(path, "PRAGMA user_version = 9"),
        "history-1.tables.db has schema version 9, this is 1",
    ),
    "log-of-another-shard": (
        "history-1.log.db",
        lambda path: shutil.copy(path.with_name("history-2.log.db"), path),
        "belongs to another shard",
    ),
    "cluster-of-a-later-version": (
        "cluster.db",
        lambda path: sql(path, "UPDATE meta SET value = 9 WHERE key = 'schema_version'"),
        "cluster.db has schema version 9, this program knows 1",
    ),
    "cluster-overwritten": ("cluster.db", overwrite, "file is not a database"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_data_is_refused(tmp_path, written, name):
    file, damage, words = DAMAGES[name]
    shutil.copytree(written, tmp_path / "data")
    damage(tmp_path / "data" / file)
    line = complaint("history", environment(tmp_path))
    assert words in line and file.split(".")[0].split("-")[0] in line
    assert not any(entry.suffix == ".member" for entry in (tmp_path / "run").glob("*"))


@pytest.mark.parametrize("service", SERVICES)
def test_another_count_of_shards_is_refused(tmp_path, written, service):
    """Workflows would be looked for in the wrong shards: every process refuses, and nothing is written."""
    shutil.copytree(written, tmp_path / "data")
    before = sorted(path.name for path in (tmp_path / "data").iterdir())
    for count in (1, 2, 8):
        env = environment(tmp_path, GNOMON_HISTORY_SHARDS=str(count))
        assert complaint(service, env) == (
            f"gnomon-{service}: history.shards is {count}, but the data in {tmp_path}/data was made with 4: "
            "it cannot be changed"
        )
    after = sorted(path.name for path in (tmp_path / "data").iterdir())
    assert [name for name in after if not name.startswith("cluster.db-")] == before


def test_the_supervisor_passes_a_refusal_on(tmp_path, written):
    shutil.copytree(written, tmp_path / "data")
    done = subprocess.run(
        [str(BIN / "gnomon-run"), "--bin", str(BIN)],
        env=environment(tmp_path, GNOMON_HISTORY_SHARDS="8"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode in (1, 2)
    assert "history.shards is 8, but the data in" in done.stderr
    assert "is ready." not in done.stdout + done.stderr
