import { weightForms } from '../engine/quantization/qconfigs';
import type { RowDto, RowPlaceDto, RowsQueryDto, RowsSortDto } from '../protocol/rowsDto';
import { type ModuleNode, ownName, storedAs, type TensorEntry, walk } from './moduleTree';
import { bytesUnder, type QuantizePlan, staysFloat } from './quantizePlan';

/** What the rows show besides the tree: null before there is a spec. */
export interface RowsContext {
  readonly plan: QuantizePlan | null;
  /** Signal to quantization noise by tensor name, for weights that were quantized. */
  readonly sqnrDb: ReadonlyMap<string, number>;
  /** By module path. */
  readonly moduleSqnrDb: ReadonlyMap<string, number>;
  /** Things in the file that are neither tensor nor module, such as calls that were not made. */
  readonly opaque: readonly { readonly path: string; readonly name: string }[];
}

/** One visible line of the tree before it is dressed as a row. */
type Line =
  | {
      readonly kind: 'module';
      readonly node: ModuleNode;
      readonly level: number;
      readonly position: number;
      readonly size: number;
      readonly expanded: boolean;
    }
  | {
      readonly kind: 'tensor';
      readonly tensor: TensorEntry;
      readonly owner: ModuleNode;
      readonly level: number;
      readonly position: number;
      readonly size: number;
    }
  | {
      readonly kind: 'opaque';
      readonly path: string;
      readonly name: string;
      readonly level: number;
      readonly position: number;
      readonly size: number;
    };

function lineId(line: Line): string {
  if (line.kind === 'module') return `m:${line.node.path}`;
  return line.kind === 'tensor' ? `t:${line.tensor.name}` : `o:${line.path}`;
}

/** A model of up to so many tensors opens fully expanded; a larger one down to the root's children. */
const expandAllTensors = 200;

/** The visible lines of a tree in one state of filter and expansion; `page` dresses a part of them. */
export class TreeRows {
  private readonly lines: readonly Line[];

  constructor(
    root: ModuleNode,
    query: Pick<RowsQueryDto, 'filter' | 'toggled' | 'base' | 'sort'>,
    private readonly context: RowsContext,
  ) {
    this.lines = visibleLines(root, query, context.opaque, order(query.sort ?? null, context));
  }

  get total(): number {
    return this.lines.length;
  }

  /** Where a row stands among the visible lines. */
  place(id: string): RowPlaceDto {
    const index = this.lines.findIndex((line) => lineId(line) === id);
    if (index >= 0) return { index, collapsed: [] };
    const name = id.slice(2);
    const hiding = this.lines.filter(
      (line) =>
        line.kind === 'module' && !line.expanded && (line.node.path === '' || name.startsWith(`${line.node.path}.`)),
    );
    return { index: -1, collapsed: hiding.map(lineId) };
  }

  page(start: number, count: number): RowDto[] {
    return this.lines.slice(start, start + count).map((line) => this.dress(line));
  }

  private dress(line: Line): RowDto {
    const common = { level: line.level, setSize: line.size, posInSet: line.position };
    if (line.kind === 'opaque') {
      const label = line.path.split('.').at(-1) ?? line.path;
      return {
        ...emptyRow,
        ...common,
        id: `o:${line.path}`,
        kind: 'opaque',
        label,
        fullName: line.path,
        repr: line.name,
        note: 'not built',
      };
    }
    return line.kind === 'module'
      ? this.moduleRow(line.node, line.expanded, common)
      : this.tensorRow(line.tensor, line.owner, common);
  }

  private moduleRow(
    node: ModuleNode,
    expanded: boolean,
    common: Pick<RowDto, 'level' | 'setSize' | 'posInSet'>,
  ): RowDto {
    const { plan, moduleSqnrDb } = this.context;
    const afterBytes = plan?.bytesAfter.get(node.path) ?? node.bytes;
    const replaced = plan?.quantized.has(node.path) ?? false;
    const note =
      (node.kind === undefined && plan?.candidates === undefined) || replaced
        ? ''
        : (plan?.skipped.find(({ path }) => path === node.path)?.reason ?? '');
    return {
      ...emptyRow,
      ...common,
      id: `m:${node.path}`,
      kind: 'module',
      label: node.name,
      fullName: node.path,
      moduleType: node.type,
      repr: node.repr,
      dtype: dtypeOf(node),
      bytes: node.bytes,
      tensorCount: node.tensorCount,
      expanded: node.children.length + node.tensors.length > 0 ? expanded : null,
      ticked: plan === null ? null : tickState(node, plan),
      note,
      after:
        plan === null || (!replaced && afterBytes === node.bytes)
          ? null
          : {
              dtype: replaced ? dtypeAfter(plan, node.path) : 'mixed',
              bytes: afterBytes,
              sqnrDb: moduleSqnrDb.get(node.path) ?? null,
            },
    };
  }

  private tensorRow(
    tensor: TensorEntry,
    owner: ModuleNode,
    common: Pick<RowDto, 'level' | 'setSize' | 'posInSet'>,
  ): RowDto {
    const { plan, sqnrDb } = this.context;
    const replaced = plan?.weights.has(tensor.name) ?? false;
    return {
      ...emptyRow,
      ...common,
      id: `t:${tensor.name}`,
      kind: 'tensor',
      label: ownName(tensor.name, owner.path),
      fullName: tensor.name,
      shape: tensor.shape,
      dtype: storedAs(tensor),
      bytes: tensor.bytes,
      note: tensor.tiedTo === undefined ? '' : `tied to ${tensor.tiedTo}`,
      after:
        plan !== null && replaced
          ? {
              dtype: dtypeAfter(plan, owner.path),
              bytes: bytesUnder(plan.qconfigs.get(owner.path) ?? 'default_dynamic', tensor, plan.halfStorage),
              sqnrDb: sqnrDb.get(tensor.name) ?? null,
            }
          : null,
    };
  }
}

/** What the weights of a replaced module are kept as. */
function dtypeAfter({ qconfigs }: QuantizePlan, path: string): string {
  const form = weightForms[qconfigs.get(path) ?? 'default_dynamic'];
  if (form.kind === 'table') return form.bits === 8 ? 'quint8' : 'quint4x2';
  return form.kind === 'int8' ? 'qint8' : 'float16';
}

const emptyRow: Omit<RowDto, 'id' | 'kind' | 'level' | 'setSize' | 'posInSet' | 'label' | 'fullName'> = {
  moduleType: '',
  repr: '',
  shape: null,
  dtype: '',
  bytes: 0,
  tensorCount: 0,
  expanded: null,
  ticked: null,
  note: '',
  after: null,
};

function dtypeOf(node: ModuleNode): string {
  const dtypes = new Set<string>();
  for (const { tensors } of walk(node)) {
    for (const tensor of tensors) dtypes.add(storedAs(tensor));
    if (dtypes.size > 1) return 'mixed';
  }
  return [...dtypes][0] ?? '';
}

/** Boxes stand on modules that can be quantized, on their ancestors, and, never ticked, on known modules that cannot. */
function tickState(node: ModuleNode, plan: QuantizePlan): RowDto['ticked'] {
  let on = 0;
  let off = 0;
  for (const below of walk(node)) {
    if (plan.quantized.has(below.path)) on++;
    else if (canBeTicked(below, plan)) off++;
    if (on > 0 && off > 0) return 'mixed';
  }
  if (on > 0) return 'true';
  return off > 0 || node.kind !== undefined ? 'false' : null;
}

function canBeTicked({ path, kind }: ModuleNode, { candidates }: QuantizePlan): boolean {
  if (candidates !== undefined) return candidates.has(path);
  return kind !== undefined && staysFloat(kind) === undefined;
}

function visibleLines(
  root: ModuleNode,
  { filter, toggled, base }: Pick<RowsQueryDto, 'filter' | 'toggled' | 'base'>,
  opaque: RowsContext['opaque'],
  order: Order,
): Line[] {
  const needle = filter.trim().toLowerCase();
  const matching = needle === '' ? undefined : matches(root, needle);
  const flipped = new Set(toggled);
  const expandedByDefault = (node: ModuleNode, level: number) =>
    base === 'all' || (base === 'default' && !node.optimizer && (level === 1 || root.tensorCount <= expandAllTensors));
  const isExpanded = (node: ModuleNode, level: number) =>
    matching !== undefined || expandedByDefault(node, level) !== flipped.has(`m:${node.path}`);

  const lines: Line[] = [];
  const stack: Line[] = [{ kind: 'module', node: root, level: 1, position: 1, size: 1, expanded: isExpanded(root, 1) }];
  for (let line = stack.pop(); line !== undefined; line = stack.pop()) {
    lines.push(line);
    if (line.kind !== 'module' || !line.expanded) continue;
    const below = childLines(
      line.node,
      line.level + 1,
      matching,
      isExpanded,
      line.node === root && matching === undefined ? opaque : [],
      order,
    );
    for (let i = below.length - 1; i >= 0; i--) stack.push(below[i]);
  }
  return lines;
}

function childLines(
  node: ModuleNode,
  level: number,
  matching: Matches | undefined,
  isExpanded: (node: ModuleNode, level: number) => boolean,
  opaque: RowsContext['opaque'],
  order: Order,
): Line[] {
  const tensors = matching === undefined ? node.tensors : node.tensors.filter(({ name }) => matching.tensors.has(name));
  const children =
    matching === undefined ? node.children : node.children.filter(({ path }) => matching.modules.has(path));
  const place = { level, position: 0, size: tensors.length + children.length + opaque.length };
  const own = [
    ...tensors.map((tensor): Line => ({ kind: 'tensor', tensor, owner: node, ...place })),
    ...children.map((child): Line => ({ kind: 'module', node: child, expanded: isExpanded(child, level), ...place })),
  ];
  if (order !== undefined) own.sort(order);
  const lines = [...own, ...opaque.map(({ path, name }): Line => ({ kind: 'opaque', path, name, ...place }))];
  return lines.map((line, i) => ({ ...line, position: i + 1 }));
}

/** How the rows below one module are sorted; undefined for the order of the file. */
type Order = ((a: Line, b: Line) => number) | undefined;

function order(sort: RowsSortDto | null, { sqnrDb, moduleSqnrDb }: RowsContext): Order {
  if (sort === null) return undefined;
  const { by, descending } = sort;
  const key = (line: Line): string | number => {
    if (line.kind === 'opaque') return '';
    const [name, type, bytes, error] =
      line.kind === 'module'
        ? [line.node.name, line.node.type, line.node.bytes, moduleSqnrDb.get(line.node.path)]
        : [line.tensor.name, storedAs(line.tensor), line.tensor.bytes, sqnrDb.get(line.tensor.name)];
    // What was not quantized has no error and stands behind everything that has one.
    const worst = descending ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    return { name, type, size: bytes, sqnr: error ?? worst }[by];
  };
  const names = new Intl.Collator('en', { numeric: true });
  return (a, b) => {
    const [x, y] = [key(a), key(b)];
    const rising =
      typeof x === 'number' && typeof y === 'number' ? compareNumbers(x, y) : names.compare(`${x}`, `${y}`);
    return descending ? -rising : rising;
  };
}

/** Infinities are equal to themselves here, unlike in a difference. */
function compareNumbers(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

interface Matches {
  readonly modules: ReadonlySet<string>;
  readonly tensors: ReadonlySet<string>;
}

/** Names that contain the text, with every ancestor of a match. */
function matches(root: ModuleNode, needle: string): Matches {
  const modules = new Set<string>();
  const tensors = new Set<string>();
  const nodes = [...walk(root)];
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i];
    const own = node.path.toLowerCase().includes(needle) || node.type.toLowerCase().includes(needle);
    for (const { name } of node.tensors) if (own || name.toLowerCase().includes(needle)) tensors.add(name);
    const below =
      node.tensors.some(({ name }) => tensors.has(name)) || node.children.some(({ path }) => modules.has(path));
    if (own || below) modules.add(node.path);
  }
  return { modules, tensors };
}
