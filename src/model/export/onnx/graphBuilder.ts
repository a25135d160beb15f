import type { ByteChunks } from '../../../core/byteChunks';
import type { DType } from '../../../core/dtype';
import type { AttributeValue, InitializerData, NodeData } from '../../../formats/onnx/write';

/** Collects the nodes and constants of a graph; every value gets a name of its own. */
export class GraphBuilder {
  readonly nodes: NodeData[] = [];
  readonly initializers: InitializerData[] = [];
  private readonly names = new Set<string>();
  private sizes = 0;

  /** Adds a node and returns the names of its outputs, which are called after `path`. */
  node(
    opType: string,
    path: string,
    inputs: readonly string[],
    {
      outputs = 1,
      attributes = {},
      domain = '',
    }: { outputs?: number; attributes?: Readonly<Record<string, AttributeValue>>; domain?: string } = {},
  ): string[] {
    const name = this.unique(path === '' ? opType : `${path}.${opType}`);
    const made = Array.from({ length: outputs }, (_, i) => this.unique(outputs === 1 ? `${name}:y` : `${name}:${i}`));
    this.nodes.push({ name, opType, domain, inputs, outputs: made, attributes });
    return made;
  }

  /** The one output of a node. */
  op(
    opType: string,
    path: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): string {
    return this.node(opType, path, inputs, { attributes })[0];
  }

  constant(name: string, dtype: DType, shape: readonly number[], data: () => ByteChunks): string {
    const unique = this.unique(name);
    this.initializers.push({ name: unique, dtype, shape, data });
    return unique;
  }

  floats(name: string, values: readonly number[], shape: readonly number[]): string {
    const bytes = new Uint8Array(Float32Array.from(values).buffer);
    return this.constant(name, 'float32', shape, async () => bytes);
  }

  ints(name: string, values: readonly number[]): string {
    const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    return this.constant(name, 'int64', [values.length], async () => bytes);
  }

  /** A whole number without dimensions. */
  scalar(name: string, value: number): string {
    const bytes = new Uint8Array(BigInt64Array.of(BigInt(value)).buffer);
    return this.constant(name, 'int64', [], async () => bytes);
  }

  /** The name of a size that nothing fixes. */
  openSize(): string {
    return `size_${++this.sizes}`;
  }

  /** Keeps a name for the graph's own inputs. */
  reserve(name: string): void {
    this.names.add(name);
  }

  /** The name, or one with a number behind it where it is taken. */
  unique(name: string): string {
    let candidate = name;
    for (let i = 1; this.names.has(candidate); i++) candidate = `${name}_${i}`;
    this.names.add(candidate);
    return candidate;
  }
}

export const int = (value: number): AttributeValue => ({ kind: 'int', value });
export const float = (value: number): AttributeValue => ({ kind: 'float', value });
export const ints = (...value: readonly number[]): AttributeValue => ({ kind: 'ints', value });
export const text = (value: string): AttributeValue => ({ kind: 'string', value });
export const texts = (value: readonly string[]): AttributeValue => ({ kind: 'strings', value });
