"""speculative_shown_events.py - a rejecting worker was shown further events: whether its task is written."""
from kit.basic import end
from kit.updates import answer, ask, reject
from lab import command, seconds
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

ABLE = api.RespondWorkflowTaskCompletedRequest.Capabilities(discard_speculative_workflow_task_with_events=True)


def timer(n):
    return command("start_timer", timer_id=f"t{n}", start_to_fire_timeout=seconds(600))


def refuse(x, label, **more):
    asked = ask(x, label)
    task = x.poll(show=True, label=label)
    answer(x, task, reject(task, label), show=True, label=f"answer {label}", **more)
    asked.tell()
    x.outline(f"outline {label}")


def play(x):
    x.start()
    x.complete(x.poll(), timer(0))
    refuse(x, "kept")
    x.signal()
    x.complete(x.poll(), timer(1))
    refuse(x, "dropped", capabilities=ABLE)
    refuse(x, "dropped again", capabilities=ABLE)
    x.signal()
    x.complete(x.poll(), *[timer(n) for n in range(2, 12)])
    refuse(x, "ten", capabilities=ABLE)
    x.signal()
    x.complete(x.poll(), *[timer(n) for n in range(12, 23)])
    refuse(x, "eleven", capabilities=ABLE)
    x.signal()
    end(x)
