import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { sharedAbort } from '../core/abort';
import type { EngineApi } from '../protocol/engineApi';
import { Channel } from '../protocol/rpc';
import { systemDisk } from './disk';
import { createEngine } from './engineLogic';
import { openFileSource } from './fileSource';
import { installKernelFiles } from './kernelFiles';
import { KernelThreads } from './kernelThreads';

/** The thread's entry: wires the port to the handlers, nothing else. */
const port = parentPort;
if (port === null) throw new Error('engineWorker must run as a worker thread');

installKernelFiles(__dirname);
const threads = new KernelThreads(__dirname);
const { abortFlag } = workerData as { abortFlag: Int32Array };
new Channel<EngineApi, Record<never, never>>(
  { post: (message) => port.postMessage(message), listen: (receive) => port.on('message', receive) },
  createEngine({
    openSource: openFileSource,
    abort: sharedAbort(abortFlag),
    useThreads: (count) => threads.use(count),
    disk: systemDisk(join(__dirname, 'readBackThread.js')),
    share: (bytes, work) => threads.share(bytes, work),
  }),
);
