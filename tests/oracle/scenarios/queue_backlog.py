"""queue_backlog.py - the statistics of a queue where tasks wait, in both ways to ask."""
import time

from temporalio.api.taskqueue.v1 import TaskQueue, TaskQueueVersionSelection
from temporalio.api.workflowservice.v1 import request_response_pb2 as api


def play(x):
    def describe(**how):
        return x.call("DescribeTaskQueue", api.DescribeTaskQueueRequest(
            namespace="default", task_queue=TaskQueue(name=x.queue), **how))

    def numbers(stats):
        return (f"{stats.approximate_backlog_count} waiting, old: {stats.approximate_backlog_age.ToNanoseconds() > 0}, "
                f"added: {stats.tasks_add_rate > 0}, dispatched: {stats.tasks_dispatch_rate > 0}")

    x.start()
    deadline = time.monotonic() + 10
    while describe(task_queue_type=1, report_stats=True).stats.approximate_backlog_count != 1:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    found = describe(task_queue_type=1, report_stats=True)
    x.say(f"== a task waits: {numbers(found.stats)}")
    for key in sorted(found.stats_by_priority_key):
        x.say(f"  priority {key}: {numbers(found.stats_by_priority_key[key])}")
    found = describe(task_queue_type=2, report_stats=True)
    x.say(f"== nothing waits: {numbers(found.stats)}, priorities {sorted(found.stats_by_priority_key)}")
    found = describe(task_queue_type=1)
    x.say(f"== not asked for: {found.HasField('stats')}")

    def versions(label, **how):
        found = describe(api_mode=1, **how)
        x.say(f"== {label}")
        for build_id in sorted(found.versions_info):
            info = found.versions_info[build_id]
            x.say(f"  version '{build_id}', reachability {info.task_reachability}")
            for kind in sorted(info.types_info):
                of = info.types_info[kind]
                x.say(f"    type {kind}: stats {of.HasField('stats')} {of.stats.approximate_backlog_count}, "
                      f"{len(of.pollers)} pollers")

    versions("the old way", report_stats=True, report_pollers=True, report_task_reachability=True)
    versions("one type", report_stats=True, task_queue_types=[1])
    versions("three types", task_queue_types=[1, 2, 3])
    versions("versions", versions=TaskQueueVersionSelection(build_ids=["x"], unversioned=True))
    versions("another", report_stats=True, versions=TaskQueueVersionSelection(build_ids=["y"]))
    versions("active ones", versions=TaskQueueVersionSelection(all_active=True))
    versions("none", versions=TaskQueueVersionSelection())
    x.complete(x.poll())
