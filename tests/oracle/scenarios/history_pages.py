"""history_pages.py - pages of every size join to the same history, forward and in reverse."""
from temporalio.api.enums.v1 import HistoryEventFilterType

from kit.basic import end
from kit.reads import whole
from lab import command


def play(x):
    x.start()
    task = x.poll()
    x.signal("a")
    x.signal("b")
    x.complete(task, *[command("record_marker", marker_name=f"m{i}") for i in range(4)])
    x.signal("c")
    for size in (0, 1, 2, 3, 5, 1000):
        whole(x, f"pages of {size}", maximum_page_size=size)
        whole(x, f"in reverse, {size}", "GetWorkflowExecutionHistoryReverse", maximum_page_size=size)
    end(x)
    for size in (1, 3):
        whole(x, f"closed, waiting, {size}", maximum_page_size=size, wait_new_event=True)
    whole(x, "the close event", maximum_page_size=1, wait_new_event=True,
          history_event_filter_type=HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT)
