"""visibility_queries.py - filters of lists and counts: what each finds, or what is said of it."""
import json
import re
import time

import grpc
from temporalio.api.common.v1 import Payload, SearchAttributes, WorkflowType
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, service_pb2_grpc
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from lab import command

SETTINGS = {"frontend.namespaceRPS.visibility": 10000, "frontend.namespaceBurstRatio.visibility": 2}
OWN = {"OwnKeyword": "KEYWORD", "OwnInt": "INT", "OwnDouble": "DOUBLE", "OwnBool": "BOOL", "OwnTime": "DATETIME",
       "OwnText": "TEXT", "OwnList": "KEYWORD_LIST"}
# Suffix of the workflow id: type, how it ends, attributes.
RUNS = {
    "a": ("TypeOne", None, dict(OwnKeyword="alpha", OwnInt=1, OwnDouble=1.5, OwnBool=True, OwnList=["x", "y"],
                                OwnTime="2024-01-01T00:00:00Z", OwnText="the quick brown fox")),
    "b": ("TypeOne", "terminate", dict(OwnKeyword="beta", OwnInt=2, OwnDouble=-2.5, OwnBool=False, OwnList=["y"],
                                       OwnTime="2024-06-01T12:00:00.5Z", OwnText="a lazy dog")),
    "c": ("TypeTwo", None, {}),
    "d": ("TypeTwo", "complete", dict(OwnKeyword="alphabet", OwnInt=30, BatcherUser="me", BuildIds=["one", "two"])),
    "e": ("Other%Type", "terminate", dict(OwnKeyword="a'b", OwnInt=-4, OwnText="Fox trot")),
}

QUERIES = """
WorkflowType = 'TypeOne'
WorkflowType = "TypeOne"
`WorkflowType` = 'TypeOne'
WorkflowType != 'TypeOne'
WorkflowType <> 'TypeOne'
WorkflowType='typeone'
workflowtype = 'TypeOne'
WorkflowType IN ('TypeOne', 'Other%Type')
WorkflowType in ('TypeOne')
WorkflowType NOT IN ('TypeOne', 'TypeTwo')
WorkflowType IN ()
WorkflowType IN 'TypeOne'
WorkflowType STARTS_WITH 'Type'
WorkflowType starts_with 'Other%'
WorkflowType STARTS_WITH '%'
WorkflowType NOT STARTS_WITH 'Type'
WorkflowType STARTS_WITH ''
WorkflowType STARTS_WITH 5
WorkflowType STARTS_WITH ('a', 'b')
WorkflowType BETWEEN 'TypeA' AND 'TypeP'
WorkflowType NOT BETWEEN 'TypeA' AND 'TypeP'
WorkflowType > 'TypeOne'
WorkflowType >= 'TypeOne'
WorkflowType < 'TypeOne'
WorkflowType <= 'TypeOne'
WorkflowType LIKE 'Type%'
WorkflowType NOT LIKE 'Type%'
WorkflowType REGEXP 'Type'
WorkflowType <=> 'TypeOne'
WorkflowType = NULL
WorkflowType IS NULL
WorkflowType IS NOT NULL
WorkflowType IS TRUE
WorkflowType = 5
WorkflowType = TypeOne
WorkflowType = 'TypeOne' AND ExecutionStatus = 'Running'
WorkflowType = 'TypeOne' and not ExecutionStatus = 'Running'
WorkflowType = 'TypeOne' OR ExecutionStatus = 'Completed'
WorkflowType = 'TypeOne' && ExecutionStatus = 'Running'
WorkflowType = 'TypeOne' || ExecutionStatus = 'Completed'
WorkflowType = 'TypeTwo' OR WorkflowType = 'TypeOne' AND ExecutionStatus = 'Running'
(WorkflowType = 'TypeTwo' OR WorkflowType = 'TypeOne') AND ExecutionStatus = 'Running'
((WorkflowType = 'TypeTwo'))
NOT WorkflowType = 'TypeTwo'
NOT NOT WorkflowType = 'TypeTwo'
NOT (WorkflowType = 'TypeTwo' OR WorkflowType = 'TypeOne')
WorkflowType = 'TypeOne' -- all of one type
WorkflowType = 'TypeOne' /* all */ AND OwnInt = 1
WorkflowType
'TypeOne' = WorkflowType
WorkflowType = 'TypeOne' AND
WorkflowType = 'TypeOne
WorkflowType == 'TypeOne'
(WorkflowType = 'TypeOne'
WorkflowType = 'TypeOne')
WorkflowType = 'TypeOne' 'TypeTwo'
WorkflowType = 'TypeOne' ExecutionStatus = 'Running'
WorkflowType = lower('TypeOne')
lower(WorkflowType) = 'typeone'
WorkflowType = ('TypeOne')
a = b = c
select = 1
5
Nobody = 'x'
Nobody IS NULL
ExecutionStatus = 'Running'
ExecutionStatus = "Running"
ExecutionStatus = 'running'
ExecutionStatus = 'WORKFLOW_EXECUTION_STATUS_RUNNING'
ExecutionStatus = 1
ExecutionStatus = 2
ExecutionStatus = 1.5
ExecutionStatus != 'Running'
ExecutionStatus IN ('Running', 'Completed')
ExecutionStatus NOT IN ('Running', 'Completed')
ExecutionStatus IN (1, 'Terminated')
ExecutionStatus > 1
ExecutionStatus BETWEEN 2 AND 5
ExecutionStatus = 'Nothing'
ExecutionStatus STARTS_WITH 'Run'
ExecutionStatus IS NULL
CloseTime IS NULL
CloseTime IS NOT NULL
CloseTime > '2020-01-01T00:00:00Z'
CloseTime < '2020-01-01T00:00:00Z'
CloseTime < '2100-01-01T00:00:00Z'
CloseTime >= '2100-01-01T00:00:00Z'
NOT CloseTime < '2100-01-01T00:00:00Z'
CloseTime BETWEEN '2020-01-01T00:00:00Z' AND '2100-01-01T00:00:00Z'
CloseTime NOT BETWEEN '2020-01-01T00:00:00Z' AND '2100-01-01T00:00:00Z'
CloseTime != '2020-01-01T00:00:00Z'
StartTime > '2020-01-01T00:00:00Z'
StartTime > '2020-01-01T00:00:00+05:00'
StartTime > '2020-01-01T00:00:00.123456789Z'
StartTime < '2020-01-01T00:00:00Z'
StartTime > 0
StartTime > 1577836800000000000
StartTime < 1577836800000000000
StartTime BETWEEN '2020-01-01T00:00:00Z' AND '2100-01-01T00:00:00Z'
StartTime > '2020-01-01'
StartTime > '2020-01-01 00:00:00'
StartTime > '2020-13-01T00:00:00Z'
StartTime > '2020-02-30T00:00:00Z'
StartTime > 'yesterday'
StartTime > 1.5
StartTime IS NOT NULL
ExecutionTime > '2020-01-01T00:00:00Z'
ExecutionDuration > 0
ExecutionDuration < '1h'
ExecutionDuration < '1h30m'
ExecutionDuration < '2d'
ExecutionDuration < '01:00:00'
ExecutionDuration > '24:00:00'
ExecutionDuration >= '0'
ExecutionDuration < 'long'
ExecutionDuration < '01:70:00'
ExecutionDuration IS NULL
HistoryLength > 2
HistoryLength >= 1
HistoryLength = 3
HistoryLength IS NULL
HistoryLength < 4.5
HistoryLength > '3'
HistoryLength BETWEEN 1 AND 3
HistoryLength = 0x10
HistoryLength = 1 + 1
HistorySizeBytes > 0
StateTransitionCount > 100
TaskQueue STARTS_WITH 'visibility'
ParentWorkflowId IS NULL
ParentWorkflowId = 'x'
ParentRunId IS NULL
RootWorkflowId STARTS_WITH 'visibility'
RootRunId IS NOT NULL
BatcherUser = 'me'
BatcherUser IS NOT NULL
BuildIds = 'one'
BuildIds IN ('none', 'two')
BuildIds != 'one'
BuildIds NOT IN ('one')
BuildIds IS NULL
BuildIds > 'a'
BuildIds = 5
BuildIds BETWEEN 'a' AND 'b'
OwnKeyword = 'alpha'
OwnKeyword != 'alpha'
OwnKeyword STARTS_WITH 'alpha'
OwnKeyword NOT STARTS_WITH 'alpha'
OwnKeyword IN ('alpha', 'beta')
OwnKeyword NOT IN ('alpha', 'beta')
OwnKeyword IS NULL
OwnKeyword IS NOT NULL
OwnKeyword > 'alpha'
OwnKeyword BETWEEN 'a' AND 'alphabet'
OwnKeyword = 'a''b'
OwnKeyword = "a'b"
OwnInt = 1
OwnInt != 1
OwnInt > 1
OwnInt >= 1
OwnInt < 0
OwnInt = -4
OwnInt IN (1, 30)
OwnInt NOT IN (1, 30)
OwnInt BETWEEN 1 AND 2
OwnInt NOT BETWEEN 1 AND 2
OwnInt IS NULL
OwnInt > 1.5
OwnInt = '2'
OwnInt = 1e0
OwnInt > 9223372036854775807
OwnDouble > 1
OwnDouble = 1.5
OwnDouble BETWEEN 1.0 AND 2
OwnDouble < 0
OwnDouble IS NULL
OwnBool = true
OwnBool = false
OwnBool != true
OwnBool IS NULL
OwnBool IN (true, false)
OwnBool BETWEEN true AND false
OwnTime = '2024-01-01T00:00:00Z'
OwnTime > '2024-01-01T00:00:00Z'
OwnTime >= '2024-06-01T12:00:00.5Z'
OwnTime < '2024-06-01T14:00:00+02:00'
OwnTime BETWEEN '2023-01-01T00:00:00Z' AND '2024-02-01T00:00:00Z'
OwnTime IS NULL
OwnText = 'fox'
OwnText = 'Fox'
OwnText = 'quick dog'
OwnText = 'fo'
OwnText != 'fox'
OwnText = ''
OwnText > 'fox'
OwnText IN ('fox')
OwnText = 5
OwnText IS NULL
OwnText BETWEEN 'a' AND 'b'
OwnList = 'x'
OwnList = 'y'
OwnList IN ('x', 'z')
OwnList != 'x'
OwnList NOT IN ('x')
OwnList IS NULL
OwnList STARTS_WITH 'x'
OwnList = 5
OwnList IN ('x', 5)
ScheduleId = 'x'
SchedulePaused IS NULL
TemporalWorkflowType = 'TypeOne'
TemporalNamespaceDivision IS NULL
TemporalNamespaceDivision = 'x'
TemporalChangeVersion IS NULL
TemporalPauseInfo IS NULL
TemporalReportedProblems = 'x'
NamespaceId = 'x'
WorkflowType = 'TypeOne' ORDER BY StartTime DESC
WorkflowType = 'TypeOne' LIMIT 5
WorkflowType = 'TypeOne' GROUP BY ExecutionStatus
""".strip().split("\n")

GROUPS = ["GROUP BY ExecutionStatus", "group by `ExecutionStatus`", "GROUP BY WorkflowType", "GROUP BY Nobody",
          "GROUP BY ExecutionStatus, WorkflowType", "GROUP BY OwnKeyword", "GROUP BY"]
# Where the parser of the reference stood is its own affair.
PLACE = re.compile(r"syntax error at position .*", re.S)


def value(name, what):
    kind = OWN.get(name, "KEYWORD_LIST" if isinstance(what, list) else "KEYWORD").title().replace("_l", "L")
    return Payload(metadata={"encoding": b"json/plain", "type": kind.replace("_", "").encode()},
                   data=json.dumps(what).encode())


def register(x):
    operator = service_pb2_grpc.OperatorServiceStub(x.channel)
    operator.AddSearchAttributes(AddSearchAttributesRequest(
        namespace=x.namespace,
        search_attributes={name: IndexedValueType.Value("INDEXED_VALUE_TYPE_" + kind) for name, kind in OWN.items()}))
    end = time.monotonic() + 60
    while time.monotonic() < end:
        answer = ask(x, "Count", " AND ".join(f"{name} IS NULL" for name in OWN))
        if not isinstance(answer, str):
            return
        time.sleep(0.2)
    x.say(f"== search attributes cannot be used: {answer}")


def ask(x, what, query):
    """The response, or the error as one line."""
    method = f"{what}WorkflowExecutions"
    stub = x.channel.unary_unary(f"/temporal.api.workflowservice.v1.WorkflowService/{method}",
                                 request_serializer=lambda m: m.SerializeToString(),
                                 response_deserializer=getattr(api, method + "Response").FromString)
    while True:
        try:
            return stub(getattr(api, method + "Request")(namespace=x.namespace, query=query), timeout=10)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.RESOURCE_EXHAUSTED:
                return f"{error.code().name}: " + PLACE.sub("syntax error", error.details())
        time.sleep(0.1)


def start_all(x):
    base = x.workflow_id
    for letter, (kind, end, fields) in RUNS.items():
        x.workflow_id = f"{base}-{letter}"
        started = x.start(workflow_type=WorkflowType(name=kind), search_attributes=SearchAttributes(
            indexed_fields={name: value(name, what) for name, what in fields.items()}))
        while started is None:  # the attributes come to the reference's other services later
            time.sleep(0.3)
            x.lines.pop()
            started = x.start(workflow_type=WorkflowType(name=kind), search_attributes=SearchAttributes(
                indexed_fields={name: value(name, what) for name, what in fields.items()}))
        if end == "terminate":
            x.terminate()
        elif end == "complete":
            while True:
                task = x.poll()
                if task.workflow_execution.workflow_id == x.workflow_id:
                    x.complete(task, command("complete_workflow_execution"))
                    break


def found(x, query):
    answer = ask(x, "List", f"TaskQueue = '{x.queue}' AND ({query})")
    if isinstance(answer, str):
        return answer
    return "".join(sorted(e.execution.workflow_id[-1] for e in answer.executions))


def await_all(x):
    for query, want in (("WorkflowType IS NOT NULL", "abcde"), ("ExecutionStatus = 'Terminated'", "be"),
                        ("ExecutionStatus = 'Completed'", "d")):
        end = time.monotonic() + 20
        while found(x, query) != want and time.monotonic() < end:
            time.sleep(0.1)


def play(x):
    register(x)
    start_all(x)
    await_all(x)
    for query in QUERIES:
        whole = ask(x, "List", query)  # as it is: its errors
        if isinstance(whole, str):
            x.say(f"{query} => {whole}")
            continue
        filtered = query.split(" --")[0]  # a comment would swallow the bracket
        listed, counted = found(x, filtered), ask(x, "Count", f"TaskQueue = '{x.queue}' AND ({filtered})")
        counted = counted if isinstance(counted, str) else counted.count
        x.say(f"{query} => [{listed}] {counted}")
    for groups in GROUPS:
        answer = ask(x, "Count", f"TaskQueue = '{x.queue}' {groups}")
        if not isinstance(answer, str):
            answer = ", ".join([str(answer.count)] + [
                f"{dict(sorted(group.group_values[0].metadata.items()))} {group.group_values[0].data} {group.count}"
                for group in answer.groups])
        x.say(f"{groups} => {answer}")
