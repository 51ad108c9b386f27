"""history_transient_task.py - to SDKs a history ends with the task of a further attempt, which is not written."""
from kit.reads import read, whole
from kit.task import OOPS


def play(x):
    x.start()
    x.fail_task(x.poll(), failure=OOPS)
    read(x, "scheduled")
    task = x.poll()
    read(x, "started")
    whole(x, "in pages", maximum_page_size=2)
    whole(x, "in reverse", "GetWorkflowExecutionHistoryReverse", maximum_page_size=2)
    x.history("as the CLI sees it")
    read(x, "waiting", wait_new_event=True)
    x.fail_task(task, failure=OOPS)
    read(x, "third attempt")
    x.terminate()
    read(x, "closed")
