"""sdk_fails.py - a workflow that fails in an SDK's worker."""
import asyncio

from temporalio.client import WorkflowFailureError

from kit.sdk import Fails, with_worker


def play(x):
    async def body(client):
        handle = await client.start_workflow(Fails.run, id=x.workflow_id, task_queue=x.queue)
        x.run_id = handle.first_execution_run_id
        try:
            await handle.result()
        except WorkflowFailureError as error:
            x.say(f"failure {error.__cause__}")
    asyncio.run(with_worker(x, body))
    x.history()
