import { invalid } from '../../core/errors';
import type { ForwardPlanDto, PlanInputDto, PlanStepDto, PlanValueDto } from '../../protocol/planDto';
import type { ModuleNode } from '../moduleTree';
import { maxSteps } from './limits';
import { type PlanModule, planModule } from './planModule';

/** What is left of a proposal: the plan, and modules that found no place in it. */
export interface Proposal {
  readonly plan: ForwardPlanDto;
  readonly unused: readonly { readonly path: string; readonly why: string }[];
}

/** Steps, batch and image size of the inputs to start from, as for single modules. */
const [sequenceLength, batch, imageSize] = [20, 1, 32];

/** How values lie: rows [n, width], sequences [steps, batch, width], signals [n, width, length], images [n, width, h, w]. */
type Layout = 'rows' | 'sequence' | 'signal' | 'image';

/**
 * A chain through the modules in the file's order, as far as sizes fit: each takes what the one
 * before gives. What no shape tells (activations, pooling, heads, padding) is assumed and says so;
 * modules whose sizes fit nowhere are left out and listed. `root` is the model's own node.
 */
export function proposePlan(root: ModuleNode): Proposal {
  const chain = new Chain();
  const unused: { path: string; why: string }[] = [];
  for (const module of planModules(root, unused)) {
    const why = chain.steps.length >= maxSteps - 8 ? 'the plan is full' : chain.add(module);
    if (why !== undefined) unused.push({ path: module.path, why });
  }
  const { input, steps, name } = chain;
  if (input === undefined || !steps.some(({ module }) => module !== undefined)) {
    throw invalid('E_NO_PLAN', 'No forward can be proposed: no module’s sizes say where to start.', {
      hint: 'Give the model’s class with --source model.py:Class, or run one module with --module.',
    });
  }
  const plan: ForwardPlanDto = {
    format: 'quantscope-forward-plan',
    version: 1,
    inputs: [input],
    steps,
    outputs: [name],
  };
  return { plan, unused };
}

/** The modules that can be built, in the file's order; what has parameters and cannot is listed. */
function* planModules(root: ModuleNode, unused: { path: string; why: string }[]): Generator<PlanModule> {
  const prefix = root.path === '' ? '' : `${root.path}.`;
  const stack: ModuleNode[] = [...root.children].reverse();
  if (root.kind !== undefined || root.tensors.length > 0)
    unused.push({ path: '', why: 'parameters of the model itself: what is done with them, no shape tells' });
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (node.optimizer) continue;
    const path = node.path.slice(prefix.length);
    const sound = path.split('.').every((part) => /^\w+$/.test(part) && !part.startsWith('__'));
    const module = sound ? planModule(node, path) : undefined;
    if (module !== undefined) yield module;
    else if (node.tensors.length > 0) unused.push({ path, why: 'no class of torch.nn has parameters of these shapes' });
    if (module?.whole !== true) stack.push(...[...node.children].reverse());
  }
}

const convolution = /^Conv(\d)d$/;
const batchNorm = /^BatchNorm(\d)d$/;
const recurrent = /^(LSTM|GRU|RNN)$/;
const cell = /^(LSTM|GRU|RNN)Cell$/;
/** Written in the file, they need nothing and change no width. */
const shapeless =
  /^(ReLU6?|Tanh|Sigmoid|GELU|SiLU|LeakyReLU|ELU|SELU|CELU|Mish|Hardswish|Hardsigmoid|Hardtanh|Softplus|LogSigmoid|Softsign|Identity|Dropout[123]?d?|AlphaDropout)$/;

class Chain {
  input: PlanInputDto | undefined;
  readonly steps: PlanStepDto[] = [];
  /** The value that the chain has come to. */
  name = '';
  private width = 0;
  private layout: Layout = 'rows';
  private batchFirst = false;
  /** The last module that is a step. */
  private last: PlanModule | undefined;
  private readonly taken = new Set<string>();

  /** Adds a module, or says why it does not fit. */
  add(module: PlanModule): string | undefined {
    const { type, arguments: args } = module;
    const size = (name: string) => Number(args[name]);
    if (shapeless.test(type)) {
      if (this.input === undefined) return 'it comes before anything that tells a size';
      this.push(module);
      return undefined;
    }
    const before = this.assumedBetween(module);
    if (type === 'Embedding' || type === 'EmbeddingBag') {
      if (this.input !== undefined) return 'a second table of indices: nothing says what is looked up in it';
      const shape = type === 'Embedding' ? [sequenceLength, batch] : [batch, sequenceLength];
      this.start({ name: 'input', shape, dtype: 'int64', high: size('num_embeddings') });
      return this.push(module, [], size('embedding_dim'), type === 'Embedding' ? 'sequence' : 'rows');
    }
    if (recurrent.test(type)) {
      const batchFirst = args.batch_first === true;
      const fits = this.fit(size('input_size'), ['sequence'], () => ({
        shape: batchFirst ? [batch, sequenceLength, size('input_size')] : [sequenceLength, batch, size('input_size')],
        layout: 'sequence',
      }));
      if (fits !== undefined) return fits;
      this.batchFirst = batchFirst;
      if (batchFirst && this.input?.dtype === 'int64') this.input = { ...this.input, shape: [batch, sequenceLength] };
      const width = (size('proj_size') || size('hidden_size')) * (args.bidirectional === true ? 2 : 1);
      return this.push(module, [0], width, 'sequence', 'the output of every step goes on, and states start at zero');
    }
    if (cell.test(type)) {
      const fits = this.fit(size('input_size'), ['rows', 'sequence']);
      if (fits !== undefined) return fits;
      const take = type === 'LSTMCell' ? [0] : [];
      return this.push(module, take, size('hidden_size'), this.layout, 'one step from a state of zeros');
    }
    if (type === 'Linear') return this.linear(module, size('in_features'), size('out_features'), before);
    if (type === 'MultiheadAttention') {
      const fits = this.fit(size('embed_dim'), ['sequence'], sequenceOf(size('embed_dim')));
      if (fits !== undefined) return fits;
      this.steps.push(this.step(module, [this.name, this.name, this.name], [0], 'it attends to its own input'));
      return this.went(module, size('embed_dim'), 'sequence');
    }
    if (type === 'TransformerEncoderLayer') {
      const fits = this.fit(size('d_model'), ['sequence'], sequenceOf(size('d_model')));
      return fits ?? this.push(module, [], size('d_model'), 'sequence');
    }
    if (type === 'LayerNorm' || type === 'RMSNorm') {
      const shape = args.normalized_shape;
      const width = Array.isArray(shape) ? (shape.length === 1 ? Number(shape[0]) : Number.NaN) : Number(shape);
      return this.fit(width, ['rows', 'sequence']) ?? this.push(module);
    }
    const norm = batchNorm.exec(type);
    if (norm !== null) return this.batchNorm(module, size('num_features'));
    const conv = convolution.exec(type);
    if (conv !== null) return this.convolution(module, Number(conv[1]), before);
    return `a plan does not know where ${type} goes`;
  }

  private start(input: PlanInputDto): void {
    this.input = input;
    this.name = input.name;
    this.taken.add(input.name);
  }

  /** Undefined where the chain has this width, or starts here. */
  private fit(
    width: number,
    layouts: readonly Layout[],
    first: () => { shape: readonly number[]; layout: Layout } = () => ({
      shape: [sequenceLength, width],
      layout: 'rows',
    }),
  ): string | undefined {
    if (!(width > 0)) return 'its size is not one number';
    if (this.input === undefined) {
      const { shape, layout } = first();
      this.start({ name: 'input', shape, dtype: 'float32' });
      [this.width, this.layout] = [width, layout];
      return undefined;
    }
    if (this.width !== width)
      return `it takes ${width} values, and ${this.last?.path ?? 'the input'} gives ${this.width}`;
    return layouts.includes(this.layout) ? undefined : `it takes no ${this.layout}`;
  }

  private linear(module: PlanModule, inputs: number, outputs: number, before: string | undefined): string | undefined {
    if (this.input !== undefined && (this.layout === 'image' || this.layout === 'signal')) {
      const cells = inputs / this.width;
      const side = this.layout === 'image' ? Math.sqrt(cells) : cells;
      if (!Number.isInteger(side) || side < 1)
        return `it takes ${inputs} values, which is no multiple of ${this.width}`;
      this.activate(before);
      const pool = this.layout === 'image' ? 'adaptive_avg_pool2d' : 'adaptive_avg_pool1d';
      this.call(pool, { output_size: side }, `${inputs} inputs are ${this.width} channels of ${cells}`);
      this.call('flatten', {}, 'channels become features');
      return this.push(module, [], outputs, 'rows');
    }
    const fits = this.fit(inputs, ['rows', 'sequence']);
    if (fits !== undefined) return fits;
    this.activate(before);
    return this.push(module, [], outputs, this.layout);
  }

  private batchNorm(module: PlanModule, width: number): string | undefined {
    const fits = this.fit(width, ['rows', 'signal', 'image']);
    if (fits !== undefined) return fits;
    const dimensions = this.layout === 'image' ? 2 : 1;
    this.push({ ...module, type: `BatchNorm${dimensions}d` });
    return undefined;
  }

  private convolution(module: PlanModule, dimensions: number, before: string | undefined): string | undefined {
    const { arguments: args } = module;
    if (dimensions > 2) return `a plan does not know where ${module.type} goes`;
    const channels = Number(args.in_channels);
    const layout: Layout = dimensions === 1 ? 'signal' : 'image';
    const outputs = Number(args.out_channels);
    // A state dict shows the channels of one group.
    const groups = this.input !== undefined && !module.written && this.layout === layout ? this.width / channels : 1;
    const grouped = Number.isInteger(groups) && groups > 1 && outputs % groups === 0;
    if (this.layout === 'sequence' && layout === 'signal' && this.width === channels) {
      const dims = this.batchFirst ? [0, 2, 1] : [1, 2, 0];
      this.call('permute', { dims }, 'steps become the length of a signal');
      this.layout = 'signal';
    }
    const sizes = new Array<number>(dimensions).fill(imageSize);
    const first = () => ({ shape: [batch, channels, ...sizes], layout });
    const fits = this.fit(grouped ? this.width : channels, [layout], first);
    if (fits !== undefined) return fits;
    this.activate(before);
    if (!grouped) return this.push(module, [], outputs, layout);
    const grouping = { in_channels: this.width, groups };
    return this.push({ ...module, arguments: { ...args, ...grouping } }, [], outputs, layout, `${groups} groups`);
  }

  /** Why an activation stands between the last module and this one, or undefined for none. */
  private assumedBetween(module: PlanModule): string | undefined {
    const { last } = this;
    if (last === undefined) return undefined;
    const [a, b] = [last.path.split('.'), module.path.split('.')];
    const same = a.slice(0, -1).join('.') === b.slice(0, -1).join('.');
    const [i, j] = [Number(a.at(-1)), Number(b.at(-1))];
    if (same && Number.isInteger(i) && Number.isInteger(j)) {
      // A file that holds the modules themselves shows those without parameters too.
      return j - i > 1 && !module.written ? `${i + 1} has no parameters, so it is an activation` : undefined;
    }
    const weighted = /^(Linear|Conv\dd)$/;
    const normed = batchNorm.test(last.type);
    return (weighted.test(last.type) || normed) && weighted.test(module.type)
      ? 'without one, two products in a row would be one'
      : undefined;
  }

  private activate(why: string | undefined): void {
    if (why !== undefined) this.call('relu', {}, `ReLU; ${why}`);
  }

  private call(name: string, args: Readonly<Record<string, PlanValueDto>>, assumed: string): void {
    const step: PlanStepDto = {
      name: this.fresh(name),
      from: [this.name],
      function: name,
      ...(Object.keys(args).length === 0 ? {} : { arguments: args }),
      assumed,
    };
    this.steps.push(step);
    this.name = step.name;
  }

  private push(
    module: PlanModule,
    take: readonly number[] = [],
    width = this.width,
    layout = this.layout,
    assumed?: string,
  ): undefined {
    this.steps.push(this.step(module, [this.name], take, assumed));
    return this.went(module, width, layout);
  }

  private went(module: PlanModule, width: number, layout: Layout): undefined {
    this.name = this.steps.at(-1)?.name ?? this.name;
    [this.width, this.layout, this.last] = [width, layout, module];
  }

  private step(module: PlanModule, from: readonly string[], take: readonly number[], assumed?: string): PlanStepDto {
    const why = [assumed, module.assumed].filter((one) => one !== undefined).join('; ');
    return {
      name: this.fresh(module.path.split('.').at(-1) as string),
      from,
      module: module.path,
      type: module.type,
      arguments: module.arguments,
      ...(take.length === 0 ? {} : { take }),
      ...(why === '' ? {} : { assumed: why }),
    };
  }

  /** A name that reads well and is still free: `x3` for a module called "0". */
  private fresh(wish: string): string {
    const base = /^[A-Za-z]\w{0,40}$/.test(wish) ? `${wish}_out` : 'x';
    let name = base;
    for (let i = this.steps.length + 1; this.taken.has(name) || name === 'x'; i++) name = `${base}${i}`;
    this.taken.add(name);
    return name;
  }
}

const sequenceOf = (width: number) => () => ({
  shape: [sequenceLength, batch, width],
  layout: 'sequence' as const,
});
