"""pauses.py - a random script pauses and unpauses workflows; what can happen to a paused one."""
from chance.world import PAUSED
from kit import pause as kit


def pause_run(e, x):
    kit.pause(x, request_id=x.new_request_id())
    e.look()


def unpause_run(e, x):
    """Tasks of activities that waited come again: the old ones are stale."""
    e.stale.update(a.activity_id for a in e.activities)
    kit.unpause(x, request_id=x.new_request_id())
    e.look()


def pause_again(e, x):
    """Refused, or the same request."""
    kit.pause(x, "pause again", request_id=e.world.rng.choice(["pause", x.new_request_id()]))


def query_paused(e, x):
    x.query(label="query of a paused workflow")


def is_paused(e):
    return e.shown.workflow_execution_info.status == PAUSED


def possible(e):
    if not e.world.pauses:
        return []
    if is_paused(e):
        return [unpause_run] * 6 + [pause_again, query_paused]
    return [] if e.asked else [pause_run]
