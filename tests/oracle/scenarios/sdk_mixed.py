"""sdk_mixed.py - activities, a local one, a timer, a signal and a query by an SDK's worker."""
import asyncio

from kit.sdk import Mixed, with_worker


def play(x):
    async def body(client):
        handle = await client.start_workflow(Mixed.run, id=x.workflow_id, task_queue=x.queue)
        x.run_id = handle.first_execution_run_id
        x.say(f"query {await handle.query(Mixed.state)}")
        # The signal must not meet a running workflow task: wait for the timer and its task.
        for _ in range(200):
            if sum(e.event_type == 26 for e in (await handle.fetch_history()).events):
                break
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        await handle.signal(Mixed.proceed)
        x.say(f"result {await handle.result()}")
        try:
            await handle.query("nonsense")
        except Exception as error:
            x.say(f"unknown query: {type(error).__name__} {error}")
    asyncio.run(with_worker(x, body))
    x.history()
