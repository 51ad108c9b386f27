"""options_override_removed.py - an override that comes and goes leaves its place in the description."""
from temporalio.api.workflow.v1 import VersioningOverride

from kit.basic import end
from scenarios.options_changed import change


def play(x):
    x.start()
    change(x, "removed before there was one", "versioning_override")
    x.describe("none yet")
    change(x, "auto-upgrade", "versioning_override", versioning_override=VersioningOverride(auto_upgrade=True))
    change(x, "removed", "versioning_override")
    x.describe("removed")
    end(x)
