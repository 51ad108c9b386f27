"""sdk_cancel.py - a workflow that is canceled in an SDK's worker."""
import asyncio

from temporalio.client import WorkflowFailureError

from kit.sdk import Sleeps, with_worker


def play(x):
    async def body(client):
        handle = await client.start_workflow(Sleeps.run, id=x.workflow_id, task_queue=x.queue)
        x.run_id = handle.first_execution_run_id
        for _ in range(200):
            if sum(e.event_type == 17 for e in (await handle.fetch_history()).events):
                break
            await asyncio.sleep(0.05)
        await handle.cancel()
        try:
            await handle.result()
        except WorkflowFailureError as error:
            x.say(f"failure {error.__cause__}")
    asyncio.run(with_worker(x, body))
    x.history()
