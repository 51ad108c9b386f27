"""Requests to the HTTP API whose answers a reference server has given: status, content type and JSON are compared.

    python test_http_reference.py http://HOST:PORT     records its answers in http_reference.json

The reference names `*` as the type of most of its JSON; that counts as JSON. What differs from run to run (ids, times, the version) is made the same on both sides; the answers of both name the
namespace `default`, in which the requests start workflows of their own.
"""

import json
import pathlib
import re
import sys
import urllib.error
import urllib.request
import uuid

RECORDED = pathlib.Path(__file__).with_suffix(".json").with_name("http_reference.json")
START = {"workflowType": {"name": "T"}, "taskQueue": {"name": "q"}}
W = "/api/v1/namespaces/default/workflows/{id}"
JSON = "application/json"

# (verb, path, body, headers); in order: later ones see what earlier ones did.
REQUESTS = [
    ("GET", "/nope", None, {}),
    ("GET", "/", None, {}),
    ("GET", "/api/v1", None, {}),
    ("PUT", "/api/v1/namespaces", None, {}),
    ("DELETE", "/api/v1/namespaces", None, {}),
    ("PATCH", "/system-info", None, {}),
    ("HEAD", "/api/v1/system-info", None, {}),
    ("GET", "/api/v1/namespaces/nope", None, {}),
    ("GET", "/namespaces/nope", None, {}),
    ("GET", "/cluster/namespaces/nope?pretty", None, {}),
    ("GET", "/api/v1/namespaces/nope", None, {"Accept": "application/json+pretty"}),
    ("GET", "/api/v1/namespaces/a%2Fb", None, {}),
    ("GET", "/api/v1/namespaces/a%20b", None, {}),
    ("GET", "/api/v1/namespaces?pageSize=x", None, {}),
    ("GET", "/api/v1/namespaces?pageSize=99999999999", None, {}),
    ("GET", "/api/v1/namespaces?pageSize=1&pageSize=2", None, {}),
    ("GET", "/api/v1/namespaces?pageSize.x=1", None, {}),
    ("GET", "/api/v1/namespaces?a;b", None, {}),
    ("GET", "/api/v1/namespaces?namespaceFilter.includeDeleted=maybe", None, {}),
    ("POST", W, "{", {}),
    ("POST", W, "", {}),
    ("POST", W, "  ", {}),
    ("POST", W, "x", {}),
    ("POST", W, "[]x", {}),
    ("POST", W, '{"a" 1}', {}),
    ("POST", W, '{"a":1 2}', {}),
    ("POST", W, "{,}", {}),
    ("POST", W, '{"a":nul}', {}),
    ("POST", W, '{"a":-}', {}),
    ("POST", W, '{"a":1.}', {}),
    ("POST", W, '{"a":1e}', {}),
    ("POST", W, '{"a":"\\x"}', {}),
    ("POST", W, '{"a":"\\u12x4"}', {}),
    ("POST", W, '{"a":"\n"}', {}),
    ("POST", W, '{"nope": 1}', {}),
    ("POST", W, '{\n  "identity": "ä", "nope": 1}', {}),
    ("POST", W, '{"identity": 1}', {}),
    ("POST", W, '{"identity": "a", "identity": "b"}', {}),
    ("POST", W, '{"workflowRunTimeout": "5"}', {}),
    ("POST", W, '{"workflowRunTimeout": "999999999999s"}', {}),
    ("POST", W, '{"workflowIdReusePolicy": "Nope"}', {}),
    ("POST", W, '{"workflowIdReusePolicy": 1.5}', {}),
    ("POST", W, '{"requestEagerExecution": "true"}', {}),
    ("POST", W, '{"memo": {"fields": {"a": 1, "a": 2}}}', {}),
    ("POST", W, '{"retryPolicy": {"maximumAttempts": 99999999999}}', {}),
    ("POST", W, '{"retryPolicy": {"nonRetryableErrorTypes": [null]}}', {}),
    ("POST", W, '{"lastCompletionResult": {"payloads": [{"data": "!"}]}}', {"Content-Type": JSON + "+no-payload-shorthand"}),
    ("POST", W, "{}", {}),
    ("POST", W, {**START, "workflowType": {}}, {}),
    ("POST", W, {**START, "taskQueue": {}}, {}),
    ("POST", W.replace("default", "nope"), START, {}),
    ("POST", W, {**START, "workflowRunTimeout": "-1s"}, {}),
    ("POST", W, START, {"Grpc-Timeout": "soon"}),
    ("POST", W, {**START, "requestId": "{id}", "input": [1, "a", {"b": 2.50, "a": []}, None, True, 1e21, 12345678901234567890],
                 "memo": {"fields": {"k": {"_protoMessageType": "a.B", "x": 1}}},
                 "workflow_id_reuse_policy": "AllowDuplicate", "workflowTaskTimeout": "3.5s"}, {}),
    ("POST", W, {**START, "requestId": "other"}, {}),
    ("GET", W, None, {}),
    ("GET", W + "?execution.runId=x", None, {}),
    ("GET", W + "-none", None, {}),
    ("GET", W + "/history?maximumPageSize=1", None, {}),
    ("GET", W + "/history?maximumPageSize=1&noPayloadShorthand", None, {}),
    ("GET", W + "/history?historyEventFilterType=9", None, {}),
    ("GET", W + "/history?historyEventFilterType=HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT", None, {}),
    ("GET", W + "/history?waitNewEvent=perhaps", None, {}),
    ("GET", W + "/history?nextPageToken=!", None, {}),
    ("POST", W + "/signal/s", {"input": ["x"]}, {}),
    ("POST", W + "/signal/s", {"signalName": "other", "workflowExecution": {"workflowId": "other"}}, {}),
    ("POST", W + "-none/signal/s", {}, {}),
    ("POST", W + "/cancel", {"reason": "r"}, {}),
    ("POST", W + "/terminate", {"reason": "r", "details": [1]}, {}),
    ("POST", W + "/terminate", {}, {}),
    ("GET", W + "/history", None, {}),
    ("GET", "/api/v1/namespaces/default", None, {"Authorization": "Bearer x"}),
    ("GET", "/api/v1/namespaces/default/activities-deprecated", None, {}),
]

VARYING = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "TIME"),
    # Where in its own sources the reference met the token.
    (re.compile(r" \(in [^)]*\.go:\d+\)"), ""),
]
UNEQUAL = {"taskId", "nextPageToken", "historySizeBytes"}


def normal(value):
    if isinstance(value, dict):
        return {k: "VARIES" if k in UNEQUAL else normal(v) for k, v in value.items()}
    if isinstance(value, list):
        return [normal(v) for v in value]
    if isinstance(value, str):
        for pattern, word in VARYING:
            value = pattern.sub(word, value)
    return value


def answers(base):
    workflow_id = str(uuid.uuid4())
    for verb, path, body, headers in REQUESTS:
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        data = None if text is None else text.replace("{id}", workflow_id).encode()
        url = base + path.replace("{id}", workflow_id)
        request = urllib.request.Request(url, data, {"Content-Type": JSON, **headers}, method=verb)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, kind, got = answer.status, answer.headers["Content-Type"], answer.read().decode()
        except urllib.error.HTTPError as error:
            status, kind, got = error.code, error.headers["Content-Type"], error.read().decode()
        try:
            got = json.loads(got)
        except ValueError:
            pass
        yield {"request": [verb, path, body, headers], "status": status, "type": JSON if kind == "*" else kind, "answer": normal(got)}


def test_the_answers_are_the_references(own_server):
    recorded = json.loads(RECORDED.read_text())
    ours = list(answers(own_server.http))
    assert len(ours) == len(recorded["answers"]) >= 60
    differences = []
    for got, want in zip(ours, recorded["answers"]):
        key = " ".join(got["request"][:2]) + " " + json.dumps(got["request"][2])
        if key in recorded["argued"]:
            assert got["status"] == recorded["argued"][key]["status"], key
        elif got != want:
            differences.append(f"{key}\n  ours {got}\n  want {want}")
    assert not differences, "\n".join(differences)


if __name__ == "__main__":
    old = json.loads(RECORDED.read_text()) if RECORDED.exists() else {"argued": {}}
    old["answers"] = list(answers(sys.argv[1]))
    RECORDED.write_text(json.dumps(old, indent=1, ensure_ascii=False) + "\n")
