"""The Web UI's server: its own endpoints, the API below it, who may write, and the files where they are built."""

import http.client
import json
import re
import uuid

import pytest

import harness
from test_http_api import ask

OTHERS = {"Cookie": "_csrf=abc123", "X-CSRF-Token": "abc123"}


@pytest.fixture(scope="module")
def ui(server):
    if not server.own:
        pytest.skip("the Web UI's port of another server is not known")
    return server.ui


def test_its_own_endpoints(ui):
    assert ask(ui, "GET", "/healthz")[:2] == (200, {"status": "OK"})
    status, settings, headers = ask(ui, "GET", "/api/v1/settings")
    assert status == 200 and settings["DefaultNamespace"] == "default" and settings["Auth"]["Enabled"] is False
    assert settings["Codec"]["Endpoint"] == "" and settings["DisableWriteActions"] is False
    assert headers["X-Frame-Options"] == "SAMEORIGIN" and headers["X-Content-Type-Options"] == "nosniff"
    cookie = headers["Set-Cookie"]
    assert re.match(r"_csrf=[A-Za-z0-9]{32}; Path=/; Expires=.* GMT; SameSite=Strict$", cookie)
    assert ask(ui, "GET", "/healthz", headers={"Cookie": "x=1; _csrf=mine"})[2]["Set-Cookie"].startswith("_csrf=mine;")


def test_only_its_own_pages_write(ui):
    path = "/api/v1/namespaces/default/workflows/none/terminate"
    assert ask(ui, "POST", path, {})[:2] == (400, {"message": "missing csrf token in request header"})
    wrong = {"Cookie": "_csrf=abc", "X-CSRF-Token": "abd"}
    assert ask(ui, "POST", path, {}, wrong)[:2] == (403, {"message": "invalid csrf token"})
    assert ask(ui, "POST", path, {}, {"X-CSRF-Token": ""})[0] == 400
    assert ask(ui, "POST", path, {}, OTHERS)[0] == 404
    assert ask(ui, "POST", path, {}, {"Authorization": "Bearer x"})[0] == 404


def test_the_api_below_it(ui):
    """Full payloads, indented, ids with slashes."""
    workflow_id = f"a/b {uuid.uuid4()}"
    quoted = workflow_id.replace("/", "%2F").replace(" ", "%20")
    path = f"/api/v1/namespaces/default/workflows/{quoted}"
    payload = {"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "MQ=="}
    body = {"workflowType": {"name": "T"}, "taskQueue": {"name": "q"}, "input": {"payloads": [payload]}}
    status, answer, headers = ask(ui, "POST", path, body, OTHERS)
    assert status == 200 and headers["Content-Type"] == "application/json", answer
    run_id = answer["runId"]
    status, answer, _ = ask(ui, "GET", f"{path}/history?execution.runId={run_id}")
    started = answer["history"]["events"][0]["workflowExecutionStartedEventAttributes"]
    assert started["input"] == {"payloads": [payload]} and started["workflowId"] == workflow_id
    status, events, headers = ask(ui, "GET", f"{path}/run/{run_id}/history.json")
    assert status == 200 and [e["eventId"] for e in events] == ["1", "2"]
    assert ask(ui, "GET", f"{path}/run/{uuid.uuid4()}/history.json")[0] == 404
    assert ask(ui, "POST", f"{path}/terminate", {}, OTHERS)[0] == 200


def test_a_long_history_is_downloaded_whole(ui):
    workflow_id = f"long-{uuid.uuid4()}"
    path = f"/api/v1/namespaces/default/workflows/{workflow_id}"
    body = {"workflowType": {"name": "T"}, "taskQueue": {"name": "q"}}
    status, answer, _ = ask(ui, "POST", path, body, OTHERS)
    for i in range(300):
        assert ask(ui, "POST", f"{path}/signal/s", {}, OTHERS)[0] == 200
    status, events, _ = ask(ui, "GET", f"{path}/run/{answer['runId']}/history.json")
    assert [int(e["eventId"]) for e in events] == list(range(1, 303))
    assert ask(ui, "POST", f"{path}/terminate", {}, OTHERS)[0] == 200


def test_texts_in_frames(ui):
    """What workflows say of themselves comes as text, whatever is in it, and runs nothing."""
    status, headers, page = fetch(ui, "/render?content=a%20%3Cscript%3E%26b%3C%2Fscript%3E&theme=dark")
    assert status == 200 and b"a &lt;script&gt;&amp;b&lt;/script&gt;" in page and b"<script" not in page
    assert headers["Content-Type"].startswith("text/html")
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "sandbox" in policy and "frame-ancestors 'self'" in policy
    assert fetch(ui, "/render")[0] == 200


def test_other_origins_are_not_let_in(ui):
    status, _, headers = ask(ui, "OPTIONS", "/api/v1/namespaces", headers={"Origin": "http://elsewhere"})
    assert status == 204 and headers["Access-Control-Allow-Origin"] is None


def fetch(ui, path, **headers):
    connection = http.client.HTTPConnection(ui.removeprefix("http://"), timeout=30)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def test_without_its_files_it_says_so(tmp_path):
    cluster = harness.Cluster(environment={"GNOMON_UI_ASSETS": str(tmp_path / "nowhere")})
    try:
        status, _, page = fetch(cluster.ui, "/")
        assert status == 200 and b"fetch_ui" in page
    finally:
        cluster.stop()


def test_its_files(ui):
    status, headers, page = fetch(ui, "/namespaces/default/workflows")
    assert status == 200 and headers["Content-Type"].startswith("text/html") and b"/_app/" in page
    assert headers["Cache-Control"] == "no-cache"
    script = re.search(rb'"(/_app/immutable/entry/app[^"]*\.js)"', page).group(1).decode()
    status, headers, raw = fetch(ui, script)
    assert status == 200 and headers["Content-Type"].startswith("text/javascript")
    assert "immutable" in headers["Cache-Control"] and not headers["Content-Encoding"]
    status, packed, data = fetch(ui, script, **{"Accept-Encoding": "gzip"})
    assert packed["Content-Encoding"] == "gzip" and len(data) < len(raw)
    assert fetch(ui, script, **{"If-None-Match": headers["ETag"]})[0] == 304
    assert fetch(ui, "/_app/immutable/none.js")[0] == 404
    assert json.loads(fetch(ui, "/_app/version.json")[2])
