"""options_override_builds.py - an override over a run that workers with build ids have worked on: what it shows of them."""
from temporalio.api.common.v1 import WorkerVersionStamp
from temporalio.api.workflow.v1 import VersioningOverride

from kit.basic import end
from scenarios.options_changed import change


def play(x):
    x.start()
    x.complete(x.poll(), worker_version_stamp=WorkerVersionStamp(build_id="b1"))
    x.describe("worked on")
    change(x, "auto-upgrade", "versioning_override", versioning_override=VersioningOverride(auto_upgrade=True))
    x.describe("overridden")
    x.signal("s")
    x.complete(x.poll(), worker_version_stamp=WorkerVersionStamp(build_id="b2"))
    x.describe("worked on with the override")
    change(x, "removed", "versioning_override")
    x.describe("removed")
    x.signal("t")
    end(x)
