"""driver.py - plays the random script of a seed on one server."""
import random

from temporalio.api.common.v1 import Header, Memo, WorkflowType
from temporalio.api.workflow.v1 import VersioningOverride

from chance import steps
from chance.commands import TEXT, priority, retry_policy, search_values, summary
from chance.world import SCHEDULED, STARTED, Execution, World
from kit.links import link
from lab import payloads, seconds

STEPS = 30


def brought(rng):
    """What else a start may say."""
    fields = {}
    if rng.random() < 0.2:
        fields["workflow_start_delay"] = seconds(0.5)
    if rng.random() < 0.3:
        fields["header"] = Header(fields={"h": TEXT})
    if rng.random() < 0.3:
        fields["search_attributes"] = search_values()
    if rng.random() < 0.3:
        fields["priority"] = priority(rng)
    if rng.random() < 0.2:
        fields["links"] = [link()]
    if rng.random() < 0.2:
        fields["versioning_override"] = VersioningOverride(auto_upgrade=True)
    return {**fields, **summary(rng)}


def play(x, seed):
    rng = random.Random(seed)
    world = World(x, rng)
    world.short_tasks = rng.random() < 0.15
    world.updates = not world.short_tasks and rng.random() < 0.5  # and resets
    world.operators = rng.random() < 0.5
    world.chains = rng.random() < 0.4  # runs are retried
    world.cron = rng.random() < 0.15
    world.wide = rng.random() < 0.7  # with what few requests bring
    root = Execution(world, "r")
    fields = dict(workflow_id=root.workflow_id, input=payloads("in"))
    fields["workflow_task_timeout"] = seconds(5 if world.short_tasks else 60)
    if rng.random() < 0.3:
        fields["memo"] = Memo(fields={"m": TEXT})
    if rng.random() < 0.3:
        fields["workflow_run_timeout"] = seconds(1000)
    if rng.random() < 0.2:
        fields["workflow_execution_timeout"] = seconds(2000)
    if world.chains:
        fields["retry_policy"] = retry_policy(rng)
    if world.cron:
        fields["cron_schedule"] = "@every 1s"
    if world.wide:
        fields.update(brought(rng))
    if world.cron:
        fields.pop("workflow_start_delay", None)  # one excludes the other
    with root.at() as lab:
        lab.start(workflow_type=WorkflowType(name="root"), **fields)
        root.run_id = lab.run_id
    root.until(lambda e: e.task == SCHEDULED, "the first task")
    world.executions.append(root)
    for n in range(rng.randrange(STEPS // 2, STEPS)):
        opened = world.opened()
        if not opened and world.wide and len(root.runs) < 4 and not root.asked and not world.cron:
            x.say(f"== step {n}: anew")
            with root.at() as lab:
                steps.revive(root, lab)
            opened = world.opened()
        if not opened:
            break
        one = rng.choice(opened)
        if one.task == STARTED and one.token is None:
            raise AssertionError("a workflow task was started by nobody")
        step = rng.choice(steps.possible(one))
        x.say(f"== step {n}: {step.__name__} of {one.suffix}")
        with one.at() as lab:
            step(one, lab)
    world.show_all()
    x.quiet = True  # nothing is left behind
    for one in world.opened():
        with one.at() as lab:
            lab.terminate()
