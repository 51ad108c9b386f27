"""history_of_a_delayed_run.py - reads of a run before its first task, with every filter, waiting for what comes."""
from temporalio.api.enums.v1 import HistoryEventFilterType

from kit.reads import read, whole
from lab import seconds

ALL, CLOSE = (HistoryEventFilterType.Value("HISTORY_EVENT_FILTER_TYPE_" + name) for name in ("ALL_EVENT", "CLOSE_EVENT"))


def play(x):
    x.start(workflow_start_delay=seconds(50))
    read(x, "all", history_event_filter_type=ALL)
    whole(x, "in reverse", "GetWorkflowExecutionHistoryReverse")
    read(x, "with a wait, the first page", history_event_filter_type=ALL, wait_new_event=True)
    waiting = x.behind(read, x, "its close", history_event_filter_type=CLOSE, wait_new_event=True)
    x.signal()
    x.terminate()
    waiting.join(15)
    x.describe()
