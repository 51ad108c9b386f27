"""driver.py - plays the random script of a seed on one server."""
import random
import re

from temporalio.api.common.v1 import Header, Memo, WorkflowType
from temporalio.api.workflow.v1 import VersioningOverride

from chance import starts, steps
from chance.commands import TEXT, priority, retry_policy, search_values, summary
from chance.world import SCHEDULED, STARTED, Execution, World
from kit import batches
from kit.links import link
from kit.pause import SETTINGS as PAUSES
from kit.posts import ON, receiving
from lab import payloads, seconds

STEPS = 30
SETTINGS = {**PAUSES, **ON, **batches.SETTINGS}


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


def flavour(world, rng):
    """What the script is about."""
    world.short_tasks = rng.random() < 0.15
    world.updates = not world.short_tasks and rng.random() < 0.5  # and resets
    world.operators = rng.random() < 0.5
    world.chains = rng.random() < 0.4  # runs are retried
    world.cron = rng.random() < 0.15
    world.wide = rng.random() < 0.7  # with what few requests bring
    world.pauses = not world.short_tasks and rng.random() < 0.35
    world.batches = not world.short_tasks and rng.random() < 0.25
    world.calls = rng.random() < 0.3  # completion callbacks
    world.listed = rng.random() < 0.3


def begin(world, rng):
    """The root of all executions."""
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
    fields.update(world.callbacks_of(rng))
    if world.cron:
        fields["cron_schedule"] = "@every 1s"
    if world.wide:
        fields.update(brought(rng))
    if world.cron:
        fields.pop("workflow_start_delay", None)  # one excludes the other
    with root.at() as lab:
        root.request_id = lab.new_request_id()
        lab.start(workflow_type=WorkflowType(name="root"), request_id=root.request_id, **fields)
        root.run_id = lab.run_id
    root.until(lambda e: e.task == SCHEDULED, "the first task")
    world.executions.append(root)
    return root


def unnamed(text):
    """Who cancels and terminates for a job of the reference is its own client."""
    return re.sub(r"identity: '(job|\d+@[^']*)'", "identity: <job>", text)


def play(x, seed):
    rng = random.Random(seed)
    mask = x.mask
    x.mask = lambda text: mask(unnamed(text))
    with receiving(x) as receiver:
        world = World(x, rng, receiver)
        flavour(world, rng)
        _play(x, world, rng)


def _play(x, world, rng):
    root = begin(world, rng)
    for n in range(rng.randrange(STEPS // 2, STEPS)):
        opened = world.opened()
        if not opened and world.wide and len(root.runs) < 4 and not root.asked and not world.cron:
            x.say(f"== step {n}: anew")
            with root.at() as lab:
                starts.revive(root, lab)
            opened = world.opened()
        if not opened:
            break
        one = rng.choice(opened)
        if one.task == STARTED and one.token is None:
            raise AssertionError("a workflow task was started by nobody")
        step = rng.choice(steps.possible(one))
        x.say(f"== step {n}: {step.__module__.removeprefix('chance.')}.{step.__name__} of {one.suffix}")
        with one.at() as lab:
            step(one, lab)
    world.show_all()
    x.quiet = True  # nothing is left behind
    for one in world.opened():
        with one.at() as lab:
            lab.terminate()
