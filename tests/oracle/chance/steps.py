"""steps.py - what a random script can do with one execution; each step ends in a state that lasts."""
from temporalio.api.common.v1 import Header, RetryPolicy, WorkflowExecution
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.api.enums.v1 import WorkflowIdConflictPolicy as Conflict
from temporalio.api.sdk.v1 import WorkflowTaskCompletedMetadata
from temporalio.api.taskqueue.v1 import StickyExecutionAttributes, TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from chance import batches, commands, operations, pauses, queries, resets, starts
from chance.world import NO_TASK, SCHEDULED, STARTED, attributes, type_name
from kit import updates
from lab import command, payloads, seconds

HELD = ("start_to_close_timeout", "heartbeat_timeout")  # time-outs of an activity that somebody works on
CLOSED_CHILD = ("CHILD_WORKFLOW_EXECUTION_COMPLETED", "CHILD_WORKFLOW_EXECUTION_FAILED",
                "CHILD_WORKFLOW_EXECUTION_CANCELED", "CHILD_WORKFLOW_EXECUTION_TERMINATED")


# -- workflow tasks -------------------------------------------------------------------------------
def poll(e, x):
    e.token = x.poll(show=True)


def settle(e):
    """A workflow task ended: follow the chain, see what became of the children."""
    e.token = None
    e.look()
    if not e.is_open:
        closed(e)
    elif e.short_run:
        e.until(lambda o: not o.is_open, "the time-out of a run")
        closed(e)


def closed(e):
    """A run has ended: its children and its parent hear of it."""
    last = attributes(e.events[-1])
    next_run = getattr(last, "new_execution_run_id", "")
    for child in [c for c in e.world.executions if c.parent is e and c.parent_run == e.run_id and c.look().is_open]:
        if child.policy == "TERMINATE":
            child.until(lambda c: not c.is_open, "the end of a child")
            closed(child)
        elif child.policy == "REQUEST_CANCEL":
            child.until(lambda c: c.shown.workflow_extended_info.cancel_requested, "the cancellation of a child")
    if next_run:
        e.follow(next_run)
        e.until(lambda o: o.task == SCHEDULED or not o.is_open, "the first task of the next run")
        if e.short_run:
            settle(e)
    elif e.parent and e.parent.look().is_open and e.parent.run_id == e.parent_run:
        run_ids = e.runs + [e.run_id]
        e.parent.until(lambda p: all(c.run_id not in run_ids for c in p.shown.pending_children), "the news of a child")


def update_answers(e):
    """Messages about the updates that the task brought, and about those that were accepted before; what each says."""
    rng, messages, said = e.world.rng, [], []
    for update_id in list(e.accepted):
        if rng.random() < 0.5:
            messages.append(updates.done(update_id, failure=updates.NO if rng.random() < 0.3 else None))
            said.append((update_id, "done"))
    for asked in list(e.token.messages):
        update_id, draw = asked.protocol_instance_id, rng.random()
        if draw < 0.3:
            messages.append(updates.reject(e.token, update_id))
            said.append((update_id, "reject"))
            continue
        messages.append(updates.accept(e.token, update_id))
        said.append((update_id, "accept"))
        if draw < 0.7:
            messages.append(updates.done(update_id))
            said.append((update_id, "done"))
    return messages, said


def tell_updates(e, said):
    """The worker's answers have been taken: who asked hears of them."""
    for update_id, what in said:
        if what == "accept":
            e.accepted.append(update_id)
        elif what == "done":
            e.accepted.remove(update_id)
        asked = e.asked.get(update_id)
        if asked and (what != "accept" or asked.stage == updates.ACCEPTED):
            e.asked.pop(update_id).tell()


def complete(e, x):
    rng, e_commands, new, answers = e.world.rng, [], None, ()
    messages, said = update_answers(e)
    for make in rng.choices(commands.PLAIN, k=rng.choice([0, 1, 1, 2, 3])):
        one = make(e)
        if one is not None and one not in e_commands:
            e_commands.append(one)
    draw = rng.random()
    if draw < 0.12 and len(e.suffix) < 3:
        one, new = commands.child(e)
        e_commands.append(one)
        answers = commands.CHILD_ANSWERS
    elif draw < 0.14 and len(e.suffix) < 3:
        e_commands.append(commands.short_child(e))
        answers = commands.SHORT_CHILD_ENDS
    elif draw < 0.20:
        e_commands.append(commands.signal_external(e))
        answers = commands.SIGNAL_ANSWERS
    elif draw < 0.26:
        e_commands.append(commands.cancel_external(e))
        answers = commands.CANCEL_ANSWERS
    elif draw < 0.32 and e.fails == 0 and not e.asked:  # the reference forgets those in memory, see differences.txt
        e_commands.append(commands.bad(e))
        e.fails += 1
    elif draw < 0.40 and not e.asked and not e.accepted and not messages:
        e_commands.append(commands.close(e))
    more, force = {}, rng.random() < 0.3
    token = e.token  # a paused workflow refuses to force another task, and keeps this one
    if rng.random() < 0.25 and not force and not answers:
        queries.await_sticky(e, x)
        more["sticky_attributes"] = StickyExecutionAttributes(
            worker_task_queue=TaskQueue(name=e.queue + "-sticky", kind=2, normal_name=e.queue),
            schedule_to_start_timeout=seconds(200))
    if e.world.wide and rng.random() < 0.15:
        more["sdk_metadata"] = WorkflowTaskCompletedMetadata(core_used_flags=[rng.randrange(1, 4)], sdk_name="sdk",
                                                             sdk_version=f"1.{rng.randrange(3)}")
    if force and e.world.wide and not answers and not e.asked and not e.sticky_before() and rng.random() < 0.4:
        more["return_new_workflow_task"] = True
    e_commands = updates.pointers(*messages) + e_commands
    done = x.complete(e.token, *e_commands, messages=messages, force_create_new_workflow_task=force, show=True, **more)
    if done is not None and e_commands and not answers:
        e.fails = 0
    if done is not None:
        tell_updates(e, said)
    if done is not None and answers:
        e.until_event(*answers)
        if new is not None:
            last = [ev for ev in e.events if type_name(ev) in answers][-1]
            if type_name(last) == answers[0]:
                new.run_id, new.parent_run = attributes(last).workflow_execution.run_id, e.run_id
                e.world.executions.append(new)
                new.until(lambda c: c.task == SCHEDULED, "the first task of a child")
        for other in e.world.executions:
            other.look()
    if done is not None:
        e.sticky = "sticky_attributes" in more
    if done is not None and e_commands:
        e.short_run = commands.is_short(e_commands[-1])
    settle(e)
    e.refused = done is None  # an attempt to close: until the next task is over little else is let in
    if done is None and e.task == STARTED:
        e.token = token
    if done is not None:
        for task in done.activity_tasks:
            e.held[task.activity_id] = task
        if done.HasField("workflow_task") and e.task == STARTED:
            e.token = done.workflow_task


def fail(e, x):
    e.fails += 1
    e.sticky = False
    cause = e.world.rng.choice(["UNSPECIFIED", "NON_DETERMINISTIC_ERROR", "WORKFLOW_WORKER_UNHANDLED_FAILURE"])
    x.fail_task(e.token, cause=WorkflowTaskFailedCause.Value("WORKFLOW_TASK_FAILED_CAUSE_" + cause),
                failure=commands.application(e.world.rng))
    settle(e)


def task_times_out(e, x):
    e.fails += 1
    e.sticky = False
    attempt = e.shown.pending_workflow_task.attempt
    e.until(lambda o: not o.is_open or o.task == NO_TASK or o.shown.pending_workflow_task.attempt > attempt or
            o.task == SCHEDULED, "a workflow task's time-out")
    settle(e)


# -- what times out or fires ----------------------------------------------------------------------
def short_timer(e, x):
    if x.complete(e.token, command("start_timer", timer_id=e.world.next_id("s"),
                                   start_to_fire_timeout=seconds(e.world.rng.choice([0.1, 0.5])))) is not None:
        e.until_event("TIMER_FIRED")
    settle(e)


def short_activity(e, x):
    """Nobody polls it, or somebody does and then says nothing."""
    rng = e.world.rng
    kind = rng.choice(["schedule_to_start_timeout", "schedule_to_close_timeout", "start_to_close_timeout",
                       "heartbeat_timeout"])
    attempts = rng.choice([1, 1, 2]) if kind in HELD else 1
    if e.asked:  # the reference forgets those in memory when the first attempt's time-out finds the second
        attempts = 1
    one = commands.activity(e, **{kind: seconds(1)},
                            retry_policy=RetryPolicy(initial_interval=seconds(0.2), maximum_attempts=attempts))
    activity_id = one.schedule_activity_task_command_attributes.activity_id
    if x.complete(e.token, one) is not None:
        for _ in range(attempts if kind in HELD else 0):
            hold(e, x, activity_id)
        e.until_event("ACTIVITY_TASK_TIMED_OUT")
    settle(e)


# -- activities -----------------------------------------------------------------------------------
def hold(e, x, activity_id):
    kept, x.queue = x.queue, e.queue_of(activity_id).name
    task = x.poll_activity(show=True)
    x.queue = kept
    if task is not None and task.task_token:
        e.held[activity_id] = task
        e.stale.discard(activity_id)


def poll_activity(e, x):
    hold(e, x, e.world.rng.choice(e.pollable()).activity_id)


def any_held(e):
    return e.world.rng.choice(sorted(e.held))


def by_id(e, activity_id):
    return dict(namespace="default", workflow_id=e.workflow_id, run_id=e.run_id, activity_id=activity_id, identity="by id")


def complete_activity(e, x):
    activity_id = any_held(e)
    if e.world.rng.random() < 0.3:
        x.call("RespondActivityTaskCompletedById", api.RespondActivityTaskCompletedByIdRequest(
            result=payloads("r"), **by_id(e, activity_id)))
    else:
        x.complete_activity(e.held[activity_id], result=payloads("r"))
    del e.held[activity_id]


def fail_activity(e, x):
    rng, activity_id = e.world.rng, any_held(e)
    pending = next(a for a in e.activities if a.activity_id == activity_id)
    x.fail_activity(e.held.pop(activity_id), commands.application(rng, rng.random() < 0.2))
    e.look()
    if any(a.activity_id == activity_id and a.paused for a in e.activities):
        operations.failed_while_paused(e, x, activity_id)
    elif any(a.activity_id == activity_id and a.attempt > pending.attempt for a in e.activities):
        hold(e, x, activity_id)  # it is retried soon


def cancel_activity(e, x):
    activity_id = any_held(e)
    x.cancel_activity(e.held[activity_id], details=payloads("canceled"))


def heartbeat(e, x):
    activity_id = any_held(e)
    if e.world.rng.random() < 0.3:
        x.call("RecordActivityTaskHeartbeatById", api.RecordActivityTaskHeartbeatByIdRequest(
            details=payloads("beat"), **by_id(e, activity_id)), show=True)
    else:
        x.heartbeat(e.held[activity_id], show=True, details=payloads("beat"))


# -- clients --------------------------------------------------------------------------------------
def signal(e, x):
    if e.world.wide and e.sticky_poll is None and e.world.rng.random() < 0.2:
        x.signal(e.world.next_id("sig"), input=payloads("in"), header=Header(fields={"h": commands.TEXT}), **e.world.linked())
        return
    for _ in range(e.world.rng.choice([1, 1, 2, 5]) if e.sticky_poll is None else 1):  # its task starts meanwhile
        x.signal(e.world.next_id("sig"), input=payloads("in"))
    if e.world.wide and e.sticky_poll is None and e.world.rng.random() < 0.15:
        request_id = x.new_request_id()
        for _ in range(2):  # counts once
            x.signal("twice", request_id=request_id)


def cancel(e, x):
    x.cancel(reason="chance", **e.world.linked())


def terminate(e, x):
    x.terminate(reason="chance", details=payloads("why") if e.world.wide else None, **e.world.linked())
    settle(e)


def ask_update(e, x):
    """Its task comes at once where none was asked for: a speculative one must not wait."""
    update_id, stage = e.world.next_id("u"), e.world.rng.choice([updates.ACCEPTED, updates.COMPLETED])
    e.asked[update_id] = updates.ask(x, update_id, stage)
    e.asked[update_id].stage = stage
    if e.look().task == SCHEDULED:
        poll(e, x)


def ask_update_with_start(e, x):
    """Of a workflow that runs: as any update."""
    update_id, stage = e.world.next_id("u"), e.world.rng.choice([updates.ACCEPTED, updates.COMPLETED])
    asked = updates.Asked(x, updates.update_with_start, update_id, stage,
                          workflow_id_conflict_policy=Conflict.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING)
    updates.known(x, update_id, execution=WorkflowExecution(workflow_id=e.workflow_id))
    e.asked[update_id] = asked
    asked.stage = stage
    if e.look().task == SCHEDULED:
        poll(e, x)


def describe(e, x):
    x.describe()


def reread(e, x):
    if e.world.wide and e.world.rng.random() < 0.5:
        x.call("GetWorkflowExecutionHistoryReverse", api.GetWorkflowExecutionHistoryReverseRequest(
            namespace="default", execution=x.execution()), show=True)
        return
    x.history(maximum_page_size=e.world.rng.randrange(1, 5))


def replace(e, x):
    starts.replace(e, x, closed)


def delete(e, x):
    """Of a run that is open: that ends first."""
    starts.delete(e, x)
    if e.run_id in e.gone:
        e.token = None


def from_outside(e):
    """What clients and operators may do, whatever the run does."""
    rng = e.world.rng
    found = [signal] * 3 + [cancel, describe, describe, starts.start_again, starts.signal_with_start]
    if not e.world.short_tasks:
        found += [reread]
    if rng.random() < 0.05 and not e.asked:
        found.append(terminate)
    if e.world.wide and not e.asked and e.sticky_poll is None and not e.world.cron:
        found += [starts.attach] if rng.random() < 0.4 else []
        found += [replace] if rng.random() < 0.1 and not e.short_run else []
        if rng.random() < 0.06 and not e.open_children() and not (e.parent and e.parent.look().is_open):
            found.append(delete)
    return found + resets.possible(e) + batches.possible(e) + pauses.possible(e)


def of_its_activities(e):
    found = [poll_activity] * 4 if e.pollable() else []
    if e.held:
        found += [complete_activity] * 3 + [cancel_activity, heartbeat, heartbeat]
        if not e.asked:  # a retry makes the reference forget those in memory, see differences.txt
            found += [fail_activity] * 2
    return found + (operations.possible(e) if e.world.operators else [])


def possible(e):
    """The steps that make sense now, each as often as its weight."""
    found = from_outside(e) + of_its_activities(e)
    paused = pauses.is_paused(e)
    if e.task == SCHEDULED and e.fails < 2 and not paused:
        found += [poll] * 8
    if e.token is not None:
        found += [complete] * 8
        if not e.token.messages and not paused:
            found += [short_timer, short_activity]
        if e.fails < 1 and not (e.asked and e.accepted):
            found += [fail] * 2
        if e.world.short_tasks and e.fails < 1:
            found += [task_times_out]
    if e.world.updates and e.parent is None and not paused and not e.refused:
        if len(e.asked) < 3 and e.count("WORKFLOW_TASK_COMPLETED") and e.fails == 0:
            found += [ask_update] * 4
            if e.world.wide:
                found += [ask_update_with_start] * 2
    return found if paused else found + queries.possible(e)
