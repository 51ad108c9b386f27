// workflows.ts - the workflows that the tests run.
import * as wf from '@temporalio/workflow';
import type * as activities from './activities';

const { greet, flaky, refuses } = wf.proxyActivities<typeof activities>({
  startToCloseTimeout: '20 seconds',
  retry: { initialInterval: '50 milliseconds', backoffCoefficient: 1 },
});
const { waitsForCancel } = wf.proxyActivities<typeof activities>({
  startToCloseTimeout: '60 seconds',
  heartbeatTimeout: '10 seconds',
  cancellationType: wf.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

export const add = wf.defineSignal<[number]>('add');
export const finish = wf.defineSignal('finish');
export const total = wf.defineQuery<number>('total');
export const raise = wf.defineUpdate<number, [number]>('raise');

export async function hello(name: string): Promise<string> {
  return greet(name);
}

export async function retry(succeedsAt: number): Promise<number> {
  return flaky(succeedsAt);
}

export async function refusal(): Promise<void> {
  await refuses();
}

/** A sum that signals and updates change, until it is told to finish. */
export async function counter(initial: number): Promise<number> {
  let sum = initial;
  let done = false;
  wf.setHandler(add, (n) => void (sum += n));
  wf.setHandler(finish, () => void (done = true));
  wf.setHandler(total, () => sum);
  wf.setHandler(
    raise,
    async (n) => {
      await wf.sleep(10);
      return (sum += n);
    },
    {
      validator: (n) => {
        if (n < 0) throw new Error('must not be negative');
      },
    },
  );
  await wf.condition(() => done && wf.allHandlersFinished());
  return sum;
}

export async function parent(names: string[]): Promise<string[]> {
  return Promise.all(names.map((name) => wf.executeChild(hello, { args: [name] })));
}

export async function failingChild(): Promise<string> {
  try {
    await wf.executeChild(refusal);
    return 'no failure';
  } catch (error) {
    if (!(error instanceof wf.ChildWorkflowFailure)) throw error;
    return wf.rootCause(error) ?? '';
  }
}

export async function timer(milliseconds: number): Promise<number> {
  const before = Date.now();
  await wf.sleep(milliseconds);
  return Date.now() - before;
}

export async function timerOrSignal(): Promise<string> {
  let told = false;
  wf.setHandler(finish, () => void (told = true));
  return (await wf.condition(() => told, '1 hour')) ? 'told' : 'timed out';
}

/** Cleans up when it is cancelled. */
export async function cleansUp(): Promise<string> {
  try {
    return await waitsForCancel();
  } catch (error) {
    if (!wf.isCancellation(error)) throw error;
    return wf.CancellationScope.nonCancellable(() => greet('cleaned up'));
  }
}

export async function sleepsForEver(): Promise<void> {
  await wf.sleep('1 day');
}

export async function goesOn(left: number, sum: number): Promise<number> {
  if (left === 0) return sum;
  await wf.continueAsNew<typeof goesOn>(left - 1, sum + left);
  return 0;
}
