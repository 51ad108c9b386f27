"""reset_child_initiated.py - the fork is behind a child's initiation, before its start was known: the child goes on."""
from kit.basic import anew, end
from kit.children import await_type, child_of, looking_at, start_child
from kit.reset import at, reset
from lab import command, payloads


def play(x):
    for label, options in {"the start comes again": {}, "nothing comes again": {"reset_reapply_exclude_types": [1, 2, 3, 4]}}.items():
        anew(x)
        base = x.run_id
        x.complete(x.poll(), start_child(x), force_create_new_workflow_task=True)
        await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
        reset(x, 7, label=label, **options)
        await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
        at(x, base, x.history, f"history of the base: {label}")
        x.history(f"history of the new run: {label}")
        x.complete(x.poll())
        with looking_at(x, child_of(x)):
            kept, x.queue = x.queue, x.queue + "-c"
            x.describe(f"describe the child: {label}")
            x.complete(x.poll(), command("complete_workflow_execution", result=payloads("child")))
            x.queue = kept
        await_type(x, "CHILD_WORKFLOW_EXECUTION_COMPLETED")
        end(x)
