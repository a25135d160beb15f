// npm run bench:peers: run.mjs under the Node whose V8 is that of a current VS Code, installed once. Another one, with
// another file for its results: npm run bench:peers -- --node /usr/bin/node --out RESULTS-node20.md
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { currentNodeEnvironment } from '../../../scripts/lib/currentNode.mjs';
import { run } from '../../../scripts/lib/run.mjs';

const args = process.argv.slice(2);
const at = args.indexOf('--node');
const [, named] = at < 0 ? [] : args.splice(at, 2);
const node = named ?? (await currentNodeEnvironment()).QUANTSCOPE_NODE_CURRENT ?? process.execPath;
await run(node, [join(dirname(fileURLToPath(import.meta.url)), 'run.mjs'), ...args], { shell: false });
