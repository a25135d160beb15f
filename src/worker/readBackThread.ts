import { workerData } from 'node:worker_threads';
import { openReadableFile, serveReadBack } from './readBack';

/** The entry of the thread that reads back what another one writes. */
const { fd, control } = workerData as { fd: number; control: BigInt64Array };
serveReadBack(openReadableFile(fd), control);
