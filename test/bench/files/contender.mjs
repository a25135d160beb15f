// One contender opens one file once, in a process of its own: node contender.mjs NAME FILE BUNDLE
// Prints the time and the processor's time in ms, the growth of the resident set to its peak in KB, and the tensors it found.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [name, file, bundle] = process.argv.slice(2);
const require = createRequire(import.meta.url);

/** onnx.proto, as far as the file of the benchmark goes. */
const onnxProto = {
  nested: {
    ModelProto: {
      fields: {
        irVersion: { id: 1, type: 'int64' },
        producerName: { id: 2, type: 'string' },
        graph: { id: 7, type: 'GraphProto' },
        opsetImport: { rule: 'repeated', id: 8, type: 'OperatorSetIdProto' },
      },
    },
    OperatorSetIdProto: { fields: { domain: { id: 1, type: 'string' }, version: { id: 2, type: 'int64' } } },
    GraphProto: {
      fields: {
        node: { rule: 'repeated', id: 1, type: 'NodeProto' },
        name: { id: 2, type: 'string' },
        initializer: { rule: 'repeated', id: 5, type: 'TensorProto' },
      },
    },
    NodeProto: {
      fields: {
        input: { rule: 'repeated', id: 1, type: 'string' },
        output: { rule: 'repeated', id: 2, type: 'string' },
        name: { id: 3, type: 'string' },
        opType: { id: 4, type: 'string' },
      },
    },
    TensorProto: {
      fields: {
        dims: { rule: 'repeated', id: 1, type: 'int64' },
        dataType: { id: 2, type: 'int32' },
        name: { id: 8, type: 'string' },
        rawData: { id: 9, type: 'bytes' },
      },
    },
  },
};

async function load() {
  if (name === 'Quantscope') return require(bundle).open;
  if (name === '@huggingface/gguf') {
    const { gguf } = await import('@huggingface/gguf');
    return async (path) => (await gguf(path, { allowLocalFile: true })).tensorInfos.length;
  }
  const protobuf = require('protobufjs');
  const type = protobuf.Root.fromJSON(onnxProto).lookupType('ModelProto');
  return async (path) => type.decode(readFileSync(path)).graph.initializer.length;
}

function memory(key) {
  return Number(new RegExp(`${key}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0);
}

const open = await load();
const before = memory('VmRSS');
const cpu = process.cpuUsage();
const started = performance.now();
const tensors = await open(file);
const ms = performance.now() - started;
const { user, system } = process.cpuUsage(cpu);
process.stdout.write(JSON.stringify({ ms, cpuMs: (user + system) / 1000, kb: memory('VmHWM') - before, tensors }));
