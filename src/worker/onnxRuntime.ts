import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as ort from 'onnxruntime-web';
import type { DType } from '../core/dtype';
import { unsupported } from '../core/errors';
import { numel } from '../core/shape';
import type { Tensor } from '../engine/tensor/tensor';

/**
 * ONNX Runtime's WebAssembly build: one thread, no other execution provider. Its 14 MB are read
 * when the first model runs. A model is data to it and cannot reach files or the network.
 */

const wasmName = 'ort-wasm-simd-threaded';

/** In the product the runtime's files lie beside this one; in the tests in node_modules, where it looks by itself. */
function locateRuntime(): void {
  ort.env.wasm.numThreads = 1;
  // What goes wrong is thrown as well.
  ort.env.logLevel = 'fatal';
  const wasm = join(__dirname, `${wasmName}.wasm`);
  if (!existsSync(wasm)) return;
  ort.env.wasm.wasmPaths = {
    mjs: pathToFileURL(join(__dirname, `${wasmName}.mjs`)).href,
    wasm: pathToFileURL(wasm).href,
  };
}

export interface OnnxInput {
  readonly name: string;
  readonly dtype: DType;
  /** −1 where the model leaves a size open. */
  readonly shape: readonly number[];
}

/** A model that is ready to run. */
export interface OnnxSession {
  readonly inputs: readonly OnnxInput[];
  readonly outputs: readonly string[];
  run(inputs: readonly Tensor[]): Promise<Tensor[]>;
  close(): Promise<void>;
}

/** Types of values that cross into the runtime. */
const types: readonly (readonly [DType, ort.Tensor.Type])[] = [
  ['float32', 'float32'],
  ['float64', 'float64'],
  ['int64', 'int64'],
  ['int32', 'int32'],
  ['int16', 'int16'],
  ['int8', 'int8'],
  ['uint8', 'uint8'],
  ['bool', 'bool'],
  ['float16', 'float16'],
];

/**
 * `plain` leaves the graph as it is written, so that every value in it can be asked for.
 * `external` are the files that the model keeps weights in, by the names that it uses.
 */
export async function openOnnxSession(
  model: Uint8Array,
  plain: boolean,
  external: readonly { readonly path: string; readonly data: Uint8Array }[] = [],
): Promise<OnnxSession> {
  locateRuntime();
  const session = await attempt(() =>
    ort.InferenceSession.create(model, {
      executionProviders: ['wasm'],
      graphOptimizationLevel: plain ? 'disabled' : 'all',
      ...(external.length === 0 ? {} : { externalData: external.map(({ path, data }) => ({ path, data })) }),
    }),
  );
  return {
    inputs: session.inputMetadata.map((input) => {
      if (!input.isTensor) throw unsupported('E_ONNX_INPUT', `The input ${input.name} is no tensor.`);
      const dtype = types.find(([, type]) => type === input.type)?.[0];
      if (dtype === undefined)
        throw unsupported(
          'E_ONNX_INPUT',
          `The input ${input.name} has type ${input.type}, which cannot be given here.`,
        );
      return {
        name: input.name,
        dtype,
        shape: input.shape.map((size) => (typeof size === 'number' && size >= 0 ? size : -1)),
      };
    }),
    outputs: session.outputNames,
    async run(inputs) {
      const feeds: Record<string, ort.Tensor> = {};
      for (const [i, { dtype, data, shape }] of inputs.entries()) {
        const type = types.find(([own]) => own === dtype)?.[1];
        if (type === undefined)
          throw unsupported('E_ONNX_INPUT', `A ${dtype} tensor cannot be given to ONNX Runtime here.`);
        feeds[session.inputNames[i]] = new ort.Tensor(type as 'float32', data as Float32Array, [...shape]);
      }
      const results = await attempt(() => session.run(feeds));
      return session.outputNames.map((name) => toTensor(results[name]));
    },
    close: () => session.release(),
  };
}

function toTensor({ type, data, dims }: ort.Tensor): Tensor {
  const dtype = types.find(([, own]) => own === type)?.[0];
  if (dtype === undefined || numel(dims) !== data.length)
    throw unsupported('E_ONNX_OUTPUT', `An output of type ${type} cannot be shown.`);
  return { dtype, shape: [...dims], data: data as Float32Array };
}

/** What the runtime says of operators that it does not have, and what that means. */
const missingOperators: readonly {
  readonly pattern: RegExp;
  say(
    found: RegExpExecArray,
  ): [message: string, details: { readonly where?: { field: string }; readonly hint: string }];
}[] = [
  {
    pattern: /Could not find an implementation for (\w+)\((\d+)\) node with name '([^']*)'/,
    say: ([, operator, version, node]) => [
      `ONNX Runtime’s WebAssembly build does not have ${operator} (opset ${version}) for these types.`,
      {
        where: { field: `node ${node.slice(0, 200) || 'without a name'}` },
        hint: 'Run it with onnxruntime in Python.',
      },
    ],
  },
  {
    pattern: /([\w.]*):(\w+)\(-?\d+\) is not a registered function/,
    say: ([, domain, operator]) => [
      `${operator} of ${domain} is none of ONNX Runtime’s operators.`,
      { hint: 'It is in a library of custom operators, which is code and is not loaded here.' },
    ],
  },
  {
    pattern: /No Op registered for (\w+) with domain_version of (\d+)/,
    say: ([, operator, version]) => [
      `ONNX has no operator ${operator} in opset ${version}.`,
      { hint: 'The file names an operator of another opset, or one that does not exist.' },
    ],
  },
];

/** The runtime's own errors, as what they are: its refusal of this model or these inputs. */
async function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    for (const { pattern, say } of missingOperators) {
      const found = pattern.exec(message);
      if (found !== null) throw unsupported('E_ONNX_OPERATOR', ...say(found));
    }
    throw unsupported('E_ONNX_RUNTIME', `ONNX Runtime: ${message.slice(0, 1_000)}`);
  }
}
