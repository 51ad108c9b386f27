// activities.ts - what the workers of the tests do outside their workflows.
import { ApplicationFailure } from '@temporalio/common';
import { CancelledFailure, Context } from '@temporalio/activity';

export async function greet(name: string): Promise<string> {
  return `Hello, ${name}!`;
}

/** Fails until its attempt number `succeedsAt`. */
export async function flaky(succeedsAt: number): Promise<number> {
  const attempt = Context.current().info.attempt;
  if (attempt < succeedsAt) throw new Error(`attempt ${attempt} fails`);
  return attempt;
}

export async function refuses(): Promise<void> {
  throw ApplicationFailure.nonRetryable('never', 'Refusal', 'why', 7);
}

/** Heartbeats until it is cancelled. */
export async function waitsForCancel(): Promise<string> {
  const context = Context.current();
  try {
    for (let beat = 0; ; beat++) {
      context.heartbeat(beat);
      await context.sleep(100);
    }
  } catch (error) {
    if (error instanceof CancelledFailure) return 'canceled';
    throw error;
  }
}
