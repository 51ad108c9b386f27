"""The API over HTTP and JSON: every kind of path, what is refused and how, and the connections themselves."""

import json
import re
import socket
import threading
import urllib.error
import urllib.request
import uuid

import pytest


@pytest.fixture(scope="module")
def api(server):
    if not server.own:
        pytest.skip("the HTTP port of another server is not known")
    return server.http


def ask(api, verb, path, body=None, headers=None):
    """(status, parsed JSON or text, headers)"""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(api + path, data, headers or {}, method=verb)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            status, text, got = answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        status, text, got = error.code, error.read(), error.headers
    try:
        return status, json.loads(text), got
    except ValueError:
        return status, text.decode(), got


def start(api, workflow_id, **more):
    body = {"workflowType": {"name": "Type"}, "taskQueue": {"name": f"q-{workflow_id}"}, **more}
    status, answer, _ = ask(api, "POST", f"/api/v1/namespaces/default/workflows/{workflow_id}", body)
    assert status == 200, answer
    return answer["runId"]


@pytest.fixture
def workflow_id():
    return f"http-{uuid.uuid4()}"


def test_a_workflow_by_http_alone(api, workflow_id):
    memo = {"fields": {"note": "text"}}
    run_id = start(api, workflow_id, input=[1, "two", {"b": 2.5, "a": [None, True]}], memo=memo)
    path = f"/api/v1/namespaces/default/workflows/{workflow_id}"
    status, answer, _ = ask(api, "POST", f"{path}/signal/go", {"input": ["now"]})
    assert status == 200 and answer["link"]["workflowEvent"]["workflowId"] == workflow_id
    status, answer, headers = ask(api, "GET", f"{path}?execution.runId={run_id}")
    assert status == 200 and headers["Content-Type"] == "application/json"
    info = answer["workflowExecutionInfo"]
    assert info["execution"] == {"workflowId": workflow_id, "runId": run_id}
    assert info["memo"] == memo and info["status"] == "WORKFLOW_EXECUTION_STATUS_RUNNING"
    status, answer, _ = ask(api, "GET", f"{path}/history?maximumPageSize=1")
    events = answer["history"]["events"]
    assert [e["eventType"] for e in events] == ["EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"]
    assert events[0]["workflowExecutionStartedEventAttributes"]["input"] == [1, "two", {"a": [None, True], "b": 2.5}]
    token = answer["nextPageToken"].replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    status, answer, _ = ask(api, "GET", f"{path}/history?maximumPageSize=10&nextPageToken={token}")
    assert [e["eventId"] for e in answer["history"]["events"]] == ["2", "3"]
    assert answer["history"]["events"][1]["workflowExecutionSignaledEventAttributes"]["input"] == ["now"]
    status, answer, _ = ask(api, "POST", f"{path}/terminate", {"reason": "done", "details": [1]})
    assert (status, answer) == (200, {})
    status, answer, _ = ask(api, "GET", path)
    assert answer["workflowExecutionInfo"]["status"] == "WORKFLOW_EXECUTION_STATUS_TERMINATED"


def test_payloads_in_full_and_indented(api, workflow_id):
    start(api, workflow_id, input=["x"])
    path = f"/api/v1/namespaces/default/workflows/{workflow_id}/history"
    full = [{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "Ingi"}]

    def input_of(path, headers=None):
        status, answer, got = ask(api, "GET", path, headers=headers)
        attributes = answer["history"]["events"][0]["workflowExecutionStartedEventAttributes"]
        return attributes["input"], got["Content-Type"]

    assert input_of(path) == (["x"], "application/json")
    no_shorthand = "application/json+no-payload-shorthand"
    assert input_of(path + "?noPayloadShorthand") == ({"payloads": full}, no_shorthand)
    assert input_of(path, {"Accept": no_shorthand}) == ({"payloads": full}, no_shorthand)
    assert input_of(path + "?pretty") == (["x"], "application/json+pretty")
    with urllib.request.urlopen(f"{api}/api/v1/system-info?pretty", timeout=30) as answer:
        assert answer.read().startswith(b'{\n  "serverVersion": "')


@pytest.mark.parametrize(
    "verb, path, body, status, code, message",
    [
        ("GET", "/nope", None, 404, 5, "Not Found"),
        ("PUT", "/api/v1/namespaces", None, 501, 12, "Method Not Allowed"),
        ("GET", "/api/v1/namespaces/nope", None, 404, 5, "Namespace nope is not found."),
        ("GET", "/api/v1/namespaces/default/workflows/no-such", None, 404, 5, None),
        ("GET", "/api/v1/namespaces/default/workflows/a%2Fb%2Fc", None, 404, 5, "Not Found"),
        ("GET", "/api/v1/namespaces?pageSize=x", None, 400, 3,
         'parsing field "page_size": strconv.ParseInt: parsing "x": invalid syntax'),
        ("GET", "/api/v1/namespaces?a;b", None, 400, 3, "invalid semicolon separator in query"),
        ("POST", "/api/v1/namespaces/default/workflows/w", b"{", 400, 3, "unexpected EOF"),
        ("POST", "/api/v1/namespaces/default/workflows/w", b'{"nope": 1}', 400, 3,
         'temporalproto: (line 1:2): unknown field "nope"'),
        ("POST", "/api/v1/namespaces/default/workflows/w", b"", 400, 3, None),
        ("POST", "/api/v1/namespaces/default/workflows/w", b" " * (4 << 20) + b"{}", 400, 3,
         "http: request body too large"),
    ],
)
def test_what_is_refused(api, verb, path, body, status, code, message):
    got, answer, headers = ask(api, verb, path, body)
    assert (got, answer["code"]) == (status, code), answer
    assert message is None or answer["message"] == message
    assert headers["Content-Type"] == "application/json"


def test_details_of_errors_are_typed(api):
    status, answer, _ = ask(api, "GET", "/api/v1/namespaces/nope")
    assert answer["details"] == [
        {"@type": "type.googleapis.com/temporal.api.errordetails.v1.NamespaceNotFoundFailure", "namespace": "nope"}
    ]


def test_hosts_may_be_limited(own_server, api):
    own_server.set_dynamic({"frontend.httpAllowedHosts": [{"value": ["good.*", "127.0.0.1:*x"]}]})
    try:
        status, answer, _ = ask(api, "GET", "/api/v1/system-info", headers={"Host": "bad.example"})
        assert (status, answer) == (403, {"code": 7, "message": "Host not allowed"})
        assert ask(api, "GET", "/api/v1/system-info", headers={"Host": "good.example"})[0] == 200
    finally:
        own_server.set_dynamic({})


def test_pages_of_other_origins_are_not_let_in(api):
    """Unless frontend.http.cors.origins says so: test_web_ui.py has a page that is."""
    asked = {"Origin": "http://elsewhere", "Access-Control-Request-Method": "POST"}
    status, _, headers = ask(api, "OPTIONS", "/api/v1/namespaces", headers=asked)
    assert status == 501 and headers["Access-Control-Allow-Origin"] is None
    status, _, headers = ask(api, "GET", "/api/v1/namespaces", headers={"Origin": "http://elsewhere"})
    assert status == 200 and headers["Access-Control-Allow-Origin"] is None


def test_the_deadline_of_the_client_counts(api, workflow_id):
    start(api, workflow_id)
    path = f"/api/v1/namespaces/default/workflows/{workflow_id}/history?waitNewEvent=true&maximumPageSize=10"
    status, answer, _ = ask(api, "GET", path)
    token = answer["nextPageToken"].replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    status, answer, _ = ask(api, "GET", f"{path}&nextPageToken={token}", headers={"Grpc-Timeout": "200m"})
    assert status in (200, 504)
    status, answer, _ = ask(api, "GET", "/api/v1/system-info", headers={"Grpc-Timeout": "soon"})
    assert (status, answer["message"]) == (400, "invalid grpc-timeout: soon")


def test_a_long_poll_is_answered_by_what_it_waits_for(api, workflow_id):
    start(api, workflow_id)
    path = f"/api/v1/namespaces/default/workflows/{workflow_id}"
    got = []
    waits = "historyEventFilterType=HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT&waitNewEvent=true"
    waiter = threading.Thread(target=lambda: got.append(ask(api, "GET", f"{path}/history?{waits}")))
    waiter.start()
    assert ask(api, "POST", f"{path}/terminate", {})[0] == 200
    waiter.join(30)
    events = got[0][1]["history"]["events"]
    assert [e["eventType"] for e in events] == ["EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED"]


def exchange(api, data, ends=b"}"):
    """Bytes there and what comes back until the other side closes or the answers are complete."""
    host, port = api.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as s:
        s.sendall(data)
        got = b""
        while not got.endswith(ends):
            piece = s.recv(65536)
            if not piece:
                break
            got += piece
        return got


def test_the_protocol_itself(api):
    get = b"GET /api/v1/system-info HTTP/1.1\r\nHost: h\r\n"
    two = exchange(api, get + b"\r\n" + get + b"Connection: close\r\n\r\n", ends=b"never")
    assert two.count(b"HTTP/1.1 200 OK") == 2
    chunked = (
        b"POST /api/v1/namespaces/default/workflows/none/signal/s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n5\r\n{\"nop\r\n4\r\ne\":1\r\n1\r\n}\r\n0\r\n\r\n"
    )
    assert b'unknown field \\"nope\\"' in exchange(api, chunked, ends=b"never")
    expect = (
        b"POST /api/v1/namespaces/default/workflows/w HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
        b"Content-Length: 2\r\n\r\n"
    )
    assert exchange(api, expect, ends=b"\r\n\r\n").startswith(b"HTTP/1.1 100 Continue")
    assert b" 200 " not in exchange(api, b"nonsense\r\n\r\n", ends=b"never").split(b"\r\n")[0]
    too_long = b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n"
    assert not exchange(api, too_long, ends=b"never").startswith(b"HTTP/1.1 200")
    head = exchange(api, b"HEAD /api/v1/system-info HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", ends=b"never")
    assert head.startswith(b"HTTP/1.1 501 ") and head.endswith(b"\r\n\r\n")


def test_a_client_that_leaves_is_forgotten(api, workflow_id):
    """Its call is cancelled: the server still ends at once afterwards."""
    start(api, workflow_id)
    host, port = api.removeprefix("http://").split(":")
    for _ in range(20):
        with socket.create_connection((host, int(port)), timeout=30) as s:
            s.sendall(
                f"GET /api/v1/namespaces/default/workflows/{workflow_id}/history?waitNewEvent=true&historyEventFilterType=2"
                " HTTP/1.1\r\nHost: h\r\n\r\n".encode()
            )
    assert ask(api, "GET", "/api/v1/system-info")[0] == 200


def test_the_description_of_the_api(api):
    status, swagger, headers = ask(api, "GET", "/swagger.json")
    assert status == 200 and headers["Content-Type"] == "application/vnd.oai.openapi+json;version=2.0"
    path = swagger["paths"]["/api/v1/namespaces/{namespace}/workflows/{workflow_id}"]
    assert path["post"]["operationId"].startswith("StartWorkflowExecution")
    for name in re.findall(r'"#/definitions/([^"]+)"', json.dumps(swagger)):
        assert name in swagger["definitions"]
    status, openapi, headers = ask(api, "GET", "/openapi.yaml")
    assert status == 200 and headers["Content-Type"] == "application/vnd.oai.openapi;version=3.0"
    assert "openapi" in openapi and "/api/v1/namespaces/{namespace}/workflows/{workflow_id}" in openapi


def test_every_path_reaches_its_method(api):
    """No path is unknown, and each answers JSON: an answer or a typed error."""
    _, swagger, _ = ask(api, "GET", "/swagger.json")
    count = 0
    for path, verbs in swagger["paths"].items():
        for verb in verbs:
            filled = re.sub(r"\{[^}]*\}", "default" if "{namespace}" in path else "x", path)
            body = {} if verb in ("post", "put", "patch") else None
            status, answer, _ = ask(api, verb.upper(), filled, body, {"Grpc-Timeout": "5S"})
            assert isinstance(answer, dict), (verb, path, answer)
            assert answer.get("message") not in ("Not Found", "Method Not Allowed", "call not found"), (verb, path)
            count += 1
    assert count > 200
