import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A thread that speaks the protocol and does on request what a real engine does only by accident:
 * ignore aborts, die, throw, or be cancelled while it opens. `stats` takes the behaviour as its tensor.
 */
const source = `
const { parentPort, threadId, workerData } = require('node:worker_threads');
const { abortFlag } = workerData;
const aborted = { code: 'E_ABORTED', kind: 'aborted', message: 'Cancelled.' };
const sleep = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
const untilAborted = () => { while (Atomics.load(abortFlag, 0) === 0) sleep(); };
parentPort.on('message', ({ type, id, method, args }) => {
  if (type !== 'request') return;
  const reply = (value) => parentPort.postMessage({ type: 'reply', id, value });
  const fail = (error) => parentPort.postMessage({ type: 'error', id, error });
  if (method === 'open') {
    if (args.path === 'bad') return fail({ code: 'E_EMPTY', kind: 'malformed', message: 'The file is empty.' });
    if (args.path === 'slow') { untilAborted(); return fail(aborted); }
    return reply({ file: args.path, threadId });
  }
  if (method === 'inspect') return reply({ threadId });
  switch (args.tensor) {
    case 'hang': for (;;) sleep();
    case 'cooperative': untilAborted(); return fail(aborted);
    case 'later': return setTimeout(() => reply({ threadId, flag: Atomics.load(abortFlag, 0) }), 40);
    case 'exit': process.exit(3);
    case 'throw': throw new Error('a bug');
    default: return reply({ threadId, flag: Atomics.load(abortFlag, 0) });
  }
});
`;

/** Writes the thread into a folder; returns its path. */
export async function writeStubWorker(folder: string): Promise<string> {
  const path = join(folder, 'stubWorker.js');
  await writeFile(path, source);
  return path;
}
