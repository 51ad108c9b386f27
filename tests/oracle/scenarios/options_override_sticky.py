"""options_override_sticky.py - another override of versioning ends the bond with a worker, another priority does not."""
from temporalio.api.common.v1 import Priority
from temporalio.api.workflow.v1 import VersioningOverride

from kit.basic import end
from kit.task import polled, sticky
from scenarios.options_changed import change


def play(x):
    name = x.queue + "-sticky"
    x.start()
    ahead = x.poll_ahead(name)
    polled(x, name)
    x.complete(x.poll(), sticky_attributes=sticky(name))
    x.signal("one")
    task = ahead.result(timeout=15)
    change(x, "a priority", "priority", priority=Priority(priority_key=2))
    x.complete(task, sticky_attributes=sticky(name))
    task = x.poll_ahead(name).result(timeout=15)  # it has the buffered event
    change(x, "another priority", "priority", priority=Priority(priority_key=3))
    x.signal("two")
    x.complete(task, sticky_attributes=sticky(name))
    change(x, "an override", "versioning_override", versioning_override=VersioningOverride(auto_upgrade=True))
    x.signal("three")
    end(x)
