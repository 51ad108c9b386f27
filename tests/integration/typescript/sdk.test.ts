// sdk.test.ts - the main path with the TypeScript SDK, on the server at GNOMON_TEST_ADDRESS.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import {
  Client,
  Connection,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, CancelledFailure, TimeoutFailure } from '@temporalio/common';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import * as activities from './activities';
import * as wf from './workflows';

const address = process.env.GNOMON_TEST_ADDRESS;
const taskQueue = `typescript-${randomUUID()}`;
let connection: Connection;
let client: Client;
let native: NativeConnection;
let worker: Worker;
let running: Promise<void>;

const id = (name: string) => `typescript-${name}-${randomUUID()}`;
const options = <A extends unknown[]>(name: string, ...args: A) => ({ taskQueue, workflowId: id(name), args });

async function until(check: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 20_000; Date.now() < end; ) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail('it did not come to be within 20 s');
}

async function failureOf(result: Promise<unknown>): Promise<Error | undefined> {
  try {
    await result;
  } catch (error) {
    assert(error instanceof WorkflowFailedError, String(error));
    return error.cause;
  }
  assert.fail('it did not fail');
}

describe('typescript', { timeout: 120_000 }, () => {
  before(async () => {
    assert(address, 'GNOMON_TEST_ADDRESS is not set');
    Runtime.install({ logger: { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} } });
    connection = await Connection.connect({ address });
    client = new Client({ connection });
    native = await NativeConnection.connect({ address });
    worker = await Worker.create({
      connection: native,
      taskQueue,
      activities,
      workflowsPath: require.resolve('./workflows'),
    });
    running = worker.run();
  });

  after(async () => {
    worker.shutdown();
    await running;
    await native.close();
    await connection.close();
  });

  test('hello', async () => {
    assert.equal(await client.workflow.execute(wf.hello, options('hello', 'Temporal')), 'Hello, Temporal!');
  });

  test('retry', async () => {
    assert.equal(await client.workflow.execute(wf.retry, options('retry', 3)), 3);
  });

  test('failure', async () => {
    const failure = await failureOf(client.workflow.execute(wf.refusal, options('failure')));
    assert(failure instanceof ActivityFailure);
    assert(failure.cause instanceof ApplicationFailure);
    assert.deepEqual(
      [failure.cause.message, failure.cause.type, failure.cause.nonRetryable, failure.cause.details],
      ['never', 'Refusal', true, ['why', 7]],
    );
  });

  test('signal', async () => {
    const handle = await client.workflow.start(wf.counter, options('signal', 1));
    for (let n = 1; n <= 10; n++) await handle.signal(wf.add, n);
    await handle.signal(wf.finish);
    assert.equal(await handle.result(), 56);
  });

  test('signalWithStart', async () => {
    const start = options('signal-with-start', 1);
    const first = await client.workflow.signalWithStart(wf.counter, { ...start, signal: wf.add, signalArgs: [5] });
    const second = await client.workflow.signalWithStart(wf.counter, { ...start, signal: wf.add, signalArgs: [6] });
    assert.equal(first.signaledRunId, second.signaledRunId);
    await second.signal(wf.finish);
    assert.equal(await first.result(), 12);
  });

  test('query', async () => {
    const handle = await client.workflow.start(wf.counter, options('query', 3));
    assert.equal(await handle.query(wf.total), 3);
    await handle.signal(wf.add, 4);
    assert.equal(await handle.query(wf.total), 7);
    await handle.signal(wf.finish);
    assert.equal(await handle.result(), 7);
    assert.equal(await handle.query(wf.total), 7);
    await assert.rejects(handle.query('unheard'), /did not register a handler for unheard/i);
  });

  test('update', async () => {
    const handle = await client.workflow.start(wf.counter, options('update', 1));
    assert.equal(await handle.executeUpdate(wf.raise, { args: [2] }), 3);
    const accepted = await handle.startUpdate(wf.raise, { args: [4], waitForStage: 'ACCEPTED' });
    assert.equal(await accepted.result(), 7);
    const again = await handle.executeUpdate(wf.raise, { args: [100], updateId: accepted.updateId });
    assert.equal(again, 7);
    await assert.rejects(handle.executeUpdate(wf.raise, { args: [-1] }), (error) => {
      assert(error instanceof WorkflowUpdateFailedError);
      return /must not be negative/.test(String(error.cause?.message));
    });
    await handle.signal(wf.finish);
    assert.equal(await handle.result(), 7);
    const history = await handle.fetchHistory();
    assert.equal(history.events?.filter((e) => e.workflowExecutionUpdateAcceptedEventAttributes).length, 2);
  });

  test('updateWithStart', async () => {
    const startWorkflowOperation = new WithStartWorkflowOperation(wf.counter, {
      ...options('update-with-start', 10),
      workflowIdConflictPolicy: 'USE_EXISTING',
    });
    assert.equal(
      await client.workflow.executeUpdateWithStart(wf.raise, { args: [5], startWorkflowOperation }),
      15,
    );
    const handle = await startWorkflowOperation.workflowHandle();
    await handle.signal(wf.finish);
    assert.equal(await handle.result(), 15);
  });

  test('child', async () => {
    assert.deepEqual(await client.workflow.execute(wf.parent, options('child', ['a', 'b', 'c'])), [
      'Hello, a!',
      'Hello, b!',
      'Hello, c!',
    ]);
    assert.equal(await client.workflow.execute(wf.failingChild, options('failing-child')), 'never');
  });

  test('timer', async () => {
    assert((await client.workflow.execute(wf.timer, options('timer', 300))) >= 300);
    const handle = await client.workflow.start(wf.timerOrSignal, options('timer-or-signal'));
    await handle.signal(wf.finish);
    assert.equal(await handle.result(), 'told');
  });

  test('cancellation', async () => {
    const handle = await client.workflow.start(wf.cleansUp, options('cancellation'));
    await until(async () => {
      const activity = (await handle.describe()).raw.pendingActivities?.[0];
      return activity?.heartbeatDetails != null;
    });
    await handle.cancel();
    assert.match(await handle.result(), /canceled|cleaned up/);

    const asleep = await client.workflow.start(wf.sleepsForEver, options('cancelled'));
    await asleep.cancel();
    assert(await failureOf(asleep.result()) instanceof CancelledFailure);
    assert.equal((await asleep.describe()).status.name, 'CANCELLED');
  });

  test('continueAsNew', async () => {
    const handle = await client.workflow.start(wf.goesOn, options('continue', 4, 0));
    assert.equal(await handle.result(), 10);
    assert.notEqual((await handle.describe()).runId, handle.firstExecutionRunId);
  });

  test('terminate', async () => {
    const handle = await client.workflow.start(wf.sleepsForEver, options('terminate'));
    await handle.terminate('enough');
    assert.match(String(await failureOf(handle.result())), /enough/);
  });

  test('timeout', async () => {
    const start = { ...options('timeout'), workflowRunTimeout: '1 second' as const };
    const result = client.workflow.execute(wf.sleepsForEver, start);
    assert(await failureOf(result) instanceof TimeoutFailure);
  });

  test('duplicate', async () => {
    const start = options('duplicate');
    const handle = await client.workflow.start(wf.sleepsForEver, start);
    await assert.rejects(client.workflow.start(wf.sleepsForEver, start), WorkflowExecutionAlreadyStartedError);
    await handle.terminate();
  });

  test('memoAndList', async () => {
    const handle = await client.workflow.start(wf.hello, { ...options('memo', 'x'), memo: { note: 'kept' } });
    await handle.result();
    assert.deepEqual((await handle.describe()).memo, { note: 'kept' });
  });
});
