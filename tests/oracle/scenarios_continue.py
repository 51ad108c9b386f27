"""scenarios_continue.py - runs that continue as new: both histories, both descriptions, bad attributes."""
from temporalio.api.common.v1 import Header, Memo, WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue

from lab import command, payloads, seconds
from scenarios import TEXT, each, end

KIND = "continue_as_new_workflow_execution"


def follow(x):
    """The next run, in place of the one that has ended."""
    x.history("history of the run that ended")
    x.describe("describe the run that ended")
    x.run_id = x.events()[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id


def s_continue_plain(x):
    x.start(input=payloads("in"), identity="starter")
    x.complete(x.poll(), command("start_timer", timer_id="t", start_to_fire_timeout=seconds(1.1)))
    x.complete(x.poll(), command(KIND, input=payloads("next")), show=True)
    follow(x)
    end(x, x.poll(show=True))


def s_continue_everything(x):
    x.start(workflow_run_timeout=seconds(50), workflow_execution_timeout=seconds(100), memo=Memo(fields={"m": TEXT}))
    x.complete(x.poll(), command(
        KIND, workflow_type=WorkflowType(name="other"), task_queue=TaskQueue(name=x.queue), input=payloads("a", "b"),
        workflow_run_timeout=seconds(40), workflow_task_timeout=seconds(7), backoff_start_interval=seconds(2),
        last_completion_result=payloads("last"), header=Header(fields={"h": TEXT}), memo=Memo(fields={"n": TEXT})))
    follow(x)
    end(x, x.poll(show=True))


def s_continue_over_a_signal(x):
    x.start()
    task = x.poll()
    x.signal()
    x.complete(task, command(KIND))
    x.history()


def s_continue_bad(x):
    each(x, {
        "long type": command(KIND, workflow_type=WorkflowType(name="t" * 1001)),
        "negative run timeout": command(KIND, workflow_run_timeout=seconds(-1)),
    })
