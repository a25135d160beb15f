import { unsupported } from '../../../core/errors';
import { Attributes } from '../../../engine/nn/attributes';
import type { ValueData } from '../../../formats/onnx/write';
import { attributesOf } from '../../loadModule';
import type { ModuleNode } from '../../moduleTree';
import type { ModelTensor } from '../../openModel';
import type { GraphBuilder } from './graphBuilder';
import { matrixBytes } from './matrices';
import { joinPath, type WeightSource } from './weightSource';

export type Node = ModuleNode<ModelTensor>;

/** A value of the graph: its name, and its shape as far as it is known. */
export type Value = ValueData;
export type Shape = ValueData['shape'];

/** Writes one module's nodes and gives its outputs, in the order of its forward. */
export type Emitter = (context: EmitContext, node: Node, inputs: readonly Value[]) => readonly Value[];

/** What an emitter works with. */
export class EmitContext {
  constructor(
    readonly graph: GraphBuilder,
    readonly weights: WeightSource,
    /** Writes a module below. */
    readonly emit: Emitter,
  ) {}

  attributes(node: Node): Attributes {
    return new Attributes(attributesOf(node));
  }

  child(node: Node, name: string): Node {
    const found = node.children.find((child) => child.name === name);
    if (found === undefined) throw notExported(node, `it has no module ${name}`);
    return found;
  }

  /** The one output of a module of one input. */
  run(node: Node, input: Value): Value {
    return this.emit(this, node, [input])[0];
  }

  /** A parameter as a constant, in the shape that the file gives it or in `shape`; undefined when there is none. */
  parameter({ path }: Node, name: string, shape?: readonly number[]): string | undefined {
    const full = joinPath(path, name);
    if (!this.weights.has(full)) return undefined;
    return this.graph.constant(full, 'float32', shape ?? this.weights.shape(full), async () =>
      matrixBytes(await this.weights.floats(full)),
    );
  }

  shapeOf({ path }: Node, name: string): readonly number[] | undefined {
    const full = joinPath(path, name);
    return this.weights.has(full) ? this.weights.shape(full) : undefined;
  }
}

export function float(name: string, shape: Shape): Value {
  return { name, dtype: 'float32', shape };
}

/** The same shape under another name: what elementwise nodes give. */
export function renamed({ dtype, shape }: Value, name: string): Value {
  return { name, dtype, shape };
}

/** A module without parameters and children, of which a state dict says nothing. */
export function bareNode(path: string): Node {
  return {
    name: path.slice(path.lastIndexOf('.') + 1),
    path,
    kind: undefined,
    type: '',
    repr: '',
    record: undefined,
    joinsEqual: false,
    children: [],
    tensors: [],
    bytes: 0,
    parameters: 0,
    tensorCount: 0,
    optimizer: false,
  };
}

/** PyTorch also takes inputs without a batch, which are other nodes in ONNX. */
export function requireRank(node: Node, { shape }: Value, rank: number): void {
  if (shape.length !== rank) throw notExported(node, `its input has ${shape.length} dimensions, not ${rank}`);
}

/** Refuses by the module's name and the reason. */
export function notExported(node: Pick<Node, 'path' | 'name' | 'type'>, why: string) {
  const named = node.path || node.name;
  return unsupported('E_EXPORT_ONNX', `${named} cannot be written as ONNX: ${why}.`, {
    hint: 'Choose one module that can (--module PATH), a state dict’s forward plan (--plan), or PyTorch or safetensors.',
  });
}
