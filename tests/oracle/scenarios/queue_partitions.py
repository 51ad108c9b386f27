"""queue_partitions.py - DescribeTaskQueue by the names of partitions, and by names that only look like these."""
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api


def play(x):
    for name in ("/_sys/{}/1", "/_sys/{}/0", "/_sys/{}/99", "/_sys/{}", "/_sys/{}/x", "/_sys/{}/-1", "/_sys/{}/b:1",
                 "/_sys/{}/", "/_sys//1", "/_sys/", "/_sys", "/_sysx/{}/1", "/_sys/a/{}/1", "/_sys//_sys/{}/1", "/_sys/{}/+1", "/_sys/{}/01",
                 "/_sys/{}/4294967296", "/_sys/{}/9223372036854775808", "/_sys/temporal-sys-per-ns-tq/1"):
        for mode in (0, 1):  # legacy, enhanced
            x.call("DescribeTaskQueue", api.DescribeTaskQueueRequest(
                namespace="default", task_queue=TaskQueue(name=name.format(x.queue)), task_queue_type=1,
                api_mode=mode), label=f"{name} mode {mode}", show=True)
    x.call("DescribeTaskQueue", api.DescribeTaskQueueRequest(
        namespace="default", task_queue=TaskQueue(name=f"/_sys/{x.queue}/1"), task_queue_type=1, report_stats=True),
        label="with statistics", show=True)
    for label, name, normal in (("normal name", "s", "q"), ("normal name of a partition", f"/_sys/{x.queue}/1", "q"),
                                ("no name", "", ""), ("long name", "/_sys/" + "x" * 1001, "")):
        x.call("DescribeTaskQueue", api.DescribeTaskQueueRequest(
            namespace="default", task_queue=TaskQueue(name=name, kind=1, normal_name=normal)), label=label, show=True)
    x.call("ListTaskQueuePartitions", api.ListTaskQueuePartitionsRequest(
        namespace="default", task_queue=TaskQueue(name=f"/_sys/{x.queue}/1")), label="partitions of a partition")
