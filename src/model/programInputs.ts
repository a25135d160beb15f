import type { AbortCheck } from '../core/abort';
import { PyFunction } from '../engine/forward/interpreter/pyFunction';
import type { RunnableDto } from '../protocol/modelDto';
import { type ModuleNode, walk } from './moduleTree';
import type { Model } from './openModel';
import { defaultInputs } from './runnable';
import type { Program } from './scriptProgram';

type Inputs = RunnableDto['inputs'];

/** Names under which people pass a recurrent state. */
export const stateName = /^(h|hx|hc|hidden|hidden_states?|states?|prev_state|h_?0|c_?0|cx|cell)$/i;
const cellName = /^(c_?0|cx|cell)$/i;

/**
 * Inputs to start from: those that an archive was traced with, else one for each argument that
 * forward must get, shaped by the modules that take it. The first argument is what the first
 * module takes; states are those of the first recurrent module; a second sequence goes to the
 * next embedding. They are proposals: only a run shows that they fit.
 */
export async function suggestInputs(program: Program, model: Model, abort: AbortCheck): Promise<Inputs> {
  const names = argumentNames(program);
  const leaves = inputsOfLeaves(model.root);
  const traced = (await model.file.program?.tracedInputs(abort)) ?? [];
  if (traced.length > 0) {
    const high = leaves.find(([input]) => input.dtype === 'int64')?.[0].high;
    return traced.flatMap((tensors, i) => {
      const argument = names.all[i] ?? `input.${i}`;
      return tensors.map(({ dtype, shape }, part) => ({
        ...(tensors.length > 1 ? { name: `${argument}.${part}`, argument } : { name: argument }),
        shape,
        ...(/int/.test(dtype) ? { dtype: 'int64' as const, ...(high === undefined ? {} : { high }) } : {}),
      }));
    });
  }
  const [first] = leaves;
  if (first === undefined) return [];
  const wanted = names.required.length > 0 ? names.required : names.all.slice(0, 1);
  const embeddings = leaves.filter(([input]) => input.dtype === 'int64');
  const states = leaves.find((inputs) => inputs.length > 1)?.slice(1) ?? [];
  const pairs = states.length > 1 && wanted.filter((name) => stateName.test(name)).length === 1;
  let sequences = 0;
  return wanted.flatMap((name, i): Inputs => {
    if (i > 0 && stateName.test(name) && states.length > 0) {
      if (pairs) return states.map((state) => ({ ...state, argument: name }));
      return [{ ...(cellName.test(name) ? (states[1] ?? states[0]) : states[0]), name }];
    }
    const source = (first[0].dtype === 'int64' ? embeddings[sequences] : undefined) ?? first;
    sequences++;
    return [{ ...source[0], name }];
  });
}

/** Arguments of forward without self: all that have a place, and those that a call must give. */
function argumentNames({ root }: Program): { readonly all: readonly string[]; readonly required: readonly string[] } {
  const forward = root.type.find('forward')?.value;
  if (!(forward instanceof PyFunction)) return { all: [], required: [] };
  return { all: forward.positional.slice(1), required: forward.required.slice(1) };
}

/** What the modules without children take, in the order of the model. */
function inputsOfLeaves(root: ModuleNode): Inputs[] {
  const found: Inputs[] = [];
  for (const node of walk(root)) {
    if (node.children.length > 0 || node.optimizer) continue;
    const inputs = defaultInputs(node);
    if (inputs !== undefined && inputs.length > 0) found.push(inputs);
  }
  return found;
}
